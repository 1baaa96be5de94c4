"""What counts as an instant and as a month on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import typer

from orchestration.cli.arguments import parse_instant, parse_period


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-01", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01T00:00:00Z", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01t03:00:00+03:00", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01T00:00:00.1239Z", datetime(2026, 2, 1, 0, 0, 0, 123_000, tzinfo=UTC)),
    ],
)
def test_an_instant_is_rfc_3339_or_a_date_and_kept_to_the_millisecond(text: str, expected: datetime) -> None:
    assert parse_instant(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "2026-02-01T00:00:00", "20260201", "2026-02-01T24:61:00Z", "", "2026-02"])
def test_anything_else_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_instant(text)


def test_a_period_is_a_month() -> None:
    assert parse_period("2026-01") == "2026-01"


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026-1", "202601", "2026-01-01", ""])
def test_anything_else_is_no_period(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_period(text)
