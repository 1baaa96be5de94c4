"""The tick on the real engine: what it loads, what it refuses, what it leaves as it was."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from control.settings import ControlSettings
from orchestration.catalog import apply_folder
from orchestration.deployment import Deployment
from orchestration.loading import load_sources
from orchestration.quality.gate import QualityGate, open_gate
from orchestration.quality.suite import Expectation
from orchestration.report import CheckFailedError, RunReport
from tests.pipeline import RebuildRange, close_month, run_tick
from warehouse.errors import InputError, RefusedError
from warehouse.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore")  # of Dagster and dbt, about each other

PUBLIC = (
    ("metering", "consumption_hourly"),
    ("rating", "charges_hourly"),
    ("rating", "unrated_consumption"),
    ("invoicing", "invoices"),
    ("invoicing", "invoice_lines"),
)
CATALOG = {
    "accounts.csv": "account_id,name,currency_code,country_code,tax_id,is_tax_exempt,email,gateway,payment_terms_days\n"
    "acc-1,One,USD,US,,false,,,14\n",
    "skus.csv": "sku_id,service,name,metric,region,unit,aggregation,billed_when,divisor\n"
    "egress,Network,Traffic,storage.egress_bytes,,GiB,sum,,1\n",
    "prices.csv": "price_id,sku_id,account_id,currency_code,model,unit_price,package_size,valid_from,valid_to\n"
    "egress-usd,egress,,USD,per_unit,0.08,,2026-01-01,\n",
}


def event(number: int, *, metric: str = "storage.egress_bytes", at: str = "2026-01-10T00:00:00Z") -> str:
    data = {"account_id": "acc-1", "metric": metric, "quantity": "10"}
    return json.dumps(
        {"specversion": "1.0", "id": f"e-{number}", "source": "/s", "type": "usage.recorded", "subject": "b", "time": at, "data": data}
    )


@pytest.fixture(scope="module")
def gate(server: Settings) -> Iterator[QualityGate]:
    """Great Expectations imports for seconds, so one process serves all tests."""
    with open_gate(server) as opened:
        yield opened


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


@pytest.fixture
def deployment(settings: Settings, landing: Path, client: Client, tmp_path: Path) -> Deployment:
    """A deployment with a catalog, a landing zone and no tick yet."""
    own = settings.model_copy(update={"landing": str(landing), "now_text": "2026-02-03T00:00:00Z"})
    deployment = Deployment(settings=own, control_settings=ControlSettings(_env_file=None), lease_wait_seconds=0.0)
    folder = tmp_path / "catalog"
    folder.mkdir()
    for name, text in CATALOG.items():
        (folder / name).write_text(text)
    with deployment.control() as control:
        apply_folder(control, client, own, folder)
    return deployment


Tick = Callable[..., RunReport]


@pytest.fixture
def tick(deployment: Deployment, gate: QualityGate) -> Tick:
    """One tick, as `meterhouse run` or `meterhouse rebuild` would make it."""

    def run(rebuild: RebuildRange | None = None) -> RunReport:
        with deployment.alone("a test"):
            return run_tick(deployment, gate, rebuild=rebuild)

    return run


def committed(client: Client, deployment: Deployment) -> list[int]:
    ops = deployment.settings.database("ops")
    return [row[0] for row in client.query(f"SELECT tick_id FROM {ops}.ticks WHERE status = 'committed' ORDER BY tick_id").result_rows]


def content(client: Client, deployment: Deployment) -> dict[str, list[str]]:
    """Each public table as sorted text."""
    return {
        name: sorted(
            row[0] for row in client.query(f"SELECT toString(tuple(*)) FROM {deployment.settings.database(layer)}.{name}").result_rows
        )
        for layer, name in PUBLIC
    }


def test_a_tick_bills_what_landed_and_a_second_one_and_a_rebuild_change_nothing(
    deployment: Deployment, client: Client, landing: Path, tick: Tick
) -> None:
    (landing / "1.jsonl").write_text(event(1) + "\n" + event(2, metric="unknown.metric") + "\n")
    first = tick()
    assert [load.accepted for load in first.loads] == [2]
    assert [check.name for check in first.warnings] == ["usage_is_rated"]
    assert "unknown_metric" in first.warnings[0].figures
    tables = content(client, deployment)
    assert len(tables["invoices"]) == 1
    assert "0.8" in tables["invoices"][0]
    assert len(tables["unrated_consumption"]) == 1

    second = tick()
    assert second.loads == []
    assert second.tick is not None
    assert first.tick is not None
    assert second.tick.as_of == first.tick.as_of == datetime(2026, 1, 10, tzinfo=UTC)
    assert content(client, deployment) == tables

    tick(RebuildRange())
    assert content(client, deployment) == tables
    assert committed(client, deployment) == [1, 2, 3]


def test_tables_of_small_granules_have_plain_map_keys(deployment: Deployment, client: Client, tick: Tick) -> None:
    tick()
    maps = client.query(
        "SELECT table, name, type FROM system.columns WHERE startsWith(type, 'Map') AND endsWith(table, '_versions')"
        f" AND database IN ('{deployment.settings.database('metering')}', '{deployment.settings.database('rating')}')"
    ).result_rows
    assert len(maps) > 1
    assert [found for found in maps if "LowCardinality" in found[2]] == []


def test_weeks_are_merged_by_age_also_in_tables_of_an_earlier_version(deployment: Deployment, client: Client, tick: Tick) -> None:
    def ages() -> dict[str, int]:
        rows = client.query(
            "SELECT table, toInt64OrZero(extract(create_table_query, 'min_age_to_force_merge_seconds = (\\\\d+)')) FROM system.tables"
            f" WHERE database = '{rating}' AND endsWith(table, '_versions')"
        ).result_rows
        return dict(rows)

    rating, ops = deployment.settings.database("rating"), deployment.settings.database("ops")
    tick()
    made = ages()
    by_week = {"int_charged_daily_versions": 600, "int_on_demand_daily_versions": 600}
    assert made == dict.fromkeys(made, 0) | by_week
    assert len(made) > len(by_week)

    for table in made:  # as the version before left them
        client.command(f"ALTER TABLE {rating}.{table} RESET SETTING min_age_to_force_merge_seconds")
    client.command(f"CREATE OR REPLACE VIEW {ops}.int_project_version AS SELECT 'another' AS version")
    tick()
    assert ages() == made


def test_a_failed_blocking_check_is_named_and_the_tick_is_made_good_by_the_next_one(
    deployment: Deployment, client: Client, landing: Path, tick: Tick
) -> None:
    ops = deployment.settings.database("ops")
    (landing / "1.jsonl").write_text(event(1) + "\n")
    tick()
    (landing / "2.jsonl").write_text(event(2) + "\n")
    columns = "batch_seq, batch_id, source_name, location, lines, blank, rows_read, rows_accepted, loaded_at"
    lost = "99 + number, 'lost ' || toString(number), 'files', 'x', 7, 0, 7, 0, now64(3)"
    client.command(f"INSERT INTO {ops}.batches ({columns}) SELECT {lost} FROM numbers(5)")
    with pytest.raises(CheckFailedError, match=r"event_accounting_adds_up \(batch_id=lost \d; lines=7.* and 2 more"):
        tick()
    assert committed(client, deployment) == [1]

    client.command(f"DELETE FROM {ops}.batches WHERE batch_id LIKE 'lost %' SETTINGS mutations_sync = 2")
    good = tick()
    assert good.tick is not None
    assert (good.tick.tick_id, good.tick.previous_tick_id) == (3, 1)
    assert [row[-2:] for row in content(client, deployment)["consumption_hourly"]]
    assert client.query(f"SELECT sum(quantity) FROM {deployment.settings.database('metering')}.consumption_hourly").result_rows[0][0] == 20


def test_rows_that_the_ledger_does_not_know_fail_the_tick(deployment: Deployment, client: Client, landing: Path, gate: QualityGate) -> None:
    (landing / "1.jsonl").write_text(event(1) + "\n")
    raw = deployment.settings.database("raw")
    with deployment.alone("a test"):
        load_sources(client, deployment.settings)
        client.command(f"INSERT INTO {raw}.usage_events SELECT * FROM {raw}.usage_events")
        with pytest.raises(CheckFailedError, match=r"raw_holds_what_batches_accepted.*said_accepted=1; stored_accepted=2"):
            run_tick(deployment, gate)
    assert committed(client, deployment) == []


def test_a_check_says_how_many_rows_it_finds_and_shows_the_first(
    settings: Settings, gate: QualityGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expectation(name: str, unexpected: str) -> Expectation:
        return Expectation(
            name=name, layer="raw", table="t", description="d", is_blocking=True, unexpected=unexpected,
            slice=lambda *_: "SELECT number, toDecimal256(number, 3) / 2 AS half, ['a', '\"'] AS texts FROM numbers(5000)",
        )  # fmt: skip

    found = expectation("found", "SELECT * FROM {batch} WHERE number > 9 ORDER BY number")
    none = expectation("none", "SELECT * FROM {batch} WHERE half < 0")
    monkeypatch.setattr("orchestration.quality.gate.SUITE", (found, none))

    outcomes = gate.look(settings, scope="all")

    assert [(outcome.name, outcome.is_passed) for outcome in outcomes] == [("found", False), ("none", True)]
    rows = [f"number={number}; half={number / 2:g}; texts=['a', '\"']" for number in (10, 11, 12)]
    assert [outcome.figures for outcome in outcomes] == [" | ".join(rows) + " and 4987 more", ""]


def test_two_ticks_at_once_are_refused_by_the_name_of_the_first(deployment: Deployment) -> None:
    with deployment.alone("meterhouse run"), pytest.raises(RefusedError, match="meterhouse run"), deployment.alone("meterhouse ingest"):
        pytest.fail("two held the lease")


def test_a_damaged_file_in_the_landing_zone_holds_up_no_other_but_no_month_is_closed_without_it(
    deployment: Deployment, landing: Path, gate: QualityGate, tick: Tick
) -> None:
    (landing / "1-cut.jsonl.gz").write_bytes(gzip.compress(event(1).encode() * 50)[:-20])
    (landing / "2.jsonl").write_text(event(2) + "\n" + event(3, at="2026-02-02T00:00:00Z") + "\n")
    report = tick()
    assert report.is_committed
    assert [load.accepted for load in report.loads] == [2]
    assert len(report.unreadable) == 1
    assert "1-cut.jsonl.gz" in report.unreadable[0]

    with deployment.alone("a test"), pytest.raises(InputError, match=r"1-cut\.jsonl\.gz"):
        close_month(deployment, gate, "2026-01")
    (landing / "1-cut.jsonl.gz").unlink()
    with deployment.alone("a test"):
        closed = close_month(deployment, gate, "2026-01")
    assert [invoice.invoice_number for invoice in closed.issued] == ["INV-000001"]
    assert {"issued_documents_are_unchanged", "numbers_have_no_gap", "ledger_balances"} <= {check.name for check in closed.checks}


def test_a_model_that_fails_is_named_in_one_sentence_and_the_next_run_makes_all_of_it(
    deployment: Deployment, client: Client, landing: Path, tick: Tick
) -> None:
    (landing / "1.jsonl").write_text(event(1) + "\n")
    raw = deployment.settings.database("raw")
    client.command(f"RENAME TABLE {raw}.catalog_taxes TO {raw}.hidden")
    with contextlib.ExitStack() as undo:
        undo.callback(client.command, f"RENAME TABLE {raw}.hidden TO {raw}.catalog_taxes")
        with pytest.raises(Exception, match=r"model staging\.stg_catalog__taxes failed: .*catalog_taxes") as caught:
            tick()
    assert "\n" not in str(caught.value)
    assert committed(client, deployment) == []
    # What it left half-made is of no version of the project, so the next run makes all of it anew, whatever it finds.
    version = f"SELECT version FROM {deployment.settings.database('ops')}.int_project_version"
    assert client.query(version).result_rows == [("",)]
    cells = f"{deployment.settings.database('metering')}.int_usage_cells"
    client.command(f"CREATE OR REPLACE TABLE {cells} (other String) ENGINE = MergeTree ORDER BY other")
    tick()
    assert len(committed(client, deployment)) == 1
    assert client.query(version).result_rows != [("",)]
