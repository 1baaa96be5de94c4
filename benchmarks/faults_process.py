"""A command of the product as a process of its own, and the fault that strikes it.

The process is forked from one that has its imports behind it, so that a schedule costs what a tick computes and not what it
imports; from there on it is the command itself. A fault strikes at a moment of the command: so many exchanges with the
warehouse into one of its phases, before or after the answer, and some milliseconds later.
"""

from __future__ import annotations

import http.client
import importlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import resource_tracker
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from benchmarks import faults_checks
from benchmarks.figures import BenchmarkError
from benchmarks.memory import with_descendants
from orchestration import dagster_home
from warehouse import embedded

# What the commands import late; without these each process would do so for itself.
_IMPORTED_BEFORE = [
    "orchestration.cli",
    "orchestration.pipeline",
    "dbt.cli.main",
    "dbt.adapters.clickhouse",
    "dagster._cli",
    "orchestration.quality.runner",
    "benchmarks.faults_process",
]
# A command that hangs is a failure; the slowest machine ends a tick of some thousand events long before.
LONGEST_SECONDS = 240.0


class Victim(StrEnum):
    """Who gets the SIGKILL."""

    COMMAND = "command"
    WAREHOUSE = "warehouse"
    CHECKS = "checks"


class Phase(StrEnum):
    """Parts of a tick. ALL begins with the process."""

    ALL = "all"
    LOADING = "loading"
    MODELS = "models"
    CHECKS = "checks"


