"""Finds the lines of a load that repeat an identity: the steps of the check, whose SQL stands in sql/identity.py."""

from __future__ import annotations

from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from ingestion.sql import identity
from ingestion.sql.stage import Stage


def find_repeats(client: Client, stage: Stage, *, run: Callable[[str], object]) -> None:
    """Fill the stage's `identities`, `counting` and `refused` from its `hashes`.

    Args:
        client: of the pipeline user, to look with.
        stage: all of whose lines are read.
        run: sends a statement that writes.
    """
    # The load's identities are read in order once for each part of the stored ones.
    run(identity.of_load(stage, as_a_whole=len(_parts(client, stage)) > 1))
    _find_known(client, stage, run=run)
    run(identity.repeated_within(stage))
    run(identity.refused_lines(stage))


def _find_known(client: Client, stage: Stage, *, run: Callable[[str], object]) -> None:
    """Find what is stored already. Merges of the server's own replace parts; those that came during a search are searched next.

    A part's name never comes back, and only loads add rows, of which this is the only one: a part that is there before and
    after a search was searched, and once that holds for all parts, it holds for every row.
    """
    events = client.query(f"SELECT count() FROM {stage.identities}").result_rows[0][0]
    searched: set[identity.Part] = set()
    left = _parts(client, stage)
    while left and events:
        run(identity.known_before(stage, left, events=events))
        there = _parts(client, stage)
        searched.update(part for part in left if part in there)
        left = [part for part in there if part not in searched]


def _parts(client: Client, stage: Stage) -> list[identity.Part]:
    return [identity.Part(name=name, rows=rows) for name, rows in client.query(identity.stored_parts(stage)).result_rows]
