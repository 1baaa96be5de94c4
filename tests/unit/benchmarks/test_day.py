"""The ticks at the end of a day stand beside those at its beginning, and the very first, which rates one hour only, beside nothing."""

from __future__ import annotations

from benchmarks.day import DayFigures
from benchmarks.run import SliceRun
from benchmarks.statements import CommandRun


def hour(seconds: float) -> SliceRun:
    command = CommandRun(name="run", seconds=seconds, output="", statements=())
    return SliceRun(events=1000, load=command, tick=command, peak_bytes=0)


def test_the_last_ticks_are_held_against_the_first_that_rate_as_many_hours() -> None:
    found = DayFigures(hours=[hour(seconds) for seconds in (1, 10, 11, 90, 20, 22, 21)])
    values = [(figure.value, figure.ratio) for figure in found.figures()]
    assert values[:3] == [(1, None), (11, None), (21, 21 / 11)]
    assert [run.seconds for run in found.runs()] == [1, 10, 11, 90, 20, 22, 21]