# The function that is each phase, as its caller finds it: module or class, and name.
_FUNCTIONS = {
    Phase.LOADING: ("orchestration.assets.raw", "", "load_sources"),
    Phase.MODELS: ("orchestration.dbt", "", "build"),
    Phase.CHECKS: ("orchestration.quality.gate", "QualityGate", "look"),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A SIGKILL and its moment."""

    victim: Victim
    phase: Phase
    exchange: int = 0  # of the phase, counted from 1; 0: when the phase begins
    is_answered: bool = False  # strike when the exchange is answered, not while the server works on it
    delay_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Course:
    """What an undisturbed command did: the moments that there are."""

    exchanges: Mapping[str, int]  # by phase
    seconds: Mapping[str, float]  # by phase


def least(courses: Sequence[Course]) -> Course:
    """The moments that each of them has."""
    return Course(
        exchanges={phase: min(course.exchanges.get(phase, 0) for course in courses) for phase in Phase},
        seconds={phase: min(course.seconds[phase] for course in courses) for phase in Phase},
    )


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    exit_code: int  # negative: by this signal
    output: str
    errors: str
    is_struck: bool  # the fault found its victim alive
    seconds: float

    @property
    def is_killed(self) -> bool:
        """Whether the command itself was killed."""
        return self.exit_code == -signal.SIGKILL

    @property
    def is_done(self) -> bool:
        """Whether it did what it was asked for."""
        return self.exit_code == 0

    def require_done(self) -> None:
        """Do nothing where it is done.

        Raises:
            BenchmarkError: it failed; the message is its own.
        """
        if not self.is_done:
            raise BenchmarkError(f"a command failed that nothing disturbed: {self.errors.strip()[-500:] or self.exit_code}")


class Command:
    """A command that was started."""

    def __init__(self, process: BaseProcess, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._started = time.monotonic()

    def wait(self) -> Ended:
        """Wait for its end.

        Raises:
            TimeoutError: it hangs; it was killed.
        """
        self._process.join(LONGEST_SECONDS)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
            raise TimeoutError(f"a command hung for {LONGEST_SECONDS:.0f} seconds; it had said: {self._read('errors')[-300:]}")
        return Ended(
            exit_code=self._process.exitcode,
            output=self._read("output"),
            errors=self._read("errors"),
            is_struck=(self._folder / "struck").exists(),
            seconds=time.monotonic() - self._started,
        )

    def course(self) -> Course:
        """What it did, once it has ended."""
        return Course(**json.loads((self._folder / "course.json").read_text()))

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text(errors="replace") if path.exists() else ""


def start(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, directory: Path | None = None, fault: Fault | None = None
) -> Command:
    """Start `meterhouse ARGUMENT…`, or `dagster …` where that is the first argument.

    Args:
        arguments: of the command line.
        environment: all that it sees.
        folder: a new one, for what the command prints and does.
        directory: where it runs; default: in its home.
        fault: what strikes it.
    """
    folder.mkdir(parents=True)
    where = directory or Path(environment["METERHOUSE_HOME"])
    process = _context().Process(target=_live, args=(list(arguments), dict(environment), folder, where, fault))
    with _without_main():
        process.start()
    return Command(process, folder)


@contextmanager
def _without_main() -> Iterator[None]:
    """A new process imports the main module of this one, before it has its environment; that is no part of the command."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED_BEFORE)  # does nothing once the server runs
    return context


def _live(arguments: list[str], environment: dict[str, str], folder: Path, directory: Path, fault: Fault | None) -> NoReturn:
    """The life of the process."""
    os.environ.clear()  # noqa: TID251 - the process begins with what its caller gives it
    os.environ.update(environment)  # noqa: TID251
    os.chdir(directory)
    for name, descriptor in (("output", 1), ("errors", 2)):
        target = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(target, descriptor)
        os.close(target)
    # As in a command that began by itself, whose semaphores end with its own tracker, not with that of the first process.
    tracker: Any = resource_tracker
    tracker._resource_tracker._fd = tracker._resource_tracker._pid = None
    if fault is None or fault.victim is not Victim.CHECKS:  # what is killed must be what the product starts
        faults_checks.install(folder)
    watch = _Watch(folder, Path(environment["METERHOUSE_HOME"]), fault)
    watch.install()
    try:
        _run(arguments)
    finally:
        watch.write_course()
        sys.stdout.flush()


def _run(arguments: list[str]) -> NoReturn:
    if arguments[0] == "dagster":
        dagster_home.prepare(Path.cwd())
        program: Any = importlib.import_module("dagster._cli")
        program.create_dagster_cli()(arguments[1:])
        sys.exit(0)
    from orchestration.cli.main import main  # noqa: PLC0415 - imported before the fork

    main(arguments)


@dataclass
class _Watch:
    """Follows the phases and exchanges of this process and strikes at the moment of the fault."""

    folder: Path
    home: Path
    fault: Fault | None
    exchanges: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    _phase: Phase = Phase.ALL
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: float = field(default_factory=time.monotonic)

    def install(self) -> None:
        """Stand between the product's functions and their callers until the process ends."""
        connection: Any = http.client.HTTPConnection
        answer = connection.getresponse
        watch = self

        def getresponse(self: Any, *args: Any, **options: Any) -> http.client.HTTPResponse:  # noqa: ANN401 - http.client's
            numbers = watch._count()
            watch._reached(numbers, is_answered=False)
            reply: http.client.HTTPResponse = answer(self, *args, **options)
            watch._reached(numbers, is_answered=True)
            return reply

        connection.getresponse = getresponse
        self._reached({Phase.ALL: 0}, is_answered=False)
        for phase, (module, owner, name) in _FUNCTIONS.items():
            found: Any = importlib.import_module(module)
            found = getattr(found, owner) if owner else found
            setattr(found, name, self._phased(phase, getattr(found, name)))

    def write_course(self) -> None:
        """Leave what the process did."""
        self.seconds[Phase.ALL] = time.monotonic() - self._started  # type: ignore[assignment]  # a Counter adds floats as well
        fresh = self.folder / "course.json"
        fresh.write_text(json.dumps({"exchanges": self.exchanges, "seconds": self.seconds}))

    def _phased(self, phase: Phase, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the function's own
            self._phase = phase
            started = time.monotonic()
            self._reached({phase: 0}, is_answered=False)
            try:
                return function(*arguments, **named)
            finally:
                self._phase = Phase.ALL
                self.seconds[phase] += time.monotonic() - started  # type: ignore[assignment]

        return run

    def _count(self) -> dict[Phase, int]:
        """The exchange's number in its phase and in all."""
        with self._lock:
            phases = {Phase.ALL, self._phase}
            self.exchanges.update(phases)
            return {phase: self.exchanges[phase] for phase in phases}

    def _reached(self, numbers: Mapping[Phase, int], *, is_answered: bool) -> None:
        fault = self.fault
        if fault is None or numbers.get(fault.phase) != fault.exchange or is_answered != fault.is_answered:
            return
        if fault.delay_seconds:
            timer = threading.Timer(fault.delay_seconds, self._strike, [fault.victim])
            timer.daemon = True
            timer.start()
        else:
            self._strike(fault.victim)

    def _strike(self, victim: Victim) -> None:
        pid = self._pid_of(victim)
        if pid is None:
            return
        (self.folder / "struck").touch()
        os.kill(pid, signal.SIGKILL)

    def _pid_of(self, victim: Victim) -> int | None:
        if victim is Victim.COMMAND:
            return os.getpid()
        if victim is Victim.WAREHOUSE:
            state = embedded.running(self.home)
            return state.pid if state else None
        return next((pid for pid in with_descendants([os.getpid()]) if faults_checks.PROGRAM in _command_line(pid)), None)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
