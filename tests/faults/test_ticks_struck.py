"""Faults at seeded moments of a tick: the tables end as in a run that nobody disturbed. `meterhouse bench faults` plays more seeds."""

from __future__ import annotations

from benchmarks.faults import FAULT_COLUMNS, KINDS, kinds_of, play, prepared

SEEDS = 5


def test_ticks_that_are_struck_in_every_way_end_in_the_tables_of_an_undisturbed_run() -> None:
    with prepared() as ground:
        figures = play(ground, seeds=SEEDS, seed=1, tell=print)

    assert figures.failures == []
    assert figures.schedules == SEEDS
    rows = {row["kind"]: row for row in figures.rows()}
    assert all(tuple(row) == FAULT_COLUMNS for row in rows.values())
    assert {row["kind"] for row in rows.values() if row["survived"]} == {*KINDS, "all"}
    assert rows["all"]["faults"] == rows["all"]["survived"] == 2 * SEEDS
    # A moment can be missed: the command may be quicker than the one that was measured.
    assert int(str(rows["all"]["hits"])) >= SEEDS


def test_any_five_seeds_have_every_kind() -> None:
    for seed in range(20):
        assert {kind for own in range(seed, seed + 5) for kind in kinds_of(own)} == set(KINDS)
