"""The deployments that faults strike: copies of one that was prepared once, and what must be true of each in the end.

The prepared home has a tick behind it; a schedule copies it, and its new files land there. What the same files make of an
undisturbed copy is what every disturbed one must come to.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clickhouse_connect.driver.client import Client

from benchmarks import faults_checks
from benchmarks.faults_process import Command, Course, Ended, Fault, least, start
from benchmarks.figures import BenchmarkError
from ingestion import synthetic
from warehouse import embedded
from warehouse.client import connect
from warehouse.settings import Settings

# After the generated month, and less than a day after its last event: an earlier clock would refuse some as in the future.
NOW = "2026-02-03T00:00:00Z"
# CONTRACTS of the product: these exist, whatever else is public.
PUBLIC_TABLES = (
    "metering.consumption_hourly",
    "rating.charges_hourly",
    "rating.charges_daily",
    "rating.unrated_consumption",
    "invoicing.invoices",
    "invoicing.invoice_lines",
    "ops.batches",
    "ops.event_accounting",
    "ops.event_conflicts",
    "ops.rejected_events",
)
# When something was done is not what was done.
_INSTANTS = ("loaded_at", "rejected_at", "recorded_at")
_VANISH_SECONDS = 60.0
_COPIED_NEVER = shutil.ignore_patterns("*.fifo", "*.lock")

Contents = Mapping[str, tuple[int, int]]
"""Rows and a hash of their contents, by table."""


@dataclass(frozen=True, kw_only=True)
class Home:
    """A deployment of a schedule."""

    path: Path
    settings: Settings

    def start(self, *arguments: str, fault: Fault | None = None, now: str = NOW) -> Command:
        """Start a command here without waiting for it."""
        number = len(list(self.path.glob("command-*")))
        return start(arguments, environment=self._environment(now), folder=self.path / f"command-{number}", fault=fault)

    def call(self, *arguments: str, fault: Fault | None = None, now: str = NOW) -> Ended:
        """Run a command here, however it ends."""
        return self.start(*arguments, fault=fault, now=now).wait()

    def do(self, *arguments: str) -> None:
        """Run a command that must succeed.

        Raises:
            BenchmarkError: it failed; the message is its own.
        """
        self.call(*arguments).require_done()

    def land(self, files: Sequence[Path]) -> None:
        """Let files arrive."""
        for file in files:
            shutil.copy2(file, self.path / "landing" / file.name)

    def contents(self) -> Contents:
        """What all public tables hold."""
        embedded.start(self.path)
        with contextlib.closing(connect(self.settings)) as client:
            return _contents(client)

    def faults_left(self) -> list[str]:
        """What is wrong whatever the tables hold, each as one sentence: accounting, stages, leases. The warehouse runs."""
        with contextlib.closing(connect(self.settings)) as client:
            found = _unaccounted(client) + _stages(client)
        with contextlib.closing(sqlite3.connect(self.path / "control.db")) as store:
            found += [f"the lease {name} is held by {holder}" for name, holder in store.execute("SELECT name, holder FROM leases")]
        return found

    def close(self) -> list[str]:
        """Stop the warehouse and remove everything. Returns a sentence for each process that was left."""
        embedded.stop(self.path)
        left = _wait_for_the_end_of_all(self.path)
        embedded.reap_ended()
        shutil.rmtree(self.path)
        return left

    def _environment(self, now: str) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.path),
            "LANG": "C.UTF-8",
            "METERHOUSE_HOME": str(self.path),
            "METERHOUSE_LANDING": "landing",  # commands run in the home: locations are the same in all copies
            "METERHOUSE_NOW": now,
            "DAGSTER_HOME": str(self.path / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A home with a tick behind it, files that are to come, and what they make of it when nothing goes wrong."""

    folder: Path
    arrivals: Sequence[Sequence[Path]]  # one after the other
    contents: Contents
    course: Course  # what each tick that loads and bills one of them does at least
    _copies: list[Path] = field(default_factory=list)

    def copy(self) -> Home:
        """A home of its own for a schedule."""
        home = _home(self.folder / f"home-{len(self._copies)}")
        self._copies.append(home.path)
        shutil.copytree(self.folder / "prepared", home.path, symlinks=True, ignore=_COPIED_NEVER)
        return home


