"""Which lines of a load repeat an identity, within the load or of anything ever stored. The first accepted one counts.

This is the whole identity check: to make it cheaper, change `stored` and nothing else.
"""

from __future__ import annotations

from ingestion.sql.stage import Stage

IS_EVENT = "NOT is_blank AND reason_code = ''"


def find_refused(stage: Stage, *, batch_seq: int) -> str:
    """INSERT into the stage's `refused`: a row a line whose identity is taken; is_conflict where its content differs."""
    identities = f"{stage.settings.database('raw')}.event_identities"
    return f"""
INSERT INTO {stage.refused} (line_number, is_conflict, first_batch_seq)
WITH
stored AS
(
    SELECT identity_hash, content_hash, batch_seq
    FROM {identities}
    WHERE identity_hash IN (SELECT identity_hash FROM {stage.incoming} WHERE {IS_EVENT})
),
repeated AS
(
    SELECT identity_hash, min(line_number) AS first_line, argMin(content_hash, line_number) AS first_content
    FROM {stage.incoming}
    WHERE {IS_EVENT}
    GROUP BY identity_hash
    HAVING count() > 1
)
SELECT incoming.line_number, incoming.content_hash != stored.content_hash, stored.batch_seq
FROM {stage.incoming} AS incoming
INNER JOIN stored ON incoming.identity_hash = stored.identity_hash
WHERE {IS_EVENT}
UNION ALL
SELECT incoming.line_number, incoming.content_hash != repeated.first_content, {batch_seq}
FROM {stage.incoming} AS incoming
INNER JOIN repeated ON incoming.identity_hash = repeated.identity_hash
WHERE {IS_EVENT} AND incoming.line_number != repeated.first_line
    AND incoming.identity_hash NOT IN (SELECT identity_hash FROM stored)
"""
