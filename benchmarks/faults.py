"""Strikes ticks with faults at seeded moments and compares what is left with a run that nobody disturbed.

A schedule is a function of its seed: two kinds of fault, one after the other, each on newly landed files; then the command is
repeated until it is done. After that all public tables must be those of the undisturbed run, every line accounted for, and
no lease, stage or process left. `meterhouse bench faults` prints the figures; tests/faults plays the first seeds.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults_ground import NOW, Home, Prepared, differences, prepare
from benchmarks.faults_process import Ended, Fault, Phase, Victim
from benchmarks.figures import BenchmarkError, Tell, timed
from orchestration.session import start_and_keep
from warehouse import embedded
from warehouse.errors import MeterhouseError

EVENTS = 1_200
# What dies is a process and not the machine: files that live in memory outlast it, and cost no waiting for a disk.
MEMORY = Path("/dev/shm")  # noqa: S108 - the files' folder has a name of its own
_MEMORY_BYTES = 1 << 30  # some homes and their servers' logs
# How often a command is repeated that somebody insists on; the first repetition must do.
_REPETITIONS = 3
# Within these, all the events of the generated month are neither old nor in the future.
_CLOCKS = ("2026-02-02T00:00:00Z", "2026-02-03T00:00:00+14:00", "2027-01-01T00:00:00Z", "2036-02-29T12:00:00Z")


@dataclass(kw_only=True)
class KindFigures:
    """What became of the faults of one kind."""

    kind: str
    faults: int = 0  # planned
    hits: int = 0  # found their victim alive, or their condition true
    killed: int = 0  # commands that died of it
    failed: int = 0  # commands that ended with a sentence because of it
    survived: int = 0  # ended in the tables of the undisturbed run
    failures: int = 0
    seconds: float = 0.0  # of the schedules' disturbed parts

    def row(self) -> dict[str, object]:
        """The line of the table."""
        return {**vars(self), "seconds": round(self.seconds, 1)}


FAULT_COLUMNS = ("kind", "faults", "hits", "killed", "failed", "survived", "failures", "seconds")


@dataclass(kw_only=True)
class FaultFigures:
    """What the schedules did."""

    schedules: int = 0
    kinds: dict[str, KindFigures] = field(default_factory=lambda: {kind: KindFigures(kind=kind) for kind in KINDS})
    failures: list[str] = field(default_factory=list)  # one sentence for each schedule that ended wrong
    seconds: float = 0.0

    def rows(self) -> list[dict[str, object]]:
        """The table: a line for each kind, and one for all."""
        kinds = list(self.kinds.values())
        total = KindFigures(kind="all")
        for name in FAULT_COLUMNS[1:]:
            setattr(total, name, sum(getattr(kind, name) for kind in kinds))
        return [figures.row() for figures in (*kinds, total)]


def bench_faults(*, seeds: int, seed: int = 1, events: int = EVENTS, tell: Tell) -> FaultFigures:
    """Play `seeds` schedules, with the seeds from `seed` on.

    Args:
        seeds: how many.
        seed: of the first.
        events: lines of each deployment.
        tell: shows progress.

    Raises:
        BenchmarkError: the undisturbed run failed.
    """
    with prepared(events=events) as ground:
        return play(ground, seeds=seeds, seed=seed, tell=tell)


@contextmanager
def prepared(*, events: int = EVENTS) -> Iterator[Prepared]:
    """What all schedules share, for as long as the block lasts."""
    has_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > _MEMORY_BYTES
    folder = Path(tempfile.mkdtemp(prefix="meterhouse-faults-", dir=MEMORY if has_memory else None))
    try:
        yield prepare(folder, events=events, seed=1)
    finally:
        for home in folder.iterdir():
            embedded.stop(home)
        shutil.rmtree(folder)


def play(ground: Prepared, *, seeds: int, seed: int, tell: Tell) -> FaultFigures:
    """Play the schedules of so many seeds on what was prepared."""
    figures = FaultFigures()
    with timed() as watch:
        for own in range(seed, seed + seeds):
            kinds = kinds_of(own)
            wrong = _Play(ground=ground, home=ground.copy(), chance=random.Random(own), figures=figures).play(kinds)  # noqa: S311 - no secret
            figures.schedules += 1
            if wrong:
                figures.failures.append(f"seed {own} ({', '.join(kinds)}): {'; '.join(wrong)}")
            tell(f"seed {own}: {', '.join(kinds)}: {'; '.join(wrong) or 'survived'}")
    figures.seconds = watch.seconds
    return figures


def kinds_of(seed: int) -> list[str]:
    """The two kinds of a seed. Any five seeds in a row have every kind; those that leave their victim dead come first."""
    names = list(KINDS)
    pair = {seed % len(names), (seed + 5) % len(names)}
    return [names[number] for number in sorted(pair)]


@dataclass(kw_only=True)
class _Play:
    """One schedule."""

    ground: Prepared
    home: Home
    chance: random.Random
    figures: FaultFigures
    wrong: list[str] = field(default_factory=list)
    is_done: bool = False  # a command has ended well since files landed

    def play(self, kinds: list[str]) -> list[str]:
        """From the first fault to the end; what is wrong then."""
        try:
            if self.chance.random() < 0.5:  # else each command starts its own server and stops it
                start_and_keep(self.home.settings)
            for kind, files in zip(kinds, self.ground.arrivals, strict=True):
                self.home.land(files)
                self.is_done = False
                with timed() as watch:
                    KINDS[kind](self, self.figures.kinds[kind])
                self.figures.kinds[kind].faults += 1
                self.figures.kinds[kind].seconds += watch.seconds
            self._insist()
            self.wrong += differences(self.home.contents(), self.ground.contents) + self.home.faults_left()
        except (MeterhouseError, TimeoutError) as error:
            self.wrong.append(str(error))
        self.wrong += self.home.close()
        for kind in kinds:
            if self.wrong:
                self.figures.kinds[kind].failures += 1
            else:
                self.figures.kinds[kind].survived += 1
        return self.wrong

    def strike(self, figures: KindFigures, fault: Fault, *command: str, now: str = NOW) -> Ended:
        """Run a command that a fault strikes, and note how it ended."""
        return self.note(figures, self.home.call(*(command or ("run",)), fault=fault, now=now))

    def note(self, figures: KindFigures, ended: Ended) -> Ended:
        """Count a command's end. One that was not killed ends well or with one sentence."""
        self.is_done |= ended.is_done
        figures.hits += ended.is_struck
        figures.killed += ended.is_killed
        figures.failed += not (ended.is_killed or ended.is_done)
        if not (ended.is_killed or ended.is_done or _is_a_sentence(ended)):
            self.wrong.append(f"a command ended with code {ended.exit_code} and said {ended.errors.strip()[-300:]!r}")
        return ended

    def moment(self, victim: Victim, phase: Phase) -> Fault:
        """Any exchange of a phase, on either side of its answer; or any instant of it, for some phases have no exchange."""
        course = self.ground.course
        exchanges, seconds = course.exchanges.get(phase, 0), course.seconds[phase]
        if not exchanges or self.chance.random() < 0.25:
            return Fault(victim=victim, phase=phase, delay_seconds=self.chance.uniform(0.001, seconds))
        return Fault(
            victim=victim,
            phase=phase,
            exchange=self.chance.randint(1, exchanges),
            is_answered=self.chance.random() < 0.5,
            delay_seconds=self.chance.choice((0.0, self.chance.uniform(0.0005, 0.03))),
        )

    def _insist(self) -> None:
        """Repeat the command until it is done, as somebody does who saw no answer. Nothing disturbs it: the first time must do."""
        for repetition in range(1, _REPETITIONS + 1):
            if self.is_done:
                return
            ended = self.home.call("run")
            self.is_done = ended.is_done
            if not ended.is_done:
                self.wrong.append(f"repetition {repetition} failed with code {ended.exit_code}: {ended.errors.strip()[-300:]}")


