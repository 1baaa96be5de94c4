"""From the stage into raw and ops. Nothing of it counts before the row in ops.batches, which is written last.

Parts of usage go to raw as they lie in the stage. So lines that are refused are struck out of them before, and what is to be
told of such a line is told before that.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.sql.forms import USAGE
from ingestion.sql.literals import text
from ingestion.sql.stage import IS_EVENT, Stage

# Tables that carry the rows of a batch under its batch_seq, by the layer they lie in.
BATCH_TABLES = {
    "raw": ("usage_events", "lifecycle_events", "identities", "usage_windows", "lifecycle_windows"),
    "ops": ("rejected_events", "event_conflicts"),
}

_LIFECYCLE = (
    "source, event_id, resource_id, event_at, kind, sequence, account_id, project_id, region, resource_type, state, metrics, labels,"
    " labels_hash, line_number"
)
# From one refused line of this many on, usage is written anew: marked lines take space, and time to pass over, until a merge.
_MARKED_SHARE = 20
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
    # Lines are numbered as they come: one that is missing, or there twice, makes the last number another than the sum.
    return (
        f"SELECT max(line_number) AS lines, countIf(is_blank) AS blank, countIf({accepted} AND kind = 0) AS usage,"
        f" countIf({accepted} AND kind > 0) AS lifecycle, (SELECT countIf(NOT is_conflict) FROM {stage.refused}) AS duplicates,"
        f" (SELECT countIf(is_conflict) FROM {stage.refused}) AS conflicts, countIf(notEmpty(reason_code)) AS rejected,"
        f" toUnixTimestamp64Milli(minIf(event_at, {accepted})) AS first_event_milliseconds,"
        f" toUnixTimestamp64Milli(maxIf(event_at, {accepted})) AS last_event_milliseconds"
        f" FROM (SELECT line_number, is_blank, reason_code, kind, event_at FROM {stage.rest} UNION ALL"
        f" SELECT line_number, false, '', {USAGE}, event_at FROM {stage.usage})"
    )


def evidence(stage: Stage, counts: Counts, *, batch_seq: int, batch_id: str, now_milliseconds: int) -> list[Move]:
    """What writes of refused lines all that is kept of them."""
    ops, batch = stage.settings.database("ops"), text(batch_id)
    conflicts = f"SELECT line_number, first_batch_seq FROM {stage.refused} WHERE is_conflict"
    return _with_rows(
        Move(
            table=f"{ops}.event_conflicts",
            statement="(batch_seq, batch_id, line_number, source, event_id, first_batch_id, content, recorded_at)"
            f" SELECT {batch_seq}, {batch}, event.line_number, source, event_id,"
            f" if(refused.first_batch_seq = {batch_seq}, {batch}, batches.batch_id), {_CONTENT}, {_instant(now_milliseconds)}"
            f" FROM {stage.events(f'line_number IN (SELECT line_number FROM {stage.refused} WHERE is_conflict)')} AS event"
            f" INNER JOIN ({conflicts}) AS refused ON event.line_number = refused.line_number"
            f" LEFT ANY JOIN {ops}.batches AS batches ON refused.first_batch_seq = batches.batch_seq",
            rows=counts.conflicts,
        )
    )


def striking(stage: Stage, counts: Counts) -> str:
    """Strikes refused lines out of the stage's usage: few by a mark, which merges in raw wipe out; many by writing the others anew."""
    refused = f"line_number IN (SELECT line_number FROM {stage.refused})"
    if (counts.duplicates + counts.conflicts) * _MARKED_SHARE < counts.usage:
        return f"DELETE FROM {stage.usage} WHERE {refused} SETTINGS lightweight_deletes_sync = 2"
    return f"ALTER TABLE {stage.usage} DELETE WHERE {refused} SETTINGS mutations_sync = 2"


