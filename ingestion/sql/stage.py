"""The stage: tables and views that live as long as one load and turn the lines of its batches into usage and the rest.

    lines ═► read ─┬─ plain ─► told ─┬─► usage    each arrow is a materialized view, so one INSERT runs all of them, on
    (Null)  (Null) │          (Null) ├─► rest     all cores; one more statement reads the odd lines with care, where there
                   └─► odd - - ─┘    ├─► hashes   are any, and tells what they are like the others. Lines of each shape
                                     └─► labels   have a view of their own that reads them.

Usage, most of what comes, is sorted here as it stays: its parts go to raw as they are, and are written once.
Nothing else here is durable. All names carry the attempt, and each statement of a load reads from here: once the stage of a
loader that died is dropped, a request of it that the server only starts then finds no table, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.sql.careful import careful_reading
from ingestion.sql.forms import USAGE
from ingestion.sql.learning import MOST
from ingestion.sql.plain import plain_reading
from ingestion.sql.shapes import Shape, shape_number, shaped_reading
from warehouse.settings import Settings

PREFIX = "incoming"  # of all tables of all stages in the raw database
IS_EVENT = "NOT is_blank AND empty(reason_code)"
IS_USAGE = f"kind = {USAGE} AND {IS_EVENT}"
PLACE = "batch_seq, line_number"  # of a line in its load

_EVENT = """
    kind Int8 COMMENT '0 usage.recorded, 1 to 5 as raw.lifecycle_events.kind, -1 where rejected',
    event_at DateTime64(3, 'UTC'),
    source String,
    event_id String,
    resource_id String,
    account_id String,
    project_id String,
    region String,
    metric String,
    quantity Decimal(38, 9),
    value String,
    resource_type String,
    state String,
    metrics Map(String, Decimal(38, 9)),
    labels Map(String, String),
    sequence Int64"""
COLUMNS = tuple(line.split()[0] for line in _EVENT.strip().splitlines())
# Of raw.usage_events.
USAGE_COLUMNS = "source, event_id, resource_id, event_at, account_id, project_id, region, metric, quantity, value, labels_hash, sequence, batch_seq, line_number"

# Type and instant to labels in name order: what CONTRACTS calls the content as read. Never change the order or a type:
# stored hashes would no longer match, and every event that is sent again would look like a conflict.
_CONTENT = (
    "kind, toUnixTimestamp64Milli(event_at), resource_id, account_id, project_id, region, metric, quantity, value, resource_type, state,"
    " sequence, mapKeys(metrics), mapValues(metrics), mapKeys(labels), mapValues(labels)"
)
# By name: what a line is known by. labels_hash is the key of raw.label_sets.
_HASH_COLUMNS = {"identity_high": "UInt64", "identity_low": "UInt64", "content_hash": "UInt64", "labels_hash": "UInt128"}
_HASHES = (
    "reinterpretAsUInt64(sipHash128(source, event_id)) AS identity_high,"
    " reinterpretAsUInt64(substring(sipHash128(source, event_id), 9, 8)) AS identity_low,"
    f" cityHash64({_CONTENT}) AS content_hash, reinterpretAsUInt128(sipHash128(toString(labels))) AS labels_hash"
)
_READERS = ("reader", *(f"shaped_{number}" for number in range(1, MOST + 1)))  # views: of any line, and of each shape
# Merging what is read once or twice, or becomes raw's own business, would take a core from reading lines.
_UNMERGED = "min_parts_to_merge_at_once = 1000"
# Looking for comparisons to chain and merging the layers take ten times as long as running them on few lines, and gain nothing on many.
QUICK_PLANNING: dict[str, str | int] = {"optimize_and_compare_chain": 0, "query_plan_merge_expressions": 0}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The stage of one attempt in the raw database."""

    settings: Settings
    attempt: str
    shapes: Sequence[Shape] = ()  # that lines of the load may have

    @property
    def told(self) -> str:
        """Where one row a line passes: its event, or why it is none."""
        return self._name("told")

    @property
    def usage(self) -> str:
        """One row a usage event, as raw.usage_events holds it."""
        return self._name("usage")

    @property
    def rest(self) -> str:
        """One row each other line: its lifecycle event, or why it is none."""
        return self._name("rest")

    @property
    def hashes(self) -> str:
        """One row an event: its identity, content and line."""
        return self._name("hashes")

    @property
    def labels(self) -> str:
        """The sets of labels that events carry, each at least once."""
        return self._name("labels")

    @property
    def identities(self) -> str:
        """One row an event: its identity and line, sorted as raw.identities is."""
        return self._name("identities")

    @property
    def counting(self) -> str:
        """One row an identity that the load does not bring for the first time, or more than once: the event that counts."""
        return self._name("counting")

    @property
    def refused(self) -> str:
        """One row a line whose identity another event has already."""
        return self._name("refused")

    @property
    def odd(self) -> str:
        """The lines that cannot be read at sight."""
        return self._name("odd")

    @property
    def lines(self) -> str:
        """Where lines are sent: batch_seq, line_number, line, and the number of its shape or 0."""
        return self._name("lines")

    def creation(self, *, now_milliseconds: int) -> list[str]:
        """Statements that build the stage; `now_milliseconds` is the load's clock, which time_in_future is judged by."""
        read = self._name("read")
        hashes = ", ".join(f"{name} {kind}" for name, kind in _HASH_COLUMNS.items())
        place = "batch_seq UInt64, line_number UInt64"
        line = f"({place}, is_blank Bool, reason_code LowCardinality(String), raw_line String, {hashes},{_EVENT})"
        identity = f"(identity_high UInt64, identity_low UInt64, content_hash UInt64, {place})"
        return [
            f"CREATE TABLE {self.usage} AS {self.settings.database('raw')}.usage_events",
            # What is attached to raw must be on the disk, also where refused lines were struck out of it.
            f"ALTER TABLE {self.usage} MODIFY SETTING min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,"
            f" {_UNMERGED}",
            f"CREATE TABLE {self.rest} {line} ENGINE = MergeTree ORDER BY tuple() SETTINGS {_UNMERGED}",
            f"CREATE TABLE {self.hashes} {identity} ENGINE = MergeTree ORDER BY tuple() SETTINGS {_UNMERGED}",
            f"CREATE TABLE {self.labels} (labels_hash UInt128, labels Map(String, String)) ENGINE = MergeTree ORDER BY tuple()",
            f"CREATE TABLE {self.identities} {identity} ENGINE = MergeTree ORDER BY (identity_high, identity_low) SETTINGS {_UNMERGED}",
            f"CREATE TABLE {self.counting} {identity} ENGINE = MergeTree ORDER BY tuple()",
            f"CREATE TABLE {self.refused} ({place}, is_conflict Bool, first_batch_seq UInt64) ENGINE = MergeTree ORDER BY tuple()",
            f"CREATE TABLE {self.odd} ({place}, line String) ENGINE = MergeTree ORDER BY tuple()",
            f"CREATE TABLE {self.lines} ({place}, line String, shape UInt8) ENGINE = Null",
            f"CREATE TABLE {read} ({place}, line String, is_plain Bool,{_EVENT}) ENGINE = Null",
            f"CREATE TABLE {self.told} {line} ENGINE = Null",
            f"CREATE MATERIALIZED VIEW {self._name('metered')} TO {self.usage} AS SELECT {USAGE_COLUMNS} FROM {self.told} WHERE {IS_USAGE}",
            f"CREATE MATERIALIZED VIEW {self._name('others')} TO {self.rest} AS SELECT * FROM {self.told} WHERE NOT ({IS_USAGE})",
            f"CREATE MATERIALIZED VIEW {self._name('hasher')} TO {self.hashes} AS"
            f" SELECT identity_high, identity_low, content_hash, {PLACE} FROM {self.told} WHERE {IS_EVENT}",
            f"CREATE MATERIALIZED VIEW {self._name('labeller')} TO {self.labels} AS"
            f" SELECT labels_hash, any(labels) AS labels FROM {self.told} WHERE {IS_EVENT} GROUP BY labels_hash",
            f"CREATE MATERIALIZED VIEW {self._name('sorter')} TO {self.odd} AS SELECT {PLACE}, line FROM {read} WHERE NOT is_plain",
            f"CREATE MATERIALIZED VIEW {self._name('plain')} TO {self.told} AS SELECT {PLACE}, false AS is_blank,"
            f" '' AS reason_code, '' AS raw_line, {_HASHES}, {', '.join(COLUMNS)} FROM {read} WHERE is_plain",
            *self._readers(read, now_milliseconds=now_milliseconds),
        ]

    def _readers(self, read: str, *, now_milliseconds: int) -> list[str]:
        """Views that read lines into `read`, each line in one of them: by its shape where it has one."""
        sent = [f"(SELECT {PLACE}, line FROM {self.lines} WHERE shape = {number})" for number in range(len(self.shapes) + 1)]
        readings = [plain_reading(sent[0], event_columns=COLUMNS, now_milliseconds=now_milliseconds)]
        for lines, shape in zip(sent[1:], self.shapes, strict=True):
            readings.append(shaped_reading(lines, shape, event_columns=COLUMNS, now_milliseconds=now_milliseconds))
        views = dict(zip(_READERS, readings, strict=False))
        return [f"CREATE MATERIALIZED VIEW {self._name(view)} TO {read} AS SELECT * FROM {reading}" for view, reading in views.items()]

    def sending(self, batch_seq: int, lines: str, *, line: str) -> str:
        """INSERT that reads a batch: `lines` is SQL of a table, `line` of a line's text over its columns."""
        return (
            f"INSERT INTO {self.lines} ({PLACE}, line, shape) SELECT {batch_seq}, rowNumberInAllBlocks() + 1, line,"
            f" {shape_number(self.shapes)} FROM (SELECT {line} AS line FROM {lines})"
        )

    def odd_lines(self, *, now_milliseconds: int) -> str:
        """INSERT into `told` of the odd lines, read with care; no view, because planning it takes longer than a small file."""
        careful = careful_reading(self.odd, event_columns=COLUMNS, now_milliseconds=now_milliseconds)
        return (
            f"INSERT INTO {self.told} ({PLACE}, is_blank, reason_code, raw_line, {', '.join((*_HASH_COLUMNS, *COLUMNS))})"
            f" SELECT {PLACE}, is_blank, reason_code, if(notEmpty(reason_code), raw_line, ''), {_HASHES}, {', '.join(COLUMNS)} FROM {careful}"
        )

    def events(self, condition: str) -> str:
        """Subquery of PLACE and the columns of an event, of each event whose line meets the condition."""
        absent = {
            "kind": f"toInt8({USAGE})",
            "resource_type": "''",
            "state": "''",
            "metrics": "CAST(map(), 'Map(String, Decimal(38, 9))')",
        }
        usage = ", ".join(f"{absent[name]} AS {name}" if name in absent else name for name in COLUMNS)
        return (
            f"(SELECT {PLACE}, {usage} FROM (SELECT * FROM {self.usage} WHERE {condition}) AS usage"
            f" LEFT ANY JOIN {self.labels} AS carried ON usage.labels_hash = carried.labels_hash"
            f" UNION ALL SELECT {PLACE}, {', '.join(COLUMNS)} FROM {self.rest} WHERE {IS_EVENT} AND {condition})"
        )

    def removal(self) -> str:
        """The statement that drops the stage, views before what they stand on, and frees its space at once."""
        views = (*_READERS, "plain", "sorter", "metered", "others", "hasher", "labeller")
        tables = ("read", "lines", "told", "odd", "refused", "counting", "identities", "labels", "hashes", "rest", "usage")
        return f"DROP TABLE IF EXISTS {', '.join(self._name(part) for part in (*views, *tables))} SYNC"

    def _name(self, part: str) -> str:
        return f"{self.settings.database('raw')}.{PREFIX}_{part}_{self.attempt}"
