"""Figures say what they are held against, and round without hiding anything."""

from __future__ import annotations

import pytest

from benchmarks.figures import Figure, percentile, timed


def test_a_ratio_names_what_the_value_is_divided_by() -> None:
    row = Figure(name="files to drafts", value=90, beside=30, beside_name="limit").row()
    assert row == {"figure": "files to drafts", "value": "90", "unit": "s", "ratio": "3", "ratio_to": "limit"}


@pytest.mark.parametrize("beside", [None, 0.0])
def test_without_something_to_divide_by_there_is_no_ratio(beside: float | None) -> None:
    row = Figure(name="a", value=1, beside=beside, beside_name="limit").row()
    assert (row["ratio"], row["ratio_to"]) == ("", "")


def test_a_figure_that_could_not_be_taken_is_empty_and_not_zero() -> None:
    assert Figure(name="peer: does not install", value=None, unit="", beside=1, beside_name="ours").row() == {
        "figure": "peer: does not install", "value": "", "unit": "", "ratio": "", "ratio_to": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"), [(13_900_000, "13,900,000"), (12.345, "12.35"), (0.0123, "0.012"), (45_678.9, "45,679"), (0, "0")]
)
def test_values_keep_the_digits_that_matter(value: float, shown: str) -> None:
    assert Figure(name="a", value=value).row()["value"] == shown


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 201)]
    assert [percentile(values, percent) for percent in (50, 99, 100)] == [100, 198, 200]
    assert percentile([3.0], 99) == 3
    assert percentile([2.0, 1.0], 50) == 1


def test_a_block_is_timed_when_it_has_ended() -> None:
    with timed() as watch:
        assert watch.seconds == 0
    assert watch.seconds > 0
