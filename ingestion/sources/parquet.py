"""A Parquet file of events as a stream of Arrow batches: one column `line`, or the columns of an event.

The server would hold a whole Parquet file in memory to read it; batches keep that bounded, whatever the file's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.sources.hashing import content_hash, require_same
from warehouse.errors import InputError

EVENT_COLUMNS = ("id", "source", "type", "subject", "time", "data")
BATCH_ROWS = 65_536  # of a batch on the way to the server; with events of 300 bytes some 20 MB


@dataclass(frozen=True, kw_only=True)
class Parquet:
    """A file whose bytes hash to `expected_hash`, and which of its columns are sent, each as text."""

    path: Path
    expected_hash: str
    columns: tuple[str, ...]
    format: str = "ArrowStream"
    encoding: None = None

    @classmethod
    def open(cls, path: Path, expected_hash: str) -> Parquet:
        """Look at a file's columns.

        Raises:
            InputError: it is no Parquet file, or its columns are neither `line` nor those of an event, as texts.
        """
        try:
            schema = pq.read_schema(path)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from error
        columns = ("line",) if "line" in schema.names else EVENT_COLUMNS
        for name in columns:
            if name not in schema.names:
                raise InputError(f"{path}: column {name} is missing; a Parquet file has one column line, or {', '.join(EVENT_COLUMNS)}")
            _check_type(path, name, schema.field(name).type)
        return cls(path=path, expected_hash=expected_hash, columns=columns)

    @property
    def structure(self) -> str:
        """For input(): a null cell is an absent attribute."""
        return ", ".join(f"{name} Nullable(String)" for name in self.columns)

    @property
    def line(self) -> str:
        """SQL of a row's line: the column itself, or the JSON text of an event with these attributes."""
        if self.columns == ("line",):
            return "ifNull(line, '')"
        members = [f"'\"{name}\":', ifNull(toJSONString({name}), 'null'), ','" for name in self.columns[:-1]]
        return f"concat('{{\"specversion\":\"1.0\",', {', '.join(members)}, '\"data\":', ifNull(data, 'null'), '}}')"

    def chunks(self) -> Iterator[bytes]:
        """The file as an Arrow stream.

        Raises:
            InputError: the file is damaged, cannot be read, or has changed.
        """
        schema = pa.schema([(name, pa.large_binary()) for name in self.columns])
        sink = _Sink()
        try:
            with pq.ParquetFile(self.path) as file, pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as stream:
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(self.columns)):
                    stream.write_batch(pa.record_batch([_as_text(batch.column(name)) for name in self.columns], schema=schema))
                    yield sink.taken()
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.path, error) from error
        # Parquet is read out of order, so its bytes are hashed once more instead of as they pass; only then comes the end.
        require_same(self.path, content_hash(self.path), self.expected_hash)
        yield sink.taken()


class _Sink:
    """What Arrow writes its stream to; taken out as it grows."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        """What was written since the last call."""
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def _check_type(path: Path, name: str, kind: pa.DataType) -> None:
    stored = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_text = stored in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
    is_instant = name == "time" and pa.types.is_timestamp(stored) and stored.tz is not None
    if not (is_text or is_instant):
        wanted = "text, or a timestamp with a time zone" if name == "time" else "JSON text" if name == "data" else "text"
        raise InputError(f"{path}: column {name} is {kind}; it must be {wanted}")


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column.cast(pa.timestamp(column.type.unit, "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
    return column.cast(pa.large_string()).cast(pa.large_binary()) if pa.types.is_string(column.type) else column.cast(pa.large_binary())


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: not a whole Parquet file ({str(error).splitlines()[0]}); nothing of it was loaded")
