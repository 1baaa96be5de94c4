"""History fits the slice, and a kept one is linked, never written to."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.history import DAYS, EVENTS_OF_A_LIFE, History, link_copy
from benchmarks.slice import Slice
from warehouse.errors import InputError


def test_the_full_history_lies_in_the_month_of_the_slice() -> None:
    full = History(events=100_000_000, shape=Slice())
    assert full.start == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert full.shape.start.month == full.start.month
    assert 0 <= 100_000_000 - full.written < DAYS * EVENTS_OF_A_LIFE


def test_one_event_of_twenty_is_a_lifecycle_event() -> None:
    assert 0.05 <= 4 / EVENTS_OF_A_LIFE <= 0.06


@pytest.mark.parametrize("events", [DAYS * EVENTS_OF_A_LIFE - 1, 10_000_000_000])
def test_a_history_that_does_not_fit_the_slice_is_refused_with_what_fits(events: int) -> None:
    with pytest.raises(InputError, match="choose 2220 to "):
        History(events=events, shape=Slice.scaled(1_000_000))


def test_parts_are_linked_and_everything_else_is_copied(tmp_path: Path) -> None:
    store = tmp_path / "kept" / "warehouse" / "data" / "store" / "abc" / "abc1"
    part = store / "202601_1_6_1" / "data.bin"
    other = store / "format_version.txt"
    for path in (part, other, tmp_path / "kept" / "control.db"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("before")
    os.mkfifo(tmp_path / "kept" / "warehouse" / "alive.fifo")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "left from before").touch()
    link_copy(tmp_path / "kept", copy)
    assert (copy / part.relative_to(tmp_path / "kept")).samefile(part)
    for path in (other, tmp_path / "kept" / "control.db"):
        taken = copy / path.relative_to(tmp_path / "kept")
        taken.write_text("after")
        assert path.read_text() == "before"
    assert not (copy / "left from before").exists()
    assert not (copy / "warehouse" / "alive.fifo").exists()
