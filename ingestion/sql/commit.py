"""From the stage into raw and ops, statement by statement. Nothing is visible as loaded before the row in ops.batches."""

from __future__ import annotations

from ingestion.sql.identity import IS_EVENT
from ingestion.sql.literals import text
from ingestion.sql.stage import Stage

_USAGE_COLUMNS = (
    "source, event_id, resource_id, event_at, account_id, project_id, region, metric, quantity, value, labels, sequence, line_number"
)
_LIFECYCLE_COLUMNS = "source, event_id, resource_id, event_at, kind, sequence, account_id, project_id, region, resource_type, state, metrics, labels, line_number"
_CONTENT = (
    "toJSONString(map('account_id', account_id, 'project_id', project_id, 'region', toString(region), 'subject', resource_id,"
    " 'time', toString(event_at), 'metric', toString(metric), 'quantity', toString(quantity), 'value', value, 'state', toString(state),"
    " 'resource_type', toString(resource_type), 'sequence', toString(sequence), 'metrics', toString(metrics), 'labels', toString(labels)))"
)


def move_rows(stage: Stage, *, batch_seq: int, batch_id: str, now_milliseconds: int) -> list[str]:
    """Statements that write everything of a batch but its row in ops.batches, in an order that does not matter."""
    raw, ops = stage.settings.database("raw"), stage.settings.database("ops")
    accepted = f"{stage.incoming} WHERE {IS_EVENT} AND line_number NOT IN (SELECT line_number FROM {stage.refused})"
    now = f"fromUnixTimestamp64Milli(toInt64({now_milliseconds}), 'UTC')"
    batch = text(batch_id)
    return [
        f"INSERT INTO {raw}.usage_events ({_USAGE_COLUMNS}, batch_seq) SELECT {_USAGE_COLUMNS}, {batch_seq} FROM {accepted} AND kind = 0",
        f"INSERT INTO {raw}.lifecycle_events ({_LIFECYCLE_COLUMNS}, batch_seq)"
        f" SELECT {_LIFECYCLE_COLUMNS}, {batch_seq} FROM {accepted} AND kind > 0",
        f"INSERT INTO {raw}.event_identities (identity_hash, content_hash, batch_seq, arrived_at)"
        f" SELECT identity_hash, content_hash, {batch_seq}, toDateTime({now}) FROM {accepted}",
        f"INSERT INTO {raw}.usage_windows (batch_seq, hour_at, account_id, resource_id, last_event_at)"
        f" SELECT {batch_seq}, toStartOfHour(event_at) AS hour_at, account_id, resource_id, max(event_at) FROM {accepted} AND kind = 0"
        " GROUP BY hour_at, account_id, resource_id",
        f"INSERT INTO {raw}.lifecycle_windows (batch_seq, source, resource_id, first_event_at, last_event_at)"
        f" SELECT {batch_seq}, source, resource_id, min(event_at), max(event_at) FROM {accepted} AND kind > 0 GROUP BY source, resource_id",
        f"INSERT INTO {ops}.rejected_events (batch_seq, batch_id, line_number, reason_code, raw_line, rejected_at)"
        f" SELECT {batch_seq}, {batch}, line_number, reason_code, raw_line, {now} FROM {stage.incoming} WHERE reason_code != ''",
        f"INSERT INTO {ops}.event_conflicts (batch_seq, batch_id, line_number, source, event_id, first_batch_id, content, recorded_at)"
        f" SELECT {batch_seq}, {batch}, incoming.line_number, source, event_id,"
        f" if(refused.first_batch_seq = {batch_seq}, {batch}, batches.batch_id), {_CONTENT}, {now}"
        f" FROM {stage.incoming} AS incoming"
        f" INNER JOIN (SELECT * FROM {stage.refused} WHERE is_conflict) AS refused ON incoming.line_number = refused.line_number"
        f" LEFT ANY JOIN {ops}.batches AS batches ON refused.first_batch_seq = batches.batch_seq",
    ]


def count_lines(stage: Stage) -> str:
    """SELECT of lines, blank, accepted, duplicates, conflicts, rejected, and of first and last instant accepted."""
    is_accepted = f"({IS_EVENT} AND line_number NOT IN (SELECT line_number FROM {stage.refused}))"
    return (
        f"SELECT count(), countIf(is_blank), countIf({is_accepted}),"
        f" (SELECT countIf(NOT is_conflict) FROM {stage.refused}), (SELECT countIf(is_conflict) FROM {stage.refused}),"
        f" countIf(reason_code != ''), minIf(event_at, {is_accepted}), maxIf(event_at, {is_accepted}) FROM {stage.incoming}"
    )
