"""Lives of resources: which state holds when.

Orders the lifecycle events of each (source, subject) and cuts time into intervals. What an interval is worth is metering's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.reference.events import State
from tests.reference.instants import HOUR, hour_of


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A state that holds in [start, end), of positive length; milliseconds."""

    state: State
    start: int
    end: int

    def hours(self) -> Iterator[tuple[int, int]]:
        """Each hour the interval overlaps, and the milliseconds of the overlap."""
        for hour in range(hour_of(self.start), self.end, HOUR):
            yield hour, min(self.end, hour + HOUR) - max(self.start, hour)


def intervals(states: Iterable[State], as_of: int) -> Iterator[Interval]:
    """The intervals of all lives up to as-of. A state ends with the next event of its life; a deletion holds nothing."""
    lives: dict[tuple[str, str], list[State]] = defaultdict(list)
    for state in states:
        lives[state.source, state.subject].append(state)
    for life in lives.values():
        life.sort(key=lambda state: state.order)
        ends = [following.time for _, following in pairwise(life)] + [as_of]
        for state, end in zip(life, ends, strict=True):
            if not state.is_deletion and state.time < min(end, as_of):
                yield Interval(state=state, start=state.time, end=min(end, as_of))
