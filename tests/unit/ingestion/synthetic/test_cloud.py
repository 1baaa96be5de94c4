"""The generated cloud: same arguments, same bytes; counts that a load must find; lines that look like the contract says."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingestion.catalog import read_catalog
from ingestion.synthetic import Generated, Shape, demo_input, generate, usage, write_cloud
from warehouse.errors import InputError

KINDS = {"usage.recorded", "resource.created", "resource.started", "resource.updated", "resource.stopped", "resource.deleted"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(events=20_000, seed=7, accounts=12, out=tmp_path_factory.mktemp("cloud") / "out")


def lines_of(cloud: Generated) -> list[str]:
    return [line for path in cloud.files for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def events_of(cloud: Generated) -> list[dict[str, Any]]:
    """All lines that are JSON objects with an account, in order, copies included."""
    parsed = []
    for line in lines_of(cloud):
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(event, dict) and event["type"] in KINDS and "account_id" in event["data"]:
            parsed.append(event)
    return parsed


def table(cloud: Generated, name: str) -> list[dict[str, str]]:
    with (cloud.catalog / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_same_arguments_give_the_same_bytes(cloud: Generated, tmp_path: Path) -> None:
    again = generate(events=20_000, seed=7, accounts=12, out=tmp_path / "again")
    for path in sorted(cloud.out.rglob("*")):
        if path.is_file():
            assert (again.out / path.relative_to(cloud.out)).read_bytes() == path.read_bytes(), path.name


def test_the_lines_are_those_of_any_other_machine(cloud: Generated) -> None:
    # Changes only when the generator is meant to write other lines; benchmarks of before and after then differ in input.
    assert cloud.content_sha256 == "ca43dd2c53bb8d4d4e4b546e6a4b33106ec59956f79649da08653a5e4b3e4644"


def test_another_seed_gives_another_cloud(cloud: Generated, tmp_path: Path) -> None:
    assert generate(events=20_000, seed=8, accounts=12, out=tmp_path).content_sha256 != cloud.content_sha256


def test_the_lines_do_not_depend_on_the_size_of_a_block(cloud: Generated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "BLOCK", 777)
    assert generate(events=20_000, seed=7, accounts=12, out=tmp_path).content_sha256 == cloud.content_sha256


@pytest.mark.parametrize(("events", "accounts"), [(1, 1), (7, 3), (100, 1), (999, 50), (5_000, 1)])
def test_exactly_as_many_lines_as_asked_for_are_written(tmp_path: Path, events: int, accounts: int) -> None:
    cloud = generate(events=events, seed=1, accounts=accounts, out=tmp_path)
    assert len(lines_of(cloud)) == cloud.lines == events
    assert cloud.accepted + cloud.duplicates + cloud.conflicts + sum(cloud.rejected.values()) == events


def test_the_counts_are_those_of_the_lines(cloud: Generated) -> None:
    first: dict[tuple[str, str], dict[str, Any]] = {}
    copies: Counter[str] = Counter()
    refused = 0
    for line in lines_of(cloud):
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            refused += 1
            continue
        if not isinstance(event, dict) or not _is_good(event):
            refused += 1
            continue
        identity = (event["source"], event["id"])
        if identity in first:
            copies["duplicate" if first[identity] == event else "conflict"] += 1
        else:
            first[identity] = event
    assert len(first) == cloud.accepted
    assert copies == {"duplicate": cloud.duplicates, "conflict": cloud.conflicts}
    assert refused == sum(cloud.rejected.values())
    assert sum(event["data"].get("metric") == usage.UNKNOWN_METRIC for event in first.values()) == cloud.unrated


def _is_good(event: dict[str, Any]) -> bool:
    """Whether none of the flaws that this generator makes is in the event."""
    data = event["data"]
    return (
        event["specversion"] == "1.0"
        and event["type"] in KINDS
        and "2025" < event["time"] < "2027"
        and len(event["time"]) == len("2026-01-01T00:00:00.000Z")
        and "account_id" in data
        and isinstance(data.get("labels", {}), dict)
        and not str(data.get("quantity", "")).startswith("-")
        and data.get("state") in {None, "running", "stopped"}
    )


def test_each_reason_of_refusal_comes_up(cloud: Generated) -> None:
    assert len(cloud.rejected) == 11
    assert all(cloud.rejected.values())


def test_the_events_run_over_the_month_into_the_next(cloud: Generated) -> None:
    times = sorted(event["time"] for event in events_of(cloud) if _is_good(event))
    assert times[0].startswith("2026-01-01T00:")
    assert times[-1].startswith("2026-02-01T23:")


def test_most_events_arrive_in_order_and_a_few_late(cloud: Generated) -> None:
    times = [event["time"] for event in events_of(cloud) if _is_good(event)]
    backwards = sum(later < earlier for earlier, later in pairwise(times))
    assert 0 < backwards < len(times) // 100


def test_all_kinds_of_events_and_all_metrics_of_the_catalog_come_up(cloud: Generated) -> None:
    events = events_of(cloud)
    assert {event["type"] for event in events} == KINDS
    told = {event["data"].get("metric") for event in events} | {name for event in events for name in event["data"].get("metrics", ())}
    assert {sku["metric"] for sku in table(cloud, "skus")} <= told


def test_machines_move_between_projects_and_accounts_and_are_resized(cloud: Generated) -> None:
    lives: dict[str, list[dict[str, Any]]] = {}
    for event in events_of(cloud):
        if event["type"].startswith("resource.") and _is_good(event):
            lives.setdefault(event["subject"], []).append(event["data"])
    assert any(len({data["account_id"] for data in life}) > 1 for life in lives.values())
    assert any(len({data["project_id"] for data in life}) > 1 for life in lives.values())
    assert any(len({json.dumps(data.get("metrics")) for data in life}) > 2 for life in lives.values())


def test_every_account_of_an_event_is_in_the_catalog_and_has_events(cloud: Generated) -> None:
    known = {row["account_id"] for row in table(cloud, "accounts")}
    assert len(known) == 12
    assert {event["data"]["account_id"] for event in events_of(cloud)} == known


def test_the_catalog_has_all_files_each_with_rows(cloud: Generated) -> None:
    for name in ("accounts", "skus", "prices", "price_tiers", "discounts", "commitments", "credits", "taxes", "budgets"):
        assert table(cloud, name), name
    assert {row["model"] for row in table(cloud, "prices")} == {"per_unit", "graduated", "volume", "package"}
    assert {row["aggregation"] for row in table(cloud, "skus")} == {"sum", "count", "max", "unique", "latest", "time_weighted"}


@pytest.mark.parametrize("accounts", [1, 12, 200])
def test_the_catalog_is_accepted_by_its_own_reader(tmp_path: Path, accounts: int) -> None:
    catalog = read_catalog(generate(events=10, seed=3, accounts=accounts, out=tmp_path).catalog)
    assert len(catalog.accounts) == accounts
    assert len(catalog.skus) == 12


def test_the_demo_has_customers_in_three_currencies(tmp_path: Path) -> None:
    cloud = demo_input(tmp_path)
    assert cloud.lines == 40_000
    assert {row["currency_code"] for row in table(cloud, "accounts")} == {"USD", "EUR", "JPY"}


def test_a_folder_of_an_earlier_call_is_replaced(tmp_path: Path) -> None:
    write_cloud(Shape(events=100, seed=1, accounts=1, least_files=9), tmp_path)
    cloud = write_cloud(Shape(events=100, seed=1, accounts=1, least_files=2), tmp_path)
    assert sorted(cloud.events.iterdir()) == list(cloud.files)
    assert len(cloud.files) == 2


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(InputError, match="did not write"):
        generate(events=10, seed=1, accounts=1, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(("events", "seed", "accounts"), [(0, 1, 1), (1, 1, 0), (1, -1, 1)])
def test_arguments_out_of_range_are_refused(tmp_path: Path, events: int, seed: int, accounts: int) -> None:
    with pytest.raises(InputError, match="--"):
        generate(events=events, seed=seed, accounts=accounts, out=tmp_path)
