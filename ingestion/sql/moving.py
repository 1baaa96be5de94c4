"""From the stage into raw and ops. Nothing of it counts before the row in ops.batches, which is written last."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.sql.literals import text
from ingestion.sql.stage import IS_EVENT, Stage

# Tables that carry the rows of a batch under its batch_seq, by the layer they lie in.
BATCH_TABLES = {
    "raw": ("usage_events", "lifecycle_events", "identities", "usage_windows", "lifecycle_windows"),
    "ops": ("rejected_events", "event_conflicts"),
}

_USAGE = "source, event_id, resource_id, event_at, account_id, project_id, region, metric, quantity, value, labels, labels_hash, sequence, line_number"
_LIFECYCLE = (
    "source, event_id, resource_id, event_at, kind, sequence, account_id, project_id, region, resource_type, state, metrics, labels,"
    " labels_hash, line_number"
)
# The members of an event as they were read, for a person to compare.
_CONTENT = (
    "toJSONString(CAST((kind, event_at, resource_id, account_id, project_id, region, metric, toString(quantity), value, resource_type, state,"
    " mapApply((name, held) -> (name, toString(held)), metrics), labels, sequence),"
    " 'Tuple(kind Int8, time DateTime64(3, \\'UTC\\'), subject String, account_id String, project_id String, region String, metric String,"
    " quantity String, value String, resource_type String, state String, metrics Map(String, String), labels Map(String, String), sequence Int64)'))"
)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Where the lines of a load go. Each line is in one of blank, usage, lifecycle, duplicates, conflicts, rejected."""

    lines: int
    blank: int
    usage: int
    lifecycle: int
    duplicates: int
    conflicts: int
    rejected: int
    first_event_milliseconds: int  # of the accepted, since 1970; 0 where there is none
    last_event_milliseconds: int

    @property
    def accepted(self) -> int:
        """Lines whose event is stored."""
        return self.usage + self.lifecycle

    @property
    def adds_up(self) -> bool:
        """Whether each line is in exactly one place."""
        return self.lines == self.blank + self.accepted + self.duplicates + self.conflicts + self.rejected


@dataclass(frozen=True, kw_only=True)
class Move:
    """One INSERT into `table` that must write `rows` rows (None: as many as there are groups)."""

    table: str
    statement: str
    rows: int | None


def counting(stage: Stage) -> str:
    """SELECT of the values of Counts by name."""
    accepted = f"{IS_EVENT} AND line_number NOT IN (SELECT line_number FROM {stage.refused})"
    return (
        f"SELECT count() AS lines, countIf(is_blank) AS blank, countIf({accepted} AND kind = 0) AS usage,"
        f" countIf({accepted} AND kind > 0) AS lifecycle, (SELECT countIf(NOT is_conflict) FROM {stage.refused}) AS duplicates,"
        f" (SELECT countIf(is_conflict) FROM {stage.refused}) AS conflicts, countIf(notEmpty(reason_code)) AS rejected,"
        f" toUnixTimestamp64Milli(minIf(event_at, {accepted})) AS first_event_milliseconds,"
        f" toUnixTimestamp64Milli(maxIf(event_at, {accepted})) AS last_event_milliseconds"
        f" FROM {stage.incoming}"
    )


