"""From the stage into raw and ops. Nothing of it counts before the rows in ops.batches, which are written last, as one.

Parts of usage go to raw as they lie in the stage. So lines that are refused are struck out of them before, and what is to be
told of such a line is told before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.sql.forms import USAGE
from ingestion.sql.literals import text, texts
from ingestion.sql.stage import IS_EVENT, PLACE, Stage

# Tables that carry the rows of a batch under its batch_seq, by the layer they lie in.
BATCH_TABLES = {
    "raw": ("usage_events", "lifecycle_events", "identities", "usage_windows", "lifecycle_windows"),
    "ops": ("rejected_events", "event_conflicts"),
}

_LIFECYCLE = (
    "source, event_id, resource_id, event_at, kind, sequence, account_id, project_id, region, resource_type, state, metrics, labels,"
    " labels_hash, batch_seq, line_number"
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
    """Where the lines of a batch go. Each line is in one of blank, usage, lifecycle, duplicates, conflicts, rejected."""

    lines: int = 0
    blank: int = 0
    usage: int = 0
    lifecycle: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    first_event_milliseconds: int = 0  # of the accepted, since 1970; 0 where there is none
    last_event_milliseconds: int = 0

    @property
    def read(self) -> int:
        """Lines that are not blank."""
        return self.lines - self.blank

    @property
    def accepted(self) -> int:
        """Lines whose event is stored."""
        return self.usage + self.lifecycle

    @property
    def adds_up(self) -> bool:
        """Whether each line is in exactly one place."""
        return self.lines == self.blank + self.accepted + self.duplicates + self.conflicts + self.rejected


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A batch whose lines are counted."""

    batch_seq: int
    batch_id: str
    source_name: str
    location: str
    counts: Counts


@dataclass(frozen=True, kw_only=True)
class Move:
    """One INSERT into `table` that must write `rows` rows (None: as many as there are groups)."""

    table: str
    statement: str
    rows: int | None


def counting(stage: Stage) -> str:
    """SELECT of the values of Counts by name, a row each batch_seq that has a line."""
    accepted = f"{IS_EVENT} AND ({PLACE}) NOT IN (SELECT {PLACE} FROM {stage.refused})"
    # Lines are numbered as they come: one that is missing, or there twice, makes the last number another than the sum.
    return (
        "SELECT batch_seq, lines, blank, usage, lifecycle, duplicates, conflicts, rejected, first_event_milliseconds, last_event_milliseconds"
        f" FROM (SELECT batch_seq, max(line_number) AS lines, countIf(is_blank) AS blank, countIf({accepted} AND kind = 0) AS usage,"
        f" countIf({accepted} AND kind > 0) AS lifecycle, countIf(notEmpty(reason_code)) AS rejected,"
        f" toUnixTimestamp64Milli(minIf(event_at, {accepted})) AS first_event_milliseconds,"
        f" toUnixTimestamp64Milli(maxIf(event_at, {accepted})) AS last_event_milliseconds"
        f" FROM (SELECT {PLACE}, is_blank, reason_code, kind, event_at FROM {stage.rest} UNION ALL"
        f" SELECT {PLACE}, false, '', {USAGE}, event_at FROM {stage.usage}) GROUP BY batch_seq) AS told"
        " LEFT ANY JOIN (SELECT batch_seq, countIf(NOT is_conflict) AS duplicates, countIf(is_conflict) AS conflicts"
        f" FROM {stage.refused} GROUP BY batch_seq) AS repeated USING (batch_seq)"
    )


def evidence(stage: Stage, load: Sequence[Counted], *, now_milliseconds: int) -> list[Move]:
    """What writes of refused lines all that is kept of them."""
    ops = stage.settings.database("ops")
    conflicts = f"SELECT {PLACE}, first_batch_seq FROM {stage.refused} WHERE is_conflict"
    first_batch_id = f"if(refused.first_batch_seq < {load[0].batch_seq}, batches.batch_id, {_batch_id('refused.first_batch_seq', load)})"
    return _with_rows(
        Move(
            table=f"{ops}.event_conflicts",
            statement="(batch_seq, batch_id, line_number, source, event_id, first_batch_id, content, recorded_at)"
            f" SELECT event.batch_seq, {_batch_id('event.batch_seq', load)}, event.line_number, source, event_id,"
            f" {first_batch_id}, {_CONTENT}, {_instant(now_milliseconds)}"
            f" FROM {stage.events(f'({PLACE}) IN (SELECT {PLACE} FROM {stage.refused} WHERE is_conflict)')} AS event"
            f" INNER JOIN ({conflicts}) AS refused ON event.batch_seq = refused.batch_seq AND event.line_number = refused.line_number"
            f" LEFT ANY JOIN {ops}.batches AS batches ON refused.first_batch_seq = batches.batch_seq",
            rows=_total(load, "conflicts"),
        )
    )


def striking(stage: Stage, *, refused: int, usage: int) -> str:
    """Strikes refused lines out of the stage's usage: few by a mark, which merges in raw wipe out; many by writing the others anew."""
    condition = f"({PLACE}) IN (SELECT {PLACE} FROM {stage.refused})"
    if refused * _MARKED_SHARE < usage:
        return f"DELETE FROM {stage.usage} WHERE {condition} SETTINGS lightweight_deletes_sync = 2"
    return f"ALTER TABLE {stage.usage} DELETE WHERE {condition} SETTINGS mutations_sync = 2"


def partitions(stage: Stage) -> str:
    """SELECT of the partitions of the stage's usage."""
    return f"SELECT DISTINCT _partition_id FROM {stage.usage} ORDER BY _partition_id"


