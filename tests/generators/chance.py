"""A small vocabulary over a source of random numbers: seeded for corpora, drawn by Hypothesis where cases must shrink.

The only place that touches a generator of random numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Source(Protocol):
    """What is needed of random.Random; Hypothesis' own generator gives it too."""

    def randint(self, a: int, b: int) -> int: ...


class Chance:
    """Choices of a story."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @classmethod
    def seeded(cls, seed: int) -> Chance:
        """The same choices for the same seed, on every machine."""
        return cls(Random(seed))  # noqa: S311  # invented test data needs repeatability, not secrecy

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return self._source.randint(low, high)

    def percent(self, likelihood: int) -> bool:
        """True in this many of a hundred cases."""
        return self.between(1, 100) > 100 - likelihood

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items; the first is the simplest."""
        return items[self.between(0, len(items) - 1)]

    def some(self, items: Sequence[Item], low: int, high: int) -> list[Item]:
        """Between low and high different items, in their order."""
        left = self.between(low, min(high, len(items)))
        chosen = []
        for place, item in enumerate(items):
            if left and self.between(1, len(items) - place) <= left:
                chosen.append(item)
                left -= 1
        return chosen

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """The items in any order."""
        shuffled = list(items)
        for place in range(len(shuffled) - 1, 0, -1):
            other = place - self.between(0, place)
            shuffled[place], shuffled[other] = shuffled[other], shuffled[place]
        return shuffled
