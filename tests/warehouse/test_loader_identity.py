"""Stored identities are found whichever way they are searched for, and whatever the server merges meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from ingestion import repeats
from ingestion.sql import identity
from ingestion.sql.stage import Stage
from tests.warehouse.loader.deployments import Deployment, open_deployment
from tests.warehouse.loader.lines import usage
from warehouse.settings import Settings


@pytest.fixture
def deployment(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


def _lines(*numbers: int, quantity: str = '"1"') -> list[str]:
    return [usage(id=f'"e-{number}"', quantity=quantity) for number in numbers]


@pytest.mark.parametrize("lookup_rows", [0, 1_000_000], ids=["looked up", "merged"])
def test_what_earlier_batches_stored_is_found(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, lookup_rows: int) -> None:
    monkeypatch.setattr(identity, "_LOOKUP_ROWS", lookup_rows)
    deployment.load(_lines(*range(300)), name="first.jsonl")
    deployment.load(_lines(*range(300, 600)), name="second.jsonl")

    found = deployment.load(_lines(5, 305, 305, 600, 600) + _lines(7, 307, quantity='"2"'), name="third.jsonl")

    assert (found.accepted, found.duplicates, found.conflicts) == (1, 4, 2)
    assert len(deployment.rows("raw.identities")) == 601


@pytest.mark.parametrize("merged", ["before", "after"])
def test_parts_that_a_merge_replaced_are_searched_and_what_was_found_counts_once(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, merged: str
) -> None:
    deployment.load(_lines(*range(300)), name="first.jsonl")
    deployment.load(_lines(*range(300, 600)), name="second.jsonl")
    listed = repeats._parts
    looks: list[int] = []

    def merging(client: Client, stage: Stage) -> list[identity.Part]:
        """A merge right before the first search, of whose parts it then finds none, or right after it, of which it found all.

        Parts are listed once before: whether the load's identities are sorted as a whole depends on their number.
        """
        merge = f"OPTIMIZE TABLE {stage.settings.database('raw')}.identities FINAL"
        if len(looks) == 2 and merged == "after":
            client.command(merge)
        parts = listed(client, stage)
        if len(looks) == 1 and merged == "before":
            client.command(merge)
        looks.append(len(parts))
        return parts

    monkeypatch.setattr(repeats, "_parts", merging)
    found = deployment.load(_lines(5, 305, 600), name="third.jsonl")

    assert (found.accepted, found.duplicates, found.conflicts) == (1, 2, 0)
    assert looks == [2, 2, 1, 1], "the parts that were listed first were gone after the first search"
