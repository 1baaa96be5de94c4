"""How verbs print."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from orchestration.cli.output import Format, default_format, emit, plain, table


def printed(rows: list[dict[str, object]], columns: list[str], chosen: Format | None) -> str:
    out = io.StringIO()
    emit(rows, columns, chosen, out=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("1E+30"), "1000000000000000000000000000000"),
        (Decimal("10.5000"), "10.5000"),
        (Decimal("-0.00"), "-0.00"),
    ],
)
def test_decimals_are_strings_without_exponent_at_the_scale_they_have(value: Decimal, expected: str) -> None:
    assert plain(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 1, 15, 10, tzinfo=UTC), "2026-01-15T10:00:00Z"),
        (datetime(2026, 1, 15, 10, 0, 0, 250_000, tzinfo=UTC), "2026-01-15T10:00:00.250Z"),
        (datetime(2026, 1, 15, 13, tzinfo=timezone(timedelta(hours=3))), "2026-01-15T10:00:00Z"),
        (date(2026, 1, 15), "2026-01-15"),
    ],
)
def test_instants_are_utc_with_milliseconds_only_where_they_are_not_zero(value: date, expected: str) -> None:
    assert plain(value) == expected


def test_json_is_one_array_of_objects_with_the_columns_as_keys_in_their_order() -> None:
    text = printed([{"b": Decimal("1.50"), "a": None, "c": True, "unasked": 1}], ["a", "b", "c"], Format.JSON)
    assert text == '[{"a": null, "b": "1.50", "c": true}]\n'


def test_json_of_no_rows_is_an_empty_array() -> None:
    assert printed([], ["a"], Format.JSON) == "[]\n"


def test_json_keeps_maps_arrays_and_bytes() -> None:
    (row,) = json.loads(printed([{"m": {"k": Decimal("1.0")}, "l": (1, "x"), "b": b"\x01\xff"}], ["m", "l", "b"], Format.JSON))
    assert row == {"m": {"k": "1.0"}, "l": [1, "x"], "b": "01ff"}


def test_tsv_has_a_header_and_escapes_what_would_end_a_value() -> None:
    assert printed([{"a": "x\ty\nz\\", "b": None}], ["a", "b"], Format.TSV) == "a\tb\nx\\ty\\nz\\\\\t\n"


def test_a_table_aligns_numbers_to_the_right_and_texts_to_the_left() -> None:
    lines = table([{"name": "a", "amount": Decimal("1.50")}, {"name": "long", "amount": Decimal("-100.00")}], ["name", "amount"])
    assert lines == ["name   amount", "----  -------", "a        1.50", "long  -100.00"]


def test_a_table_shows_control_characters_of_an_event_instead_of_sending_them_to_the_terminal() -> None:
    (_, _, line) = table([{"raw_line": "\x1b[2J\n東京"}], ["raw_line"])
    assert line == "\\x1b[2J\\n東京"


def test_what_is_no_terminal_gets_json() -> None:
    assert default_format(io.StringIO()) is Format.JSON
