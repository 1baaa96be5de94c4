"""Which lines of a load repeat an identity, within the load or of anything ever stored. The first accepted event counts.

This is the whole identity check. To make it cheaper, change how `known_before` searches the index and nothing else.
"""

from __future__ import annotations

from ingestion.sql.stage import IS_EVENT, Stage


def known_before(stage: Stage) -> str:
    """INSERT into the stage's `counting`: the identities of the load that earlier batches stored."""
    return f"""
INSERT INTO {stage.counting} (identity_hash, content_hash, batch_seq, line_number)
SELECT identity_hash, content_hash, batch_seq, 0
FROM {stage.settings.database("raw")}.event_identities
WHERE identity_hash IN (SELECT identity_hash FROM {stage.incoming} WHERE {IS_EVENT})
"""


def repeated_within(stage: Stage, *, batch_seq: int) -> str:
    """INSERT into `counting`: of the other identities, those that several lines of the load carry, with the first line."""
    return f"""
INSERT INTO {stage.counting} (identity_hash, content_hash, batch_seq, line_number)
SELECT identity_hash, argMin(content_hash, incoming.line_number), {batch_seq}, min(incoming.line_number)
FROM {stage.incoming} AS incoming
WHERE {IS_EVENT} AND identity_hash NOT IN (SELECT identity_hash FROM {stage.counting})
GROUP BY identity_hash
HAVING count() > 1
"""


def refused_lines(stage: Stage) -> str:
    """INSERT into the stage's `refused`: each line whose identity another event has; a conflict where its content differs."""
    return f"""
INSERT INTO {stage.refused} (line_number, is_conflict, first_batch_seq)
SELECT incoming.line_number, incoming.content_hash != counting.content_hash, counting.batch_seq
FROM {stage.incoming} AS incoming
INNER JOIN {stage.counting} AS counting ON incoming.identity_hash = counting.identity_hash
WHERE {IS_EVENT} AND incoming.line_number != counting.line_number
"""