def handing_over(stage: Stage, partition: str) -> str:
    """Makes the parts of a partition of the stage's usage parts of raw; they are linked, not copied.

    Attaching them would end the merges that run in raw, and all that these had done.
    """
    return f"ALTER TABLE {stage.usage} MOVE PARTITION ID {text(partition)} TO TABLE {stage.settings.database('raw')}.usage_events"


def moves(stage: Stage, load: Sequence[Counted], *, now_milliseconds: int) -> list[Move]:
    """What writes all else of the batches but their usage, its windows and their rows in ops.batches, in an order that does not matter."""
    raw, ops = stage.settings.database("raw"), stage.settings.database("ops")
    changes = f"{stage.rest} WHERE {IS_EVENT} AND ({PLACE}) NOT IN (SELECT {PLACE} FROM {stage.refused})"
    now, accepted = _instant(now_milliseconds), _total(load, "accepted")
    lifecycle = _total(load, "lifecycle")
    return _with_rows(
        # Not a table of batches: what an attempt that failed leaves here is true of any other.
        Move(
            table=f"{raw}.label_sets",
            statement=f"(labels_hash, labels) SELECT labels_hash, any(labels) FROM {stage.labels}"
            f" WHERE labels_hash NOT IN (SELECT labels_hash FROM {raw}.label_sets) GROUP BY labels_hash",
            rows=None if accepted else 0,
        ),
        Move(
            table=f"{raw}.lifecycle_events",
            statement=f"({_LIFECYCLE}) SELECT {_LIFECYCLE} FROM {changes}",
            rows=lifecycle,
        ),
        Move(
            table=f"{raw}.lifecycle_windows",
            statement="(batch_seq, source, resource_id, first_event_at, last_event_at)"
            f" SELECT argMax(batch_seq, event_at), source, resource_id, min(event_at), max(event_at) FROM {changes}"
            " GROUP BY source, resource_id",
            rows=None if lifecycle else 0,
        ),
        Move(
            table=f"{raw}.identities",
            statement="(identity_high, identity_low, content_hash, batch_seq, arrived_at)"
            f" SELECT identity_high, identity_low, content_hash, batch_seq, toDateTime({now}) FROM {stage.identities}"
            f" WHERE ({PLACE}) NOT IN (SELECT {PLACE} FROM {stage.refused})",
            rows=accepted,
        ),
        Move(
            table=f"{ops}.rejected_events",
            statement="(batch_seq, batch_id, line_number, reason_code, raw_line, rejected_at)"
            f" SELECT batch_seq, {_batch_id('batch_seq', load)}, line_number, reason_code, raw_line, {now}"
            f" FROM {stage.rest} WHERE notEmpty(reason_code)",
            rows=_total(load, "rejected"),
        ),
    )


def windows(stage: Stage, load: Sequence[Counted]) -> list[Move]:
    """What writes which windows the usage touches; only once refused lines are struck out of it.

    Batches of a load count at once, so a window is written once for all of them, under the batch of its last event: whoever
    asks which batches have events beyond an instant finds it.
    """
    return _with_rows(
        Move(
            table=f"{stage.settings.database('raw')}.usage_windows",
            statement="(batch_seq, hour_at, account_id, resource_id, last_event_at)"
            " SELECT argMax(batch_seq, event_at), toStartOfHour(event_at) AS hour_at, account_id, resource_id, max(event_at)"
            f" FROM {stage.usage} GROUP BY hour_at, account_id, resource_id",
            rows=None if _total(load, "usage") else 0,
        )
    )


def _with_rows(*moves: Move) -> list[Move]:
    return [
        Move(table=move.table, statement=f"INSERT INTO {move.table} {move.statement}", rows=move.rows) for move in moves if move.rows != 0
    ]


def commit(stage: Stage, load: Sequence[Counted], *, now_milliseconds: int) -> str:
    """INSERT of the rows in ops.batches, as one block. It reads the stage like every statement of a load: no stage, no commit."""
    rows = ", ".join(
        f"({batch.batch_seq}, {text(batch.batch_id)}, {text(batch.source_name)}, {text(batch.location)}, {batch.counts.lines},"
        f" {batch.counts.blank}, {batch.counts.read}, {batch.counts.accepted}, {batch.counts.duplicates}, {batch.counts.conflicts},"
        f" {batch.counts.rejected}, {_instant(batch.counts.first_event_milliseconds)}, {_instant(batch.counts.last_event_milliseconds)})"
        for batch in load
    )
    return (
        f"INSERT INTO {stage.settings.database('ops')}.batches (batch_seq, batch_id, source_name, location, lines, blank, rows_read,"
        " rows_accepted, rows_duplicate, rows_conflict, rows_rejected, first_event_at, last_event_at, loaded_at)"
        f" SELECT untuple(arrayJoin([{rows}])), {_instant(now_milliseconds)} FROM (SELECT count() FROM {stage.usage})"
    )


def _total(load: Sequence[Counted], name: str) -> int:
    return sum(getattr(batch.counts, name) for batch in load)


def _batch_id(batch_seq: str, load: Sequence[Counted]) -> str:
    """SQL of the id that belongs to a batch_seq of the load."""
    return f"arrayElement({texts([batch.batch_id for batch in load])}, {batch_seq} - {load[0].batch_seq - 1})"


def _instant(milliseconds: int) -> str:
    return f"fromUnixTimestamp64Milli(toInt64({milliseconds}), 'UTC')"
