"""The identity check alone: a batch against so many identities stored before it, through the product's own statements.

Stored identities are made up on the server and written by the loader's own statement for them, so that their table is as
a load leaves it. The batch holds some of them again, some repeats of its own, and else new ones; each must be found.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from clickhouse_connect.driver.client import Client

from benchmarks.figures import BenchmarkError, Figure, Tell, gibibytes, timed
from benchmarks.ground import Ground, ground
from benchmarks.memory import PeakMemory
from ingestion.repeats import find_repeats
from ingestion.sql import identity, moving
from ingestion.sql.moving import Counted, Counts
from ingestion.sql.stage import QUICK_PLANNING, Stage
from orchestration.session import open_warehouse
from warehouse.settings import Settings

BATCH_LINES = 1_390_000  # a minute of two billion events a day
BATCHES = 3  # the middle one counts
# One line of a thousand repeats an event of an earlier batch, and as many one of the same batch.
REPEATED_OF = 1000
_LOADED_AT_ONCE = 10_000_000
_ARRIVAL_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class IdentityFigures:
    """Batches against one number of stored identities."""

    lines: int  # of a batch
    stored: int
    stored_bytes: int
    check_seconds: tuple[float, ...]  # of each batch: which lines repeat an identity
    store_seconds: tuple[float, ...]  # of each batch: its own identities written
    read_rows: int  # by the last check
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """Of the middle batch."""
        return statistics.median(self.check_seconds)


def figures(found: Sequence[IdentityFigures]) -> list[Figure]:
    """The table: each size beside the first."""
    first = found[0]
    rows: list[Figure] = []
    for one in found:
        name = f"{one.stored:,} stored"
        beside = {"beside": first.seconds, "beside_name": f"{first.stored:,} stored"} if one is not first else {}
        rows += [
            Figure(name=f"{name}: check of {one.lines:,} lines", value=one.seconds, **beside),  # type: ignore[arg-type]  # by name
            Figure(name=f"{name}: slowest of {BATCHES} checks", value=max(one.check_seconds)),
            Figure(name=f"{name}: identities of the batch written", value=statistics.median(one.store_seconds)),
            Figure(name=f"{name}: rows read by a check", value=one.read_rows, unit="rows", beside=one.lines, beside_name="lines"),
            Figure(name=f"{name}: on disk", value=gibibytes(one.stored_bytes), unit="GiB"),
            Figure(name=f"{name}: on disk an identity", value=one.stored_bytes / one.stored, unit="bytes"),
            Figure(name=f"{name}: peak memory", value=gibibytes(one.peak_bytes), unit="GiB"),
        ]
    return rows


def bench_identity(settings: Settings, *, sizes: Sequence[int], tell: Tell, batch_lines: int = BATCH_LINES) -> list[IdentityFigures]:
    """Measure the check against each number of stored identities, rising.

    Raises:
        BenchmarkError: a check found other lines than those that repeat an identity.
        MeterhouseError: a step failed.
    """
    found: list[IdentityFigures] = []
    with ground(settings) as here, open_warehouse(here.deployment) as client:
        check = _Check(here, client, batch_lines)
        for size in sorted(sizes):
            check.store(size)
            tell(f"{check.stored:,} identities stored")
            here.settle()
            found.append(check.measure())
    return found


class _Check:
    """A table of identities that grows, and batches against it. Identities are numbered in the order they were stored in."""

    def __init__(self, here: Ground, client: Client, batch_lines: int) -> None:
        self.stored = 0
        self._here = here
        self._client = client
        self._lines = batch_lines
        self._batch_seq = 0

    def store(self, size: int) -> None:
        """Fill the table up to so many identities, which arrived over the last thirty days."""
        while self.stored < size:
            count = min(_LOADED_AT_ONCE, size - self.stored)
            age = timedelta(days=_ARRIVAL_DAYS) * (1 - (self.stored + count) / size)
            stage = self._stage(f"SELECT number + 1 AS line, {self.stored} + number AS event FROM numbers({count})")
            self._client.command(identity.of_load(stage, as_a_whole=False))
            self._keep(stage, count, age=age)
            self._client.command(stage.removal())
            self.stored += count

    def measure(self) -> IdentityFigures:
        """Check some batches and store each, as loads do."""
        stored = self.stored
        size = self._here.value("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = '{raw}' AND table = 'identities'")
        checks: list[float] = []
        stores: list[float] = []
        with PeakMemory(*self._here.server) as memory:
            for _ in range(BATCHES):
                repeated = self._lines // REPEATED_OF
                new = self._lines - 2 * repeated
                stage = self._stage(
                    f"SELECT number + 1 AS line, multiIf(number < {new}, {self.stored} + number,"
                    f" number < {new + repeated}, {self.stored} + number - {new},"  # of this batch
                    f" cityHash64(number, {self._batch_seq}) % {stored}) AS event FROM numbers({self._lines})"
                )
                read = self._rows_read()
                with timed() as check:
                    find_repeats(self._client, stage, run=self._client.command)
                checks.append(check.seconds)
                read = self._rows_read() - read
                refused = self._here.value(f"SELECT count() FROM {stage.refused}")
                if refused != 2 * repeated:
                    raise BenchmarkError(f"the check refused {refused} lines, and {2 * repeated} repeat an identity")
                with timed() as store:
                    self._keep(stage, new, age=timedelta(0))
                stores.append(store.seconds)
                self._client.command(stage.removal())
                self.stored += new
        return IdentityFigures(
            lines=self._lines,
            stored=stored,
            stored_bytes=size,
            check_seconds=tuple(checks),
            store_seconds=tuple(stores),
            read_rows=read,
            peak_bytes=memory.peak_bytes,
        )

    def _stage(self, events: str) -> Stage:
        """A stage that holds events by number, `line` and `event`, as if their lines had been read."""
        self._batch_seq += 1
        stage = Stage(settings=self._here.settings, attempt=f"{self._batch_seq:012d}")
        for statement in stage.creation(now_milliseconds=0):
            self._client.command(statement, settings=QUICK_PLANNING)
        self._client.command(
            f"INSERT INTO {stage.hashes} (batch_seq, line_number, identity_high, identity_low, content_hash)"
            " WITH sipHash128('/benchmark', hex(event)) AS identity"
            f" SELECT {self._batch_seq}, line, reinterpretAsUInt64(identity), reinterpretAsUInt64(substring(identity, 9, 8)),"
            " cityHash64(event)"
            f" FROM ({events}) SETTINGS max_insert_threads = 2"
        )
        return stage

    def _keep(self, stage: Stage, count: int, *, age: timedelta) -> None:
        """Write the stage's identities as the loader does."""
        at = self._here.settings.now() - age
        kept = Counted(
            batch_seq=self._batch_seq,
            batch_id=f"{self._batch_seq}",
            source_name="benchmark",
            location="benchmark",
            counts=Counts(lines=count, usage=count),
        )
        moves = moving.moves(stage, [kept], now_milliseconds=int(at.timestamp() * 1000))
        for move in moves:
            if move.table.endswith(".identities"):
                self._client.command(move.statement)

    def _rows_read(self) -> int:
        return self._here.value("SELECT sum(value) FROM system.events WHERE event = 'SelectedRows'")
