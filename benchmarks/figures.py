"""What a benchmark answers: figures, each with its unit and, where another figure bounds it, the ratio to that one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from warehouse.errors import MeterhouseError

Tell = Callable[[str], None]
"""Says what a benchmark is doing; what it measures can take an hour."""


class BenchmarkError(MeterhouseError):
    """The product gave a wrong answer, so that its speed means nothing."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of a table. Only ratios carry over to another machine."""

    name: str
    value: float | None  # None: there is none, and the name says why
    unit: str = "s"
    beside: float | None = None  # what the value is divided by
    beside_name: str = ""

    @property
    def ratio(self) -> float | None:
        """The value by what it is held against; None where there is nothing to hold it against."""
        return self.value / self.beside if self.value is not None and self.beside else None

    def row(self) -> dict[str, object]:
        """The line, rounded for a reader."""
        return {
            "figure": self.name,
            "value": "" if self.value is None else _rounded(self.value),
            "unit": self.unit,
            "ratio": "" if self.ratio is None else _rounded(self.ratio),
            "ratio_to": "" if self.ratio is None else self.beside_name,
        }


def _rounded(value: float) -> str:
    """Whole numbers as they are, large ones without decimals, small ones with three."""
    decimals = 0 if value == int(value) or value >= 10_000 else 3 if value < 0.1 else 2
    return f"{value:,.{decimals}f}"


FIGURE_COLUMNS = ("figure", "value", "unit", "ratio", "ratio_to")


class Stopwatch:
    """Seconds of a `with timed()` block, once it has ended."""

    seconds = 0.0


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Measure a block by the wall clock."""
    watch = Stopwatch()
    started = time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - started


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__trunc__() - 1)]


def gibibytes(size: int) -> float:
    """Bytes in GiB."""
    return size / (1 << 30)
