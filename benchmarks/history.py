"""Thirty days of history before a slice, written by the product itself: loaded by its loader, computed by its ticks.

The events are of the slice's resources and accounts. On each day some resources live for ten minutes of one hour: they
start, report all their metrics once a minute, are resized, stopped and deleted, so that a day leaves consumption of every
kind and no open machine. The whole history lies in the slice's month where the slice starts late enough in it: the hardest case for
whatever adds up a month.

The server writes the lines (a million a second), and the home is kept: later runs link its data files, which never
change, instead of loading them again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from benchmarks.figures import BenchmarkError, Tell, gibibytes, timed
from benchmarks.ground import Ground, ground
from benchmarks.slice import Slice, resource_texts
from benchmarks.slice_catalog import METERS, write_catalog
from ingestion.sql.literals import text
from orchestration.session import open_warehouse
from warehouse.errors import InputError, RefusedError
from warehouse.settings import Settings

DAYS = 30
HOURS = 24
MINUTES = 10  # that a resource lives on a day
CHANGES = 4  # lifecycle events of such a life: started, updated, stopped, deleted; some 5 % of its events
EVENTS_OF_A_LIFE = MINUTES * len(METERS) + CHANGES
# A tick adds its rows to the month's partition; every few days leaves parts of many ages, as months of ticks do.
DAYS_OF_A_TICK = 6
_DONE = "history.json"  # written last: a folder without it is half a history


@dataclass(frozen=True, kw_only=True)
class History:
    """What happened before a slice."""

    events: int
    shape: Slice

    def __post_init__(self) -> None:
        if not 1 <= self.lives_a_day <= HOURS * self.shape.resources:
            least, most = DAYS * EVENTS_OF_A_LIFE, DAYS * HOURS * self.shape.resources * EVENTS_OF_A_LIFE
            raise InputError(f"a history of {self.events} events does not fit the slice; choose {least} to {most} events, or another slice")

    @cached_property
    def lives_a_day(self) -> int:
        """Resources that live for ten minutes on a day."""
        return self.events // DAYS // EVENTS_OF_A_LIFE

    @property
    def written(self) -> int:
        """Events that there are: whole lives."""
        return self.lives_a_day * DAYS * EVENTS_OF_A_LIFE

    @property
    def start(self) -> datetime:
        """Of the first day; the last one ends where the slice starts."""
        return self.shape.start - timedelta(days=DAYS)

    def lines(self, day: int, *, resources: str) -> str:
        """SELECT of the lines of a day, from a table of `resource_index`, `source` and `owner` (the texts of each resource)."""
        meters = ", ".join(f"('{meter.metric}', {meter.most})" for meter in METERS)
        first = day * self.lives_a_day
        begin = int((self.start + timedelta(days=day)).timestamp()) * 1000
        usage = MINUTES * len(METERS)
        return f"""
WITH
    [{meters}] AS meters,
    ['started', 'updated', 'stopped', 'deleted'] AS kinds,
    ['', '"state":"running",', '', ''] AS states,
    [0, 4, 8, 9] AS minutes_of_changes,
    cityHash64('history', {self.shape.seed}, life, place) AS word,
    intDiv((life - {first}) * {HOURS}, {self.lives_a_day}) AS hour,
    if(place < {usage}, intDiv(place, {len(METERS)}), minutes_of_changes[place - {usage} + 1]) AS minute,
    concat(replaceOne(toString(fromUnixTimestamp64Milli(toInt64(
        {begin} + hour * 3600000 + minute * 60000 + if(place < {usage}, word % 60000, 0)), 'UTC')), ' ', 'T'), 'Z') AS time,
    meters[place % {len(METERS)} + 1] AS meter