def attaching(stage: Stage) -> str:
    """Makes the parts of the stage's usage parts of raw, of all months at once; they are linked, not copied."""
    return f"ALTER TABLE {stage.settings.database('raw')}.usage_events ATTACH PARTITION ALL FROM {stage.usage}"


def moves(stage: Stage, counts: Counts, *, batch_seq: int, batch_id: str, now_milliseconds: int) -> list[Move]:
    """What writes all else of a batch but its usage and its row in ops.batches, in an order that does not matter."""
    raw, ops = stage.settings.database("raw"), stage.settings.database("ops")
    changes = f"{stage.rest} WHERE {IS_EVENT} AND line_number NOT IN (SELECT line_number FROM {stage.refused})"
    new_labels = f"labels_hash NOT IN (SELECT labels_hash FROM {raw}.label_sets)"
    now, batch = _instant(now_milliseconds), text(batch_id)
    return _with_rows(
        # Not a table of batches: what an attempt that failed leaves here is true of any other.
        Move(
            table=f"{raw}.label_sets",
            statement="(labels_hash, labels) SELECT labels_hash, any(labels) FROM"
            f" (SELECT labels_hash, CAST(labels, 'Map(String, String)') AS labels FROM {stage.usage} WHERE {new_labels}"
            f" UNION ALL SELECT labels_hash, labels FROM {changes} AND {new_labels}) GROUP BY labels_hash",
            rows=None if counts.accepted else 0,
        ),
        Move(
            table=f"{raw}.usage_windows",
            statement="(batch_seq, hour_at, account_id, resource_id, last_event_at)"
            f" SELECT {batch_seq}, toStartOfHour(event_at) AS hour_at, account_id, resource_id, max(event_at) FROM {stage.usage}"
            " GROUP BY hour_at, account_id, resource_id",
            rows=None if counts.usage else 0,
        ),
        Move(
            table=f"{raw}.lifecycle_events",
            statement=f"({_LIFECYCLE}, batch_seq) SELECT {_LIFECYCLE}, {batch_seq} FROM {changes}",
            rows=counts.lifecycle,
        ),
        Move(
            table=f"{raw}.lifecycle_windows",
            statement="(batch_seq, source, resource_id, first_event_at, last_event_at)"
            f" SELECT {batch_seq}, source, resource_id, min(event_at), max(event_at) FROM {changes} GROUP BY source, resource_id",
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
            f" SELECT {batch_seq}, {batch}, line_number, reason_code, raw_line, {now} FROM {stage.rest} WHERE notEmpty(reason_code)",
            rows=counts.rejected,
        ),
    )


def _with_rows(*moves: Move) -> list[Move]:
    return [
        Move(table=move.table, statement=f"INSERT INTO {move.table} {move.statement}", rows=move.rows) for move in moves if move.rows != 0
    ]


def commit(stage: Stage, counts: Counts, *, batch_seq: int, batch_id: str, source_name: str, location: str, now_milliseconds: int) -> str:
    """INSERT of the row in ops.batches. It reads the stage like every statement of a load: no stage, no commit."""
    return (
        f"INSERT INTO {stage.settings.database('ops')}.batches (batch_seq, batch_id, source_name, location, lines, blank, rows_read,"
        " rows_accepted, rows_duplicate, rows_conflict, rows_rejected, first_event_at, last_event_at, loaded_at)"
        f" SELECT {batch_seq}, {text(batch_id)}, {text(source_name)}, {text(location)}, {counts.lines}, {counts.blank},"
        f" {counts.lines - counts.blank}, {counts.accepted}, {counts.duplicates}, {counts.conflicts}, {counts.rejected},"
        f" {_instant(counts.first_event_milliseconds)}, {_instant(counts.last_event_milliseconds)}, {_instant(now_milliseconds)}"
        f" FROM (SELECT count() FROM {stage.usage})"
    )


def _instant(milliseconds: int) -> str:
    return f"fromUnixTimestamp64Milli(toInt64({milliseconds}), 'UTC')"
