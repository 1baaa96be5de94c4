"""Which inputs are loaded together: as many as are at hand, up to what a crash may cost to read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

# A load looks through all stored identities, so few large loads cost less than many small ones.
_BYTES = 512 << 20  # packed or not; packed it is some sixteen million events
_INPUTS = 500

T = TypeVar("T")


def together(inputs: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """The inputs in their order, cut into loads; `size` tells the bytes of one. A load of one may be of any size."""
    load: list[T] = []
    total = 0
    for item in inputs:
        total += size(item)
        if load and (total > _BYTES or len(load) == _INPUTS):
            yield load
            load, total = [], size(item)
        load.append(item)
    if load:
        yield load