SELECT if(place < {usage},
    concat('{{"specversion":"1.0","id":"h', hex(word), '","type":"usage.recorded",', source, '"time":"', time, '","data":{{', owner,
        '"metric":"', meter.1, '","quantity":"', toString(bitShiftRight(word, 8) % meter.2 + 1), '"}}}}'),
    concat('{{"specversion":"1.0","id":"h', hex(word), '","type":"resource.', kinds[place - {usage} + 1], '",', source, '"time":"', time,
        '","data":{{', owner, '"resource_type":"compute.instance",', states[place - {usage} + 1],
        '"metrics":{{"compute.vcpu":"', toString(bitShiftLeft(1, word % 5)), '","compute.ram_gib":"32",',
        '"compute.gpu":"', toString(word % 2), '"}}}}}}')
) AS line
FROM (SELECT number AS life, life % {self.shape.resources} AS resource_index FROM numbers({first}, {self.lives_a_day})) AS lives
INNER JOIN {resources} AS resources ON lives.resource_index = resources.resource_index
ARRAY JOIN range({EVENTS_OF_A_LIFE}) AS place
"""


@contextmanager
def on_history(settings: Settings, history: History, *, tell: Tell, again: bool = False, keep: bool = False) -> Iterator[Ground]:
    """A deployment that holds the history, ready to be changed; it is made once and linked ever after.

    Args:
        settings: of the user.
        history: what it shall hold.
        tell: hears how far it is.
        again: make it anew, although one of this size is there.
        keep: leave the copy until the next benchmark.

    Raises:
        RefusedError: the warehouse is a configured server, whose files cannot be linked.
    """
    if not settings.is_embedded:
        raise RefusedError("history is kept as files of the embedded server; unset METERHOUSE_CLICKHOUSE_URL for this benchmark")
    kept = settings.home / "bench-history" / f"{history.events}-before-{history.shape.events}-seed-{history.shape.seed}"
    with ground(settings, keep=keep) as here:
        if again or not (kept / _DONE).exists():
            shutil.rmtree(kept, ignore_errors=True)
            _make(here, history, tell)
            kept.parent.mkdir(exist_ok=True)
            here.settings.home.rename(kept)
        elif not _is_whole(kept):
            raise BenchmarkError(f"{kept} was changed after it was made; remove it, or pass --again")
        with timed() as copying:
            link_copy(kept, here.settings.home)
        tell(f"history of {history.written:,} events linked from {kept} in {copying.seconds:.1f} s")
        yield here


def _make(here: Ground, history: History, tell: Tell) -> None:
    """Load and compute the history in an empty deployment, and leave it stopped and described."""
    files = here.settings.home / "history"
    files.mkdir()
    write_catalog(files / "catalog", accounts=history.shape.accounts, committed_from=history.start)
    with timed() as whole, open_warehouse(here.deployment):
        here.apply_catalog(files / "catalog")
        resources = f"{here.settings.database('raw')}.benchmark_resources"
        with here.deployment.warehouse() as client:
            client.command(f"CREATE TABLE {resources} (resource_index UInt64, source String, owner String) ENGINE = Memory")
            texts = resource_texts(history.shape)
            client.insert(
                resources,
                list(zip(range(history.shape.resources), texts.source, texts.owner, strict=True)),
                column_names=["resource_index", "source", "owner"],
            )
            for day in range(DAYS):
                path = files / f"day-{day:02d}.jsonl.zst"
                client.command(
                    f"INSERT INTO FUNCTION file({text(str(path))}, 'LineAsString', 'line String') {history.lines(day, resources=resources)}"
                )
                with timed() as load:
                    here.command("ingest", str(path))
                path.unlink()
                tell(f"history: day {day + 1} of {DAYS} loaded in {load.seconds:.1f} s")
                if (day + 1) % DAYS_OF_A_TICK == 0:
                    tell(f"history: computed in {here.command('run').seconds:.1f} s")
            client.command(f"DROP TABLE {resources} SYNC")
        here.settle()
        loaded = here.value("SELECT sum(rows_accepted) FROM {ops}.batches")
    if loaded != history.written:
        raise BenchmarkError(f"the history holds {loaded} events instead of {history.written}")
    shutil.rmtree(files)
    stored = sum(path.stat().st_size for path in _parts(here.settings.home))
    tell(f"history of {history.written:,} events made in {whole.seconds:.0f} s, {gibibytes(stored):.1f} GiB")
    (here.settings.home / _DONE).write_text(
        json.dumps({"events": history.written, "seconds": whole.seconds, "parts": _print_of(here.settings.home)})
    )


def link_copy(source: Path, target: Path) -> None:
    """Copy a stopped home. Files of table parts, which the engine never writes to again, are linked; all others are copied."""
    if target.exists():
        shutil.rmtree(target)
    linked = set(_parts(source))

    def take(one: str, other: str) -> None:
        if Path(one) in linked:
            os.link(one, other)
        else:
            shutil.copy2(one, other)

    shutil.copytree(source, target, symlinks=True, copy_function=take, ignore=shutil.ignore_patterns("*.fifo", "tmp"))
    (target / "warehouse" / "data" / "tmp").mkdir(parents=True, exist_ok=True)


def _parts(home: Path) -> Iterator[Path]:
    """The files of all parts: store/<three letters>/<table>/<part>/… ."""
    return (path for path in (home / "warehouse" / "data" / "store").glob("*/*/*_*_*_*/**/*") if path.is_file())


def _print_of(home: Path) -> dict[str, int]:
    """What tells whether a file was added, removed or written to since."""
    sizes = [(str(path.relative_to(home)), path.stat().st_size, path.stat().st_mtime_ns) for path in _parts(home)]
    return {"files": len(sizes), "bytes": sum(size for _, size, _ in sizes), "newest": max((time for *_, time in sizes), default=0)}


def _is_whole(home: Path) -> bool:
    return bool(json.loads((home / _DONE).read_text())["parts"] == _print_of(home))