def _is_a_sentence(ended: Ended) -> bool:
    """Whether a command failed as it should: exit code 1, a reason, and nothing that only a developer understands."""
    last = ended.errors.strip().splitlines()[-1:] or [""]
    return (
        ended.exit_code == 1 and last[0].startswith("meterhouse: ") and "Traceback" not in ended.errors and "internal error" not in last[0]
    )


# The kinds. Each strikes one or more commands and counts what happened.


def _command(play: _Play, figures: KindFigures) -> None:
    """SIGKILL of the whole command at any instant."""
    delay = play.chance.uniform(0.001, play.ground.course.seconds[Phase.ALL])
    play.strike(figures, Fault(victim=Victim.COMMAND, phase=Phase.ALL, delay_seconds=delay))


def _loader(play: _Play, figures: KindFigures) -> None:
    """SIGKILL while files go to raw."""
    play.strike(figures, play.moment(Victim.COMMAND, Phase.LOADING))


def _models(play: _Play, figures: KindFigures) -> None:
    """SIGKILL while dbt, which runs inside the command, computes models or tests them."""
    play.strike(figures, play.moment(Victim.COMMAND, Phase.MODELS))


def _warehouse(play: _Play, figures: KindFigures) -> None:
    """SIGKILL of the server under a load or under the models."""
    play.strike(figures, play.moment(Victim.WAREHOUSE, play.chance.choice((Phase.LOADING, Phase.MODELS))))


