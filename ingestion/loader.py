"""Loads contents, such as event files, a batch each: all of a batch or nothing, once, whatever happens in between.

    bytes ─► stage (parsed once, on the server) ─► identity check ─► intents ─► raw and ops ─► rows in ops.batches = the commit

A load takes the batches that are at hand together: it looks through all stored identities once, not once a batch, and they
commit as one. A crash before the commit costs a load: the next one removes what the attempt left behind. Callers hold the
pipeline's lease, so there is one loader at a time. How a line is read stands in sql/, where its bytes come from in sources/.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.summary import QuerySummary

from ingestion import batches
from ingestion.repeats import find_repeats
from ingestion.sources.content import Content, NotServedError, ServedContent, content_of
from ingestion.sources.files import suffix_of
from ingestion.sources.hashing import content_hash
from ingestion.sources.sample import first_lines
from ingestion.sql import moving
from ingestion.sql.learning import shapes_of
from ingestion.sql.moving import Counted, Counts, Move
from ingestion.sql.shapes import Shape
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
    # The commit of many batches names where each comes from.
    "max_query_size": 1 << 26,
}
# Lines to learn shapes from: fewer than this of all sampled batches are read faster without.
_SAMPLED_BATCHES, _SAMPLED_LINES = 5, 400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BAD_PACKING = ("ZLIB_INFLATE_FAILED", "ZSTD_DECODER_FAILED")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A content that is to be loaded."""

    content: Content
    batch_id: str  # the same for the same content, whoever loads it and when
    location: str  # where it comes from, for the ledger and for errors
    source_name: str  # for the ledger


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


def load_file(client: Client, settings: Settings, path: Path) -> LoadResult:
    """Load a file, or find that its content is loaded.

    Args:
        client: of the pipeline user.
        settings: of the deployment; its clock decides what is in the future.
        path: .jsonl, .jsonl.gz, .jsonl.zst or .parquet.

    Raises:
        InputError: the file is missing, damaged, cut off, or changed while it was read. Nothing of it was loaded.
        WarehouseError: the server failed. Nothing of it counts as loaded.
    """
    return load_content(client, settings, file_batch(path))


def file_batch(path: Path) -> Batch:
    """An event file as a batch.

    Raises:
        InputError: the file is missing, no event file, or cut off where that shows at once.
    """
    suffix_of(path)
    batch_id = content_hash(path)
    return Batch(content=content_of(path, batch_id), batch_id=batch_id, location=str(path), source_name="files")


def load_files(client: Client, settings: Settings, paths: Sequence[Path]) -> Iterator[LoadResult | InputError]:
    """Load files together, as `load_together` does; those after one that cannot even be opened only when its error was taken."""
    whole: list[Batch] = []
    for path in paths:
        try:
            whole.append(file_batch(path))
        except InputError as error:
            yield from load_together(client, settings, whole)
            yield error
            whole = []
    yield from load_together(client, settings, whole)


def load_content(client: Client, settings: Settings, batch: Batch) -> LoadResult:
    """Load a batch, or find that it is loaded; then nothing of it is read.

    Args:
        client: of the pipeline user.
        settings: of the deployment; its clock decides what is in the future.
        batch: to load.

    Raises:
        InputError: the content is damaged, cut off, or no longer what its id stands for. Nothing of it was loaded.
        WarehouseError: the server failed. Nothing of it counts as loaded.
    """
    (result,) = load_together(client, settings, [batch])
    if isinstance(result, InputError):
        raise result
    return result


def load_together(client: Client, settings: Settings, wanted: Sequence[Batch]) -> Iterator[LoadResult | InputError]:
    """Load batches in as few loads as can be, in this order: a result, or the reason why not, a batch.

    Args:
        client: of the pipeline user.
        settings: of the deployment; its clock decides what is in the future.
        wanted: what is loaded already is not read; of two with one id the first is.

    Raises:
        WarehouseError: the server failed. Nothing of the load it failed in counts as loaded.
    """
    if not wanted:
        return
    recover(client, settings)
    known = batches.committed(client, settings, [batch.batch_id for batch in wanted])
    new: dict[str, Batch] = {}
    for batch in wanted:
        if batch.batch_id not in known:
            new.setdefault(batch.batch_id, batch)
    failed: InputError | None = None
    try:
        counted = _Load(client, settings, list(new.values())).run() if new else {}
    except InputError as error:
        if len(new) > 1:  # the halves will tell whose fault it was
            half = len(wanted) // 2
            yield from load_together(client, settings, wanted[:half])
            yield from load_together(client, settings, wanted[half:])
            return
        counted, failed = {}, error
    known |= {batch_id: _told(counts) for batch_id, counts in counted.items()}
    for batch in wanted:
        if failed is not None and batch.batch_id in new:
            yield failed
        else:
            is_known = batch is not new.get(batch.batch_id)
            yield LoadResult(location=batch.location, batch_id=batch.batch_id, already_loaded=is_known, **known[batch.batch_id])


