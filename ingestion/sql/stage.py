"""The stage: tables and views that live as long as one load and turn a stream of lines into rows of `raw.incoming`.

    incoming_lines ─► incoming_read ─┬─ plain ► incoming          each of these arrows is a materialized view, so one
        (Null)            (Null)     └───────► incoming_odd       INSERT runs them all, on all cores
    incoming_odd ── careful ► incoming                            one more statement, where a file has such lines

Nothing here is durable or shared. The names of the tables that lines are sent to carry the attempt: a request of a loader
that died, which the server starts late, finds no table.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.sql.careful import careful_reading
from ingestion.sql.plain import plain_reading
from warehouse.settings import Settings

_EVENT = """
    kind Int8 COMMENT '0 usage.recorded, 1 to 5 as raw.lifecycle_events.kind, -1 where rejected',
    event_at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    event_id String,
    resource_id String,
    account_id String,
    project_id String,
    region LowCardinality(String),
    metric LowCardinality(String),
    quantity Decimal(38, 9),
    value String,
    resource_type LowCardinality(String),
    state LowCardinality(String),
    metrics Map(LowCardinality(String), Decimal(38, 9)),
    labels Map(LowCardinality(String), String),
    sequence Int64"""
COLUMNS = tuple(line.split()[0] for line in _EVENT.strip().splitlines())

# Type and instant to labels in name order: what CONTRACTS calls the content as read. Never change the order or a type:
# stored hashes would no longer match, and every event that is sent again would look like a conflict.
_CONTENT = (
    "toInt8(kind), toInt64(toUnixTimestamp64Milli(event_at)), resource_id, account_id, project_id, toString(region), toString(metric),"
    " toDecimal128(quantity, 9), value, toString(resource_type), toString(state), toInt64(sequence),"
    " CAST(mapKeys(metrics), 'Array(String)'), CAST(mapValues(metrics), 'Array(Decimal(38, 9))'),"
    " CAST(mapKeys(labels), 'Array(String)'), mapValues(labels)"
)
_HASHES = f"sipHash128(toString(source), event_id) AS identity_hash, cityHash64({_CONTENT}) AS content_hash"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The stage of one attempt in the raw database."""

    settings: Settings
    attempt: str

    @property
    def incoming(self) -> str:
        """One row a line: its event, or why it is none."""
        return f"{self.settings.database('raw')}.incoming"

    @property
    def refused(self) -> str:
        """One row a line whose identity is known already."""
        return f"{self.settings.database('raw')}.incoming_refused"

    @property
    def odd(self) -> str:
        """The lines that cannot be read at sight."""
        return f"{self.settings.database('raw')}.incoming_odd"

    @property
    def lines(self) -> str:
        """Where lines are sent: line_number, line."""
        return f"{self.settings.database('raw')}.incoming_lines_{self.attempt}"

    def create(self, *, now_milliseconds: int) -> list[str]:
        """Statements that build the stage; `now_milliseconds` is the load's clock, which time_in_future is judged by."""
        raw = self.settings.database("raw")
        read = f"{raw}.incoming_read_{self.attempt}"
        plain = plain_reading(self.lines, now_milliseconds=now_milliseconds)
        event = ", ".join(COLUMNS)
        return [
            f"CREATE TABLE {self.incoming} (line_number UInt64, is_blank Bool, reason_code LowCardinality(String), raw_line String,"
            f" identity_hash FixedString(16), content_hash UInt64,{_EVENT}) ENGINE = MergeTree ORDER BY tuple()",
            f"CREATE TABLE {self.refused} (line_number UInt64, is_conflict Bool, first_batch_seq UInt64) ENGINE = MergeTree ORDER BY line_number",
            f"CREATE TABLE {self.odd} (line_number UInt64, line String) ENGINE = MergeTree ORDER BY tuple()",
            f"CREATE TABLE {self.lines} (line_number UInt64, line String) ENGINE = Null",
            f"CREATE TABLE {read} (line_number UInt64, line String, is_plain Bool,{_EVENT}) ENGINE = Null",
            f"CREATE MATERIALIZED VIEW {raw}.incoming_sorted_{self.attempt} TO {self.odd} AS"
            f" SELECT line_number, line FROM {read} WHERE NOT is_plain",
            f"CREATE MATERIALIZED VIEW {raw}.incoming_plain_{self.attempt} TO {self.incoming} AS"
            f" SELECT line_number, false AS is_blank, '' AS reason_code, '' AS raw_line, {_HASHES}, {event} FROM {read} WHERE is_plain",
            f"CREATE MATERIALIZED VIEW {raw}.incoming_reader_{self.attempt} TO {read} AS SELECT line_number, line, is_plain, {event} FROM ({plain})",
        ]

    def read_odd(self, *, now_milliseconds: int) -> str:
        """INSERT that reads the odd lines with care. Not a view: planning it takes long, and most files have none."""
        careful = careful_reading(f"(SELECT line_number, line FROM {self.odd})", now_milliseconds=now_milliseconds)
        columns = ("line_number", "is_blank", "reason_code", "raw_line", "identity_hash", "content_hash", *COLUMNS)
        return (
            f"INSERT INTO {self.incoming} ({', '.join(columns)})"
            f" SELECT line_number, is_blank, reason_code, if(notEmpty(reason_code), raw_line, '') AS raw_line, {_HASHES}, {', '.join(COLUMNS)}"
            f" FROM ({careful})"
        )
