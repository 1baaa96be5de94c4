"""Random numbers that are the same on every machine: SplitMix64 as a hash of (key, index).

Any number can be had without the ones before it, so nothing has to be kept in memory. Integers only: a float, or numpy's
own distributions (which change between releases), would let two machines disagree.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]  # one unsigned 64-bit number an index

_MASK = (1 << 64) - 1
# Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014); constants of the reference SplitMix64.
_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def key(seed: int, purpose: str) -> int:
    """The 64-bit key of one stream of numbers; streams of different purposes are independent."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "big")


def draw(stream: int, index: int) -> int:
    """The number at `index` of the stream with this key, 0 to 2^64 - 1. Different indices give different numbers."""
    word = (stream + index * _GAMMA) & _MASK
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)


def draws(stream: int, indices: Words) -> Words:
    """`draw` of many indices at once."""
    word = indices * np.uint64(_GAMMA) + np.uint64(stream)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(_FIRST)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(_SECOND)
    return word ^ (word >> np.uint64(31))