def prepare(folder: Path, *, events: int, seed: int) -> Prepared:
    """Generate, load and bill a part of the events; bill the rest in an undisturbed copy.

    Args:
        folder: an empty one, for all homes.
        events: lines in all.
        seed: of the events.

    Raises:
        BenchmarkError: a command failed, or there is nothing to compare.
    """
    written = synthetic.generate(events=events, seed=seed, accounts=2, out=folder / "cloud")
    files = [*sorted(written.files), *_unclean(sorted(written.files), folder / "unclean")]
    before, first, second = files[: len(files) // 3], files[len(files) // 3 : -2], files[-2:]
    home = _home(folder / "prepared")
    (home.path / "landing").mkdir(parents=True)
    home.land(before)
    embedded.start(home.path)  # once for all commands
    home.do("catalog", "apply", str(written.catalog))
    home.do("run")
    embedded.stop(home.path)
    undisturbed = _home(folder / "undisturbed")
    shutil.copytree(home.path, undisturbed.path, symlinks=True, ignore=_COPIED_NEVER)
    embedded.start(undisturbed.path)
    courses = [_bill(undisturbed, files) for files in (first, second)]
    contents = undisturbed.contents()
    wrong = undisturbed.faults_left() + undisturbed.close()
    if wrong:
        raise BenchmarkError(f"undisturbed: {'; '.join(wrong)}")
    lacking = [table for table in PUBLIC_TABLES if table not in contents or not (contents[table][0] or "unrated" in table)]
    if lacking:
        raise BenchmarkError(f"{', '.join(lacking)} hold nothing to compare; take more events")
    return Prepared(folder=folder, arrivals=(first, second), contents=contents, course=least(courses))


def differences(found: Contents, expected: Contents) -> list[str]:
    """A sentence for each table that differs."""
    names = sorted({*found, *expected})
    return [
        f"{name} has {found.get(name, (0, 0))[0]} rows and differs from the {expected.get(name, (0, 0))[0]} undisturbed ones"
        for name in names
        if found.get(name) != expected.get(name)
    ]


def _bill(home: Home, files: Sequence[Path]) -> Course:
    """Let files arrive and bill them; the tick's course."""
    home.land(files)
    command = home.start("run")
    command.wait().require_done()
    return command.course()


def _home(path: Path) -> Home:
    values = {"home": path, "METERHOUSE_NOW": NOW}
    return Home(path=path, settings=Settings(_env_file=None, **values))  # type: ignore[arg-type]  # pydantic checks the values


def _unclean(files: Sequence[Path], folder: Path) -> list[Path]:
    """Two more files: one delivered twice within other bytes, and one of conflicts, repeats and lines that must be refused."""
    folder.mkdir()
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    again, mixed = folder / "part-again.jsonl", folder / "part-mixed.jsonl"
    again.write_bytes(b"".join(line + b"\n" for line in lines[:: len(files)]))
    changed = [line.replace(b'"quantity":"', b'"quantity":"1') for line in lines[1:200:3]]
    refused = [b"not JSON", b"[1]", b"\xff\xfe\x00", b'{"specversion":"1.0"}', b"", lines[0][:-1], lines[0].replace(b"2026", b"2199")]
    mixed.write_bytes(b"".join(line + b"\n" for pair in zip(changed, refused * 10, strict=False) for line in pair))
    return [again, mixed]


def _contents(client: Client) -> Contents:
    ops = [table.partition(".")[2] for table in PUBLIC_TABLES if table.startswith("ops.")]
    found = client.query(
        "SELECT database || '.' || table AS found, arrayStringConcat(arraySort(groupArray(name)), ', ') FROM system.columns"
        " WHERE name NOT IN {instants:Array(String)} AND if(database = 'ops', table IN {ops:Array(String)},"
        " database IN ('metering', 'rating', 'invoicing', 'finops') AND NOT match(table, '^(int|stg)_|_versions$'))"
        " GROUP BY found ORDER BY found",
        parameters={"ops": ops, "instants": list(_INSTANTS)},
    ).result_rows
    if not found:
        there = client.query("SELECT database, count() FROM system.tables GROUP BY 1 ORDER BY 1").result_rows
        raise BenchmarkError(f"no public table is there; tables by database: {there}")
    union = " UNION ALL ".join(
        f"SELECT '{name}', count(), sum(cityHash64(toString(tuple({columns})))) FROM {name}" for name, columns in found
    )
    return {name: (count, content) for name, count, content in client.query(union).result_rows}


def _unaccounted(client: Client) -> list[str]:
    sums = "lines = blank + accepted + duplicates + conflicts + rejected"
    batches, accounted, wrong = client.query(
        f"SELECT (SELECT count() FROM ops.batches), (SELECT uniqExact(batch_id) FROM ops.event_accounting),"
        f" (SELECT countIf(NOT ({sums})) FROM ops.event_accounting)"
    ).result_rows[0]
    accepted, stored = client.query(
        "SELECT (SELECT sum(accepted) FROM ops.event_accounting),"
        " (SELECT count() FROM raw.usage_events) + (SELECT count() FROM raw.lifecycle_events)"
    ).result_rows[0]
    found = [f"{wrong} batches do not add up"] if wrong else []
    if batches != accounted:
        found.append(f"{batches} batches are loaded and {accounted} accounted for")
    if accepted != stored:
        found.append(f"{accepted} events were accepted and raw holds {stored}")
    return found


def _stages(client: Client) -> list[str]:
    tables = client.query(
        "SELECT database || '.' || name FROM system.tables"
        " WHERE (database = 'raw' AND startsWith(name, 'incoming')) OR endsWith(name, '_delta')"
    ).result_rows
    return [f"{name} was left behind" for (name,) in tables]


def _wait_for_the_end_of_all(home: Path) -> list[str]:
    """All processes that were started for a home end by themselves, soon; those that do not are ended."""
    deadline = time.monotonic() + _VANISH_SECONDS
    while (left := _processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"process {pid} was left" for pid in left]


def _processes_of(home: Path) -> list[int]:
    mark = f"METERHOUSE_HOME={home}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found + faults_checks.living(home)
