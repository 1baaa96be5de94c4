"""Loads one content, such as an event file, as one batch: all of it or nothing, once, whatever happens in between.

    bytes ─► stage (parsed once, on the server) ─► identity check ─► intent ─► raw and ops ─► row in ops.batches = the commit

A crash before the commit costs a load: the next one removes what the attempt left behind. Callers hold the pipeline's
lease, so there is one loader at a time. How a line is read stands in sql/, where its bytes come from in sources/.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.summary import QuerySummary

from ingestion import batches
from ingestion.repeats import find_repeats
from ingestion.sources.content import Content, NotServedError, ServedContent, content_of
from ingestion.sources.files import suffix_of
from ingestion.sources.hashing import content_hash
from ingestion.sql import moving
from ingestion.sql.moving import Counts, Move
from ingestion.sql.stage import QUICK_PLANNING, Stage
from warehouse.errors import InputError, WarehouseError
from warehouse.settings import Settings
from warehouse.streaming import StatementError, stream

_READ_OPTIONS: dict[str, str | int] = {
    "parallel_view_processing": 1,  # with max_insert_threads: lines are read on all cores
    "materialized_views_ignore_errors": 0,
    **QUICK_PLANNING,
    # Rows and bytes of a block in the stage. Larger ones cost memory for each core, smaller ones make more parts.
    "min_insert_block_size_rows": 262_144,
    "min_insert_block_size_bytes": 134_217_728,
    # What the patterns in plain.py and careful.py rely on.
    "allow_simdjson": 1,
    "output_format_json_escape_forward_slashes": 0,
}
_OPTIONS: dict[str, str | int] = {
    "output_format_json_escape_forward_slashes": 0,
    # Identities of a file of many million lines go to disk instead of memory beyond this.
    "max_bytes_before_external_group_by": 1 << 30,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BAD_PACKING = ("ZLIB_INFLATE_FAILED", "ZSTD_DECODER_FAILED")


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What became of the lines. Counts of a content that was loaded before are those of that load."""

    location: str
    batch_id: str
    rows_read: int
    accepted: int
    duplicates: int
    conflicts: int
    rejected: int
    already_loaded: bool


def load_file(client: Client, settings: Settings, path: Path, *, source_name: str = "files") -> LoadResult:
    """Load a file, or find that its content is loaded.

    Args:
        client: of the pipeline user.
        settings: of the deployment; its clock decides what is in the future.
        path: .jsonl, .jsonl.gz, .jsonl.zst or .parquet.
        source_name: for the ledger.

    Raises:
        InputError: the file is missing, damaged, cut off, or changed while it was read. Nothing of it was loaded.
        WarehouseError: the server failed. Nothing of it counts as loaded.
    """
    suffix_of(path)
    batch_id = content_hash(path)
    content = content_of(path, batch_id)
    return load_content(client, settings, content, batch_id=batch_id, location=str(path), source_name=source_name)


def load_content(client: Client, settings: Settings, content: Content, *, batch_id: str, location: str, source_name: str) -> LoadResult:
    """Load a content, or find that its batch is loaded; then nothing of it is read.

    Args:
        client: of the pipeline user.
        settings: of the deployment; its clock decides what is in the future.
        content: the lines.
        batch_id: the same for the same content, whoever loads it and when.
        location: where it comes from, for the ledger and for errors.
        source_name: for the ledger.

    Raises:
        InputError: the content is damaged, cut off, or no longer what `batch_id` stands for. Nothing of it was loaded.
        WarehouseError: the server failed. Nothing of it counts as loaded.
    """
    recover(client, settings)
    known = batches.committed(client, settings, batch_id)
    if known is not None:
        return LoadResult(location=location, batch_id=batch_id, already_loaded=True, **known)
    try:
        counts = _Load(client, settings, location, batch_id).run(content, source_name)
    except ClickHouseError as error:
        raise WarehouseError(f"{location}: the warehouse failed ({str(error).splitlines()[0][:300]}); nothing of it was loaded") from error
    return LoadResult(
        location=location,
        batch_id=batch_id,
        rows_read=counts.lines - counts.blank,
        accepted=counts.accepted,
        duplicates=counts.duplicates,
        conflicts=counts.conflicts,
        rejected=counts.rejected,
        already_loaded=False,
    )


def recover(client: Client, settings: Settings) -> list[str]:
    """Remove what batches that never committed left behind. Returns their ids; cheap where there are none."""
    return batches.remove_leftovers(client, settings)


