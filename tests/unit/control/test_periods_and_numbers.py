"""Months and invoice numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from control.domain.numbering import format_number, series_prefix
from control.domain.periods import Period
from warehouse.errors import InputError


def test_a_month_is_half_open() -> None:
    month = Period.parse("2025-12")
    assert month.start_at == datetime(2025, 12, 1, tzinfo=UTC)
    assert month.end_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert str(month.next) == "2026-01"


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026-1", "26-01", "2026-01-01", "", "\uff12\uff10\uff12\uff16-01", "2026-01\n"])
def test_another_form_of_a_month_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="such as 2026-01"):
        Period.parse(text)


def test_numbers_count_from_one_and_may_outgrow_their_digits() -> None:
    assert [format_number("INV", number) for number in (1, 999_999, 1_000_000)] == ["INV-000001", "INV-999999", "INV-1000000"]
    with pytest.raises(ValueError, match="from 1"):
        format_number("INV", 0)


def test_two_legal_entities_never_share_a_prefix() -> None:
    assert series_prefix("INV", frozenset()) == "INV"
    assert series_prefix("INV", frozenset({"INV", "INV2"})) == "INV3"
