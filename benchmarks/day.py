"""Ticks over a day: whether the hours that a day has behind it make a tick dearer.

Every hour brings the same slice anew, ten minutes of it, and is billed by one tick. All ticks but the first rate two hours: what
still runs is measured to the end of the hour before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from benchmarks.figures import Figure, Tell
from benchmarks.ground import ground
from benchmarks.run import SliceRun, run_slice
from benchmarks.slice import Slice, provide_slice
from benchmarks.statements import CommandRun
from orchestration.session import open_warehouse
from warehouse.settings import Settings

_COMPARED = 3
"""Ticks at either end of the day of which the middle one is taken."""


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """The hours of one day, one after the other, loaded and billed, their counts and drafts checked."""

    hours: Sequence[SliceRun]

    def figures(self) -> list[Figure]:
        """The table."""
        ticks = [hour.tick for hour in self.hours]
        early, late = ticks[1 : 1 + _COMPARED], ticks[-_COMPARED:]
        return [
            Figure(name="tick of the first hour", value=ticks[0].seconds),
            Figure(name=f"ticks of the next {_COMPARED}: the middle one", value=median(tick.seconds for tick in early)),
            Figure(
                name=f"ticks of the last {_COMPARED} of {len(ticks)}: the middle one",
                value=median(tick.seconds for tick in late),
                beside=median(tick.seconds for tick in early),
                beside_name=f"ticks of the next {_COMPARED}",
            ),
            Figure(
                name="the same, statements alone",
                value=median(tick.busy_seconds for tick in late),
                beside=median(tick.busy_seconds for tick in early),
                beside_name=f"ticks of the next {_COMPARED}",
            ),
            Figure(name="events an hour", value=self.hours[0].events, unit="events"),
        ]

    def runs(self) -> list[CommandRun]:
        """The ticks that are compared, for their statements."""
        return [hour.tick for hour in (*self.hours[: 1 + _COMPARED], *self.hours[-_COMPARED:])]


def bench_day(settings: Settings, *, events: int, hours: int, tell: Tell, keep: bool = False) -> DayFigures:
    """Measure the ticks of a day on an empty deployment of its own. The input is written first, and kept.

    Args:
        settings: of the user.
        events: lines of each hour.
        hours: from midnight on; with fewer than seven the two ends overlap.
        tell: says how far it is.
        keep: leave the deployment until the next benchmark.

    Raises:
        BenchmarkError: a count of a load, or the drafts, are not what the input must give.
        MeterhouseError: a step failed.
    """
    midnight = Slice.start.replace(hour=0)
    folder = settings.home / "bench-input" / f"day-{events}"
    written = [provide_slice(Slice.scaled(events, start=midnight + timedelta(hours=hour)), folder / f"{hour:02d}") for hour in range(hours)]
    with ground(settings, keep=keep) as here, open_warehouse(here.deployment):
        here.apply_catalog(written[0].catalog)
        here.command("run")  # makes tables and views
        runs = []
        for hour, one in enumerate(written):
            runs.append(run_slice(here, one))
            tell(f"hour {hour}: load {runs[-1].load.seconds:.1f} s, tick {runs[-1].tick.seconds:.1f} s")
    return DayFigures(hours=runs)