class _Load:
    """One attempt to load one content."""

    def __init__(self, client: Client, settings: Settings, location: str, batch_id: str) -> None:
        self._client = client
        self._settings = settings
        self._location = location
        self._batch_id = batch_id
        self._now = settings.now()
        self._now_milliseconds = (self._now - _EPOCH) // timedelta(milliseconds=1)
        self._stage = Stage(settings=settings, attempt=uuid.uuid4().hex[:12])
        self._statements = 0

    def run(self, content: Content, source_name: str) -> Counts:
        """Do all of it. After an error nothing of the file counts; the next load removes what is left."""
        batch_seq = batches.last_batch_seq(self._client, self._settings) + 1
        with self._built_stage(batch_seq):
            self._send(content)
            self._read_odd_lines()
            counts = self._resolve(batch_seq)
            batches.intend(self._client, self._settings, batch_seq=batch_seq, batch_id=self._batch_id, now=self._now)
            self._move(counts, batch_seq)
            commit = moving.commit(
                self._stage,
                counts,
                batch_seq=batch_seq,
                batch_id=self._batch_id,
                source_name=source_name,
                location=self._location,
                now_milliseconds=self._now_milliseconds,
            )
            self._run(commit)
        return counts

    @contextmanager
    def _built_stage(self, batch_seq: int) -> Iterator[None]:
        try:
            for statement in self._stage.creation(batch_seq=batch_seq, now_milliseconds=self._now_milliseconds):
                self._client.command(statement, settings=QUICK_PLANNING)
            yield
        except BaseException:
            with suppress(ClickHouseError):  # the next load removes it; what went wrong first is what matters
                self._client.command(self._stage.removal())
            raise
        self._client.command(self._stage.removal())

    def _send(self, content: Content) -> None:
        """Bring the content into the stage, where each line becomes a row: fetched by the server, or streamed."""
        if isinstance(content, ServedContent):
            self._fetch(content)
            return
        statement = (
            f"INSERT INTO {self._stage.lines} (line_number, line) SELECT rowNumberInAllBlocks() + 1, {content.line}"
            f" FROM input('{content.structure}') FORMAT {content.format}"
        )
        cores = self._client.query("SELECT getSetting('max_threads')").result_rows[0][0]
        try:
            stream(
                self._settings,
                statement,
                content.chunks(),
                query_id=self._next_query_id(),
                encoding=content.encoding,
                options={**_READ_OPTIONS, "max_insert_threads": cores},
            )
        except StatementError as error:
            if any(code in error.reason for code in _BAD_PACKING):
                raise InputError(
                    f"{self._location}: cut off, damaged or not {content.encoding}; nothing of it was loaded, send it again whole"
                ) from error
            raise WarehouseError(f"{self._location}: {error}; nothing of it was loaded") from error

    def _fetch(self, content: ServedContent) -> None:
        statement = (
            f"INSERT INTO {self._stage.lines} (line_number, line) SELECT rowNumberInAllBlocks() + 1, {content.line} FROM {content.table}"
        )
        try:
            self._run(statement, {**_READ_OPTIONS, **content.options})
        except ClickHouseError as error:
            raise NotServedError(f"{self._location}: the warehouse cannot fetch it; nothing of it was loaded") from error
        content.require_unchanged()

    def _read_odd_lines(self) -> None:
        """Read what could not be read at sight, where there is any."""
        if self._client.query(f"SELECT count() FROM {self._stage.odd}").result_rows[0][0]:
            self._run(self._stage.odd_lines(now_milliseconds=self._now_milliseconds), QUICK_PLANNING)

    def _resolve(self, batch_seq: int) -> Counts:
        """Find the lines that repeat an identity, and count where each line goes."""
        find_repeats(self._client, self._stage, batch_seq=batch_seq, run=self._run)
        found = self._client.query(moving.counting(self._stage))
        counts = Counts(**dict(zip(found.column_names, found.result_rows[0], strict=True)))
        if not counts.adds_up:
            raise WarehouseError(f"{self._location}: its lines do not add up ({counts}); nothing of it was loaded, please report this file")
        return counts

    def _move(self, counts: Counts, batch_seq: int) -> None:
        """Everything but the commit."""
        batch: dict[str, Any] = {"batch_seq": batch_seq, "batch_id": self._batch_id, "now_milliseconds": self._now_milliseconds}
        self._write(moving.evidence(self._stage, counts, **batch))
        if counts.duplicates or counts.conflicts:
            self._run(moving.striking(self._stage, counts))
        kept = self._client.query(f"SELECT count() FROM {self._stage.usage}").result_rows[0][0]
        self._require_rows(self._stage.usage, kept, counts.usage)
        if kept:
            self._run(moving.attaching(self._stage))
        self._write(moving.moves(self._stage, counts, **batch))

    def _write(self, moves: Sequence[Move]) -> None:
        for move in moves:
            written = self._run(move.statement)
            if move.rows is not None:
                self._require_rows(move.table, written, move.rows)

    def _require_rows(self, table: str, found: int, expected: int) -> None:
        if found != expected:
            raise WarehouseError(
                f"{self._location}: {table} took {found} rows of {expected}; nothing of it was loaded, please report this file"
            )

    def _run(self, statement: str, options: Mapping[str, str | int] = _OPTIONS) -> int:
        """Run a statement of the load, findable by its id. Returns the rows it wrote."""
        summary = self._client.command(statement, settings={**options, "query_id": self._next_query_id()})
        return summary.written_rows if isinstance(summary, QuerySummary) else 0

    def _next_query_id(self) -> str:
        self._statements += 1
        return f"{batches.query_prefix(self._settings)}{self._stage.attempt}-{self._statements}"
