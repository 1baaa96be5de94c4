"""Faults at seeded moments of a tick: the tables end as in a run that nobody disturbed. `meterhouse bench faults` plays more seeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.faults import FAULT_COLUMNS, KINDS, kinds_of, play, prepared
from benchmarks.faults_ground import Prepared


@pytest.fixture(scope="module")
def ground() -> Iterator[Prepared]:
    with prepared() as ground:
        yield ground


@pytest.mark.parametrize("seed", range(1, 6))
def test_ticks_that_are_struck_in_every_way_end_in_the_tables_of_an_undisturbed_run(ground: Prepared, seed: int) -> None:
    figures = play(ground, seeds=1, seed=seed, tell=print)

    assert figures.failures == []
    rows = {row["kind"]: row for row in figures.rows()}
    assert tuple(rows["all"]) == FAULT_COLUMNS
    assert {kind for kind in KINDS if rows[kind]["survived"]} == set(kinds_of(seed))
    # A moment can be missed where the command is quicker than the one that was measured, but not both.
    assert rows["all"]["hits"]


def test_any_five_seeds_have_every_kind() -> None:
    for seed in range(20):
        assert {kind for own in range(seed, seed + 5) for kind in kinds_of(own)} == set(KINDS)