def _dagster(play: _Play, figures: KindFigures) -> None:
    """SIGKILL of a run that Dagster executes, as its schedules do, on the warehouse that `meterhouse up` keeps."""
    command = ("dagster", "job", "execute", "-m", "orchestration.definitions", "-j", "tick")
    start_and_keep(play.home.settings)
    phase = play.chance.choice((Phase.LOADING, Phase.MODELS, Phase.CHECKS))
    ended = play.home.call(*command, fault=play.moment(Victim.COMMAND, phase))
    play.is_done |= ended.is_done
    figures.hits += ended.is_struck
    figures.killed += ended.is_killed
    if not ended.is_killed and not ended.is_done:
        play.wrong.append(f"Dagster's run ended with code {ended.exit_code}: {ended.errors.strip()[-300:]}")


def _checks(play: _Play, figures: KindFigures) -> None:
    """SIGKILL of the process that checks data, before or while it is asked."""
    ended = play.strike(figures, play.moment(Victim.CHECKS, play.chance.choice((Phase.ALL, Phase.MODELS, Phase.CHECKS))))
    if ended.is_struck and ended.is_done and '"check_count"' not in ended.output:
        play.wrong.append("a tick was committed whose checks were not made")


def _two(play: _Play, figures: KindFigures) -> None:
    """Two ticks at once; half of the time the first is killed, and the second takes over from the dead."""
    fault = play.moment(Victim.COMMAND, Phase.MODELS) if play.chance.random() < 0.5 else None
    commands = [play.home.start("run", fault=fault), play.home.start("run")]
    first, second = (command.wait() for command in commands)
    play.note(figures, first)
    second.require_done()
    play.is_done = not first.is_killed  # who got the lease second was killed second, and nobody came after
    figures.hits += fault is None


def _clock(play: _Play, figures: KindFigures) -> None:
    """The clock jumps between commands, back and forth, and one of them is killed."""
    clocks = play.chance.sample(_CLOCKS, 2)
    play.strike(figures, play.moment(Victim.COMMAND, Phase.MODELS), now=clocks[0])
    play.home.call("run", now=clocks[1]).require_done()
    play.is_done = True


KINDS: dict[str, Callable[[_Play, KindFigures], None]] = {
    "command": _command,
    "loader": _loader,
    "models": _models,
    "warehouse": _warehouse,
    "dagster": _dagster,
    "checks": _checks,
    "two": _two,
    "clock": _clock,
}
"""In this order: of two in one schedule, one that leaves its work undone comes first."""


__all__ = ["FAULT_COLUMNS", "BenchmarkError", "FaultFigures", "bench_faults", "play", "prepared"]