def recover(client: Client, settings: Settings) -> list[str]:
    """Remove what batches that never committed left behind. Returns their ids; cheap where there are none."""
    return batches.remove_leftovers(client, settings)


def _not_served(batch: Batch) -> NotServedError:
    return NotServedError(f"{batch.location}: the warehouse cannot fetch it; nothing of it was loaded")


def _told(counts: Counts) -> dict[str, int]:
    return {
        "rows_read": counts.read,
        "accepted": counts.accepted,
        "duplicates": counts.duplicates,
        "conflicts": counts.conflicts,
        "rejected": counts.rejected,
    }


class _Load:
    """One attempt to load batches, all of them or none."""

    def __init__(self, client: Client, settings: Settings, wanted: Sequence[Batch]) -> None:
        self._client = client
        self._settings = settings
        self._wanted = wanted
        self._name = wanted[0].location if len(wanted) == 1 else f"{wanted[0].location} and {len(wanted) - 1} more"
        self._now = settings.now()
        self._now_milliseconds = (self._now - _EPOCH) // timedelta(milliseconds=1)
        self._stage = Stage(settings=settings, attempt=uuid.uuid4().hex[:12], shapes=self._shapes())
        self._numbers = itertools.count(1)

    def run(self) -> dict[str, Counts]:
        """Do all of it, and return the counts by batch id. After an error nothing counts; the next load removes what is left.

        Raises:
            InputError: of one of the batches.
            WarehouseError: the server failed.
        """
        try:
            return self._run_all()
        except ClickHouseError as error:
            raise WarehouseError(
                f"{self._name}: the warehouse failed ({str(error).splitlines()[0][:300]}); nothing of it was loaded"
            ) from error

    def _run_all(self) -> dict[str, Counts]:
        first = batches.last_batch_seq(self._client, self._settings) + 1
        numbered = dict(enumerate(self._wanted, first))
        with self._built_stage():
            for batch_seq, batch in numbered.items():
                self._send(batch, batch_seq)
            self._read_odd_lines()
            counts = self._resolve()
            load = [self._counted(batch, batch_seq, counts.get(batch_seq, Counts())) for batch_seq, batch in numbered.items()]
            ids = {batch_seq: batch.batch_id for batch_seq, batch in numbered.items()}
            batches.intend(self._client, self._settings, ids, now=self._now)
            self._move(load)
            self._run(moving.commit(self._stage, load, now_milliseconds=self._now_milliseconds))
        return {batch.batch_id: batch.counts for batch in load}

    @contextmanager
    def _built_stage(self) -> Iterator[None]:
        try:
            for statement in self._stage.creation(now_milliseconds=self._now_milliseconds):
                self._client.command(statement, settings=QUICK_PLANNING)
            yield
        except BaseException:
            with suppress(ClickHouseError):  # the next load removes it; what went wrong first is what matters
                self._client.command(self._stage.removal())
            raise
        self._client.command(self._stage.removal())

    def _shapes(self) -> list[Shape]:
        """How the lines of this load are written, where they are many."""
        step = -(-len(self._wanted) // _SAMPLED_BATCHES)
        lines = [line for batch in self._wanted[::step] for line in self._first_lines(batch)[:_SAMPLED_LINES]]
        return shapes_of(lines) if len(lines) >= _SAMPLED_LINES else []

    def _first_lines(self, batch: Batch) -> list[bytes]:
        content = batch.content
        if not isinstance(content, ServedContent):
            return first_lines(content)
        query = f"SELECT {content.line} FROM {content.table} LIMIT {_SAMPLED_LINES}"
        try:
            return self._client.raw_query(query, settings=dict(content.options), fmt="LineAsString").splitlines()
        except ClickHouseError as error:
            raise _not_served(batch) from error

    def _send(self, batch: Batch, batch_seq: int) -> None:
        """Bring a content into the stage, where each line becomes a row: fetched by the server, or streamed."""
        content = batch.content
        if isinstance(content, ServedContent):
            self._fetch(batch, content, self._stage.sending(batch_seq, content.table, line=content.line))
            return
        sending = self._stage.sending(batch_seq, f"input('{content.structure}')", line=content.line)
        cores = self._client.query("SELECT getSetting('max_threads')").result_rows[0][0]
        try:
            stream(
                self._settings,
                f"{sending} FORMAT {content.format}",
                content.chunks(),
                query_id=self._next_query_id(),
                encoding=content.encoding,
                options={**_READ_OPTIONS, "max_insert_threads": cores},
            )
        except StatementError as error:
            if any(code in error.reason for code in _BAD_PACKING):
                raise InputError(
                    f"{batch.location}: cut off, damaged or not {content.encoding}; nothing of it was loaded, send it again whole"
                ) from error
            raise WarehouseError(f"{batch.location}: {error}; nothing of it was loaded") from error

    def _fetch(self, batch: Batch, content: ServedContent, statement: str) -> None:
        try:
            self._run(statement, {**_READ_OPTIONS, **content.options})
        except ClickHouseError as error:
            raise _not_served(batch) from error
        content.require_unchanged()

    def _read_odd_lines(self) -> None:
        """Read what could not be read at sight, where there is any."""
        if self._client.query(f"SELECT count() FROM {self._stage.odd}").result_rows[0][0]:
            self._run(self._stage.odd_lines(now_milliseconds=self._now_milliseconds), QUICK_PLANNING)

    def _resolve(self) -> dict[int, Counts]:
        """Find the lines that repeat an identity, and count where each line goes, by batch_seq; a batch without lines is absent."""
        find_repeats(self._client, self._stage, run=self._run)
        found = self._client.query(moving.counting(self._stage))
        return {row.pop("batch_seq"): Counts(**row) for row in found.named_results()}

    def _counted(self, batch: Batch, batch_seq: int, counts: Counts) -> Counted:
        if not counts.adds_up:
            raise WarehouseError(f"{batch.location}: its lines do not add up ({counts}); nothing of it was loaded, please report this file")
        return Counted(batch_seq=batch_seq, batch_id=batch.batch_id, source_name=batch.source_name, location=batch.location, counts=counts)

    def _move(self, load: Sequence[Counted]) -> None:
        """Everything but the commit."""
        self._write(moving.evidence(self._stage, load, now_milliseconds=self._now_milliseconds))
        refused = sum(batch.counts.duplicates + batch.counts.conflicts for batch in load)
        usage = sum(batch.counts.usage for batch in load)
        # The server strikes a few parts at a time and pauses in between: all else is written meanwhile.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="strike") as beside:
            struck = beside.submit(self._run, moving.striking(self._stage, refused=refused, usage=usage)) if refused else None
            self._write(moving.moves(self._stage, load, now_milliseconds=self._now_milliseconds))
        if struck:
            struck.result()
        kept = self._client.query(f"SELECT count() FROM {self._stage.usage}").result_rows[0][0]
        self._require_rows(self._stage.usage, kept, usage)
        self._write(moving.windows(self._stage, load))
        for (partition,) in self._client.query(moving.partitions(self._stage)).result_rows:
            self._run(moving.handing_over(self._stage, partition))

    def _write(self, moves: Sequence[Move]) -> None:
        for move in moves:
            written = self._run(move.statement)
            if move.rows is not None:
                self._require_rows(move.table, written, move.rows)

    def _require_rows(self, table: str, found: int, expected: int) -> None:
        if found != expected:
            raise WarehouseError(
                f"{self._name}: {table} took {found} rows of {expected}; nothing of it was loaded, please report this file"
            )

    def _run(self, statement: str, options: Mapping[str, str | int] = _OPTIONS) -> int:
        """Run a statement of the load, findable by its id. Returns the rows it wrote."""
        summary = self._client.command(statement, settings={**options, "query_id": self._next_query_id()})
        return summary.written_rows if isinstance(summary, QuerySummary) else 0

    def _next_query_id(self) -> str:
        return f"{batches.query_prefix(self._settings)}{self._stage.attempt}-{next(self._numbers)}"