def moves(stage: Stage, counts: Counts, *, batch_seq: int, batch_id: str, now_milliseconds: int) -> list[Move]:
    """What writes everything of a batch but its row in ops.batches, in an order that does not matter."""
    raw, ops = stage.settings.database("raw"), stage.settings.database("ops")
    accepted = f"{stage.incoming} WHERE {IS_EVENT} AND line_number NOT IN (SELECT line_number FROM {stage.refused})"
    now, batch = _instant(now_milliseconds), text(batch_id)
    every = [
        # Not a table of batches: what an attempt that failed leaves here is true of any other.
        Move(
            table=f"{raw}.label_sets",
            statement="(labels_hash, labels) SELECT labels_hash, any(labels)"
            f" FROM {accepted} AND labels_hash NOT IN (SELECT labels_hash FROM {raw}.label_sets) GROUP BY labels_hash",
            rows=None if counts.accepted else 0,
        ),
        Move(
            table=f"{raw}.usage_events",
            statement=f"({_USAGE}, batch_seq) SELECT {_USAGE}, {batch_seq} FROM {accepted} AND kind = 0",
            rows=counts.usage,
        ),
        Move(
            table=f"{raw}.usage_windows",
            statement="(batch_seq, hour_at, account_id, resource_id, last_event_at)"
            f" SELECT {batch_seq}, toStartOfHour(event_at) AS hour_at, account_id, resource_id, max(event_at) FROM {accepted} AND kind = 0"
            " GROUP BY hour_at, account_id, resource_id",
            rows=None if counts.usage else 0,
        ),
        Move(
            table=f"{raw}.lifecycle_events",
            statement=f"({_LIFECYCLE}, batch_seq) SELECT {_LIFECYCLE}, {batch_seq} FROM {accepted} AND kind > 0",
            rows=counts.lifecycle,
        ),
        Move(
            table=f"{raw}.lifecycle_windows",
            statement="(batch_seq, source, resource_id, first_event_at, last_event_at)"
            f" SELECT {batch_seq}, source, resource_id, min(event_at), max(event_at) FROM {accepted} AND kind > 0 GROUP BY source, resource_id",
            rows=None if counts.lifecycle else 0,
        ),
        Move(
            table=f"{raw}.identities",
            statement="(identity_high, identity_low, content_hash, batch_seq, arrived_at)"
            f" SELECT identity_high, identity_low, content_hash, {batch_seq}, toDateTime({now}) FROM {stage.identities}"
            f" WHERE line_number NOT IN (SELECT line_number FROM {stage.refused})",
            rows=counts.accepted,
        ),
        Move(
            table=f"{ops}.rejected_events",
            statement="(batch_seq, batch_id, line_number, reason_code, raw_line, rejected_at)"
            f" SELECT {batch_seq}, {batch}, line_number, reason_code, raw_line, {now} FROM {stage.incoming} WHERE notEmpty(reason_code)",
            rows=counts.rejected,
        ),
        Move(
            table=f"{ops}.event_conflicts",
            statement="(batch_seq, batch_id, line_number, source, event_id, first_batch_id, content, recorded_at)"
            f" SELECT {batch_seq}, {batch}, incoming.line_number, source, event_id,"
            f" if(refused.first_batch_seq = {batch_seq}, {batch}, batches.batch_id), {_CONTENT}, {now}"
            f" FROM {stage.incoming} AS incoming"
            f" INNER JOIN (SELECT * FROM {stage.refused} WHERE is_conflict) AS refused ON incoming.line_number = refused.line_number"
            f" LEFT ANY JOIN {ops}.batches AS batches ON refused.first_batch_seq = batches.batch_seq",
            rows=counts.conflicts,
        ),
    ]
    return [
        Move(table=move.table, statement=f"INSERT INTO {move.table} {move.statement}", rows=move.rows) for move in every if move.rows != 0
    ]


def commit(stage: Stage, counts: Counts, *, batch_seq: int, batch_id: str, source_name: str, location: str, now_milliseconds: int) -> str:
    """INSERT of the row in ops.batches. It reads the stage like every statement of a load: no stage, no commit."""
    return (
        f"INSERT INTO {stage.settings.database('ops')}.batches (batch_seq, batch_id, source_name, location, lines, blank, rows_read,"
        " rows_accepted, rows_duplicate, rows_conflict, rows_rejected, first_event_at, last_event_at, loaded_at)"
        f" SELECT {batch_seq}, {text(batch_id)}, {text(source_name)}, {text(location)}, {counts.lines}, {counts.blank},"
        f" {counts.lines - counts.blank}, {counts.accepted}, {counts.duplicates}, {counts.conflicts}, {counts.rejected},"
        f" {_instant(counts.first_event_milliseconds)}, {_instant(counts.last_event_milliseconds)}, {_instant(now_milliseconds)}"
        f" FROM (SELECT count() FROM {stage.incoming})"
    )


def _instant(milliseconds: int) -> str:
    return f"fromUnixTimestamp64Milli(toInt64({milliseconds}), 'UTC')"
