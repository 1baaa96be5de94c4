"""Which lines of a load repeat an identity, within the load or of anything ever stored. The first accepted event counts.

This is the whole identity check. Stored identities lie sorted by their hash, and so do those of the load. A load that is
large beside them is found by merging: the index is read once in its own order, some 5 ns an identity, part by part, because
parts that overlap would be merged row by row first, at ten times the cost. A small load looks its hashes up by the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.sql.literals import text
from ingestion.sql.stage import PLACE, Stage

# Merging reads every stored identity; looking up reads a granule of raw.identities for each of the load's, and finds each
# row of it in a set, which takes some five times as long as merging a row.
_LOOKUP_ROWS = 5 * 1024


@dataclass(frozen=True, kw_only=True)
class Part:
    """An active part of raw.identities."""

    name: str
    rows: int


def stored_parts(stage: Stage) -> str:
    """SELECT of the parts of raw.identities, as the columns of Part."""
    return (
        "SELECT name, rows FROM system.parts"
        f" WHERE active AND database = {text(stage.settings.database('raw'))} AND table = 'identities' ORDER BY name"
    )


def of_load(stage: Stage, *, as_a_whole: bool) -> str:
    """INSERT into the stage's `identities`: each event's identity, sorted by hash.

    Args:
        stage: all of whose lines are read.
        as_a_whole: whether its parts shall not overlap, so that they are read one after the other; else each block is sorted by
            itself, which takes half as long, and they are merged row by row whenever they are read in order.
    """
    return f"""
INSERT INTO {stage.identities} (identity_high, identity_low, content_hash, {PLACE})
SELECT identity_high, identity_low, content_hash, {PLACE}
FROM {stage.hashes}
{"ORDER BY identity_high, identity_low" if as_a_whole else ""}
"""


def known_before(stage: Stage, parts: Sequence[Part], *, events: int) -> str:
    """INSERT into the stage's `counting`: the identities of the load that earlier batches stored, but for those it has.

    Args:
        stage: with its `identities` filled.
        parts: of raw.identities, to look into; of one that is no longer there it finds nothing.
        events: of the load.
    """
    merged = sum(part.rows for part in parts) < events * _LOOKUP_ROWS
    found = " UNION ALL ".join(_merged_with(stage, part) for part in parts) if merged else _looked_up(stage, parts)
    return f"""
INSERT INTO {stage.counting} (identity_high, identity_low, content_hash, {PLACE})
SELECT DISTINCT identity_high, identity_low, content_hash, batch_seq, 0 FROM ({found})
WHERE (identity_high, identity_low) NOT IN (SELECT identity_high, identity_low FROM {stage.counting})
SETTINGS join_algorithm = 'full_sorting_merge'
"""


def _merged_with(stage: Stage, part: Part) -> str:
    return f"""
SELECT stored.identity_high AS identity_high, stored.identity_low AS identity_low, stored.content_hash AS content_hash, stored.batch_seq AS batch_seq
FROM (SELECT * FROM {stage.settings.database("raw")}.identities WHERE _part = {text(part.name)}) AS stored
INNER JOIN {stage.identities} AS incoming ON stored.identity_high = incoming.identity_high
WHERE stored.identity_low = incoming.identity_low"""


def _looked_up(stage: Stage, parts: Sequence[Part]) -> str:
    return f"""
SELECT identity_high, identity_low, content_hash, batch_seq
FROM {stage.settings.database("raw")}.identities
WHERE
    _part IN ({", ".join(text(part.name) for part in parts)})
    AND identity_high IN (SELECT identity_high FROM {stage.identities})
    AND (identity_high, identity_low) IN (SELECT identity_high, identity_low FROM {stage.identities})"""


def repeated_within(stage: Stage) -> str:
    """INSERT into `counting`: of the other identities, those that several lines of the load carry, with the first line."""
    return f"""
INSERT INTO {stage.counting} (identity_high, identity_low, content_hash, {PLACE})
SELECT
    identity_high,
    identity_low,
    argMin(content_hash, (incoming.batch_seq, incoming.line_number)),
    tupleElement(min((incoming.batch_seq, incoming.line_number)) AS first, 1),
    tupleElement(first, 2)
FROM {stage.identities} AS incoming
WHERE
    identity_high IN (SELECT identity_high FROM {stage.identities} GROUP BY identity_high HAVING count() > 1)
    AND (identity_high, identity_low) NOT IN (SELECT identity_high, identity_low FROM {stage.counting})
GROUP BY identity_high, identity_low
HAVING count() > 1
"""


def refused_lines(stage: Stage) -> str:
    """INSERT into the stage's `refused`: each line whose identity another event has; a conflict where its content differs."""
    return f"""
INSERT INTO {stage.refused} ({PLACE}, is_conflict, first_batch_seq)
SELECT incoming.batch_seq, incoming.line_number, incoming.content_hash != counting.content_hash, counting.batch_seq
FROM {stage.identities} AS incoming
INNER JOIN {stage.counting} AS counting
    ON incoming.identity_high = counting.identity_high AND incoming.identity_low = counting.identity_low
WHERE (incoming.batch_seq, incoming.line_number) != (counting.batch_seq, counting.line_number)
"""
