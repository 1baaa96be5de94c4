"""The hash that all choices of the generator come from."""

from __future__ import annotations

import numpy as np

from ingestion.synthetic.numbers import draw, draws, key


def test_the_numbers_are_those_of_the_reference_splitmix64() -> None:
    # First outputs of the reference implementation seeded with 1234567, as published with Rosetta Code's task.
    assert [draw(1234567, index) for index in range(1, 4)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_many_numbers_at_once_equal_the_same_numbers_one_by_one() -> None:
    stream = key(1, "test")
    indices = np.array([0, 1, 2, 1 << 20, (1 << 63) + 5], dtype=np.uint64)
    assert draws(stream, indices).tolist() == [draw(stream, int(index)) for index in indices]


def test_streams_of_other_seeds_and_purposes_differ() -> None:
    assert len({key(1, "a"), key(2, "a"), key(1, "b")}) == 3
