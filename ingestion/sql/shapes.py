"""Shapes: how a producer writes its usage, so that most lines are read without parsing JSON.

A shape is all of a line but its values (learning.py finds it). A line that has it holds the same members, each once and at
the same place, so a value is what stands behind its name. A shape only says how to read faster: a line without one, or whose
values do not prove themselves, is read like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.sql.forms import (
    EARLIEST,
    FLOAT_DIGITS,
    FUTURE_MILLISECONDS,
    LINE,
    MAX_LINE_BYTES,
    SHORT_INSTANT,
    SHORT_INTEGER,
    SHORT_NUMBER,
    USAGE,
)
from ingestion.sql.layers import layered
from ingestion.sql.literals import text

# What is read of a line → its member.
MEMBERS = {
    "time": "time",
    "event_id": "id",
    "source": "source",
    "resource_id": "subject",
    "account_id": "account_id",
    "project_id": "project_id",
    "region": "region",
    "metric": "metric",
    "value": "value",
    "written_quantity": "quantity",
    "written_sequence": "sequence",
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What usage lines of one producer have in common."""

    pattern: str  # RE2; whole lines of this shape, and no other line, match it
    texts: frozenset[str]  # members with a meaning that are texts
    numbers: frozenset[str]  # ... and that are bare numbers
    labels: tuple[str, ...]  # names, in order
    is_spaced: bool  # whether a space stands before each value


def shape_number(shapes: Sequence[Shape]) -> str:
    """SQL of the number, from 1, of the first of `shapes` that `line` has; 0 where it has none."""
    if not shapes:
        return "toUInt8(0)"
    tests = [f"match(line, {text(shape.pattern)}), {number}" for number, shape in enumerate(shapes, 1)]
    return f"toUInt8(multiIf(length(line) > {MAX_LINE_BYTES}, 0, {', '.join(tests)}, 0))"


def shaped_reading(lines: str, shape: Shape, *, event_columns: Sequence[str], now_milliseconds: int) -> str:
    """Subquery of what plain_reading gives, from `lines` that all have the shape."""
    labels = ", ".join(f"{text(name)}, {_text(name)}" for name in shape.labels)
    bare = [column for column, name in MEMBERS.items() if name in shape.numbers]
    form = rf"^{SHORT_INSTANT}\n(?:{SHORT_INTEGER})?\n{SHORT_NUMBER}$"
    last = now_milliseconds + FUTURE_MILLISECONDS
    proof = [
        f"event_at >= toDateTime64({text(EARLIEST)}, 3, 'UTC')",
        f"event_at <= fromUnixTimestamp64Milli(toInt64({last}), 'UTC')",
        f"match(form, {text(form)})",
        *(f"length({column}) <= {FLOAT_DIGITS}" for column in bare),
    ]
    layers = [
        # What reads a value expects it right behind the colon. No value holds a quote, so this changes none.
        {"written": "replaceAll(line, '\": ', '\":')" if shape.is_spaced else "line"},
        {
            **{column: _written(shape, name) for column, name in MEMBERS.items()},
            "labels": f"CAST(map({labels}), 'Map(String, String)')",
            "kind": f"toInt8({USAGE})",
            "resource_type": "''",
            "state": "''",
            "metrics": "CAST(map(), 'Map(String, Decimal(38, 9))')",
        },
        {
            "event_at": "parseDateTime64BestEffortOrZero(time, 3, 'UTC')",
            "quantity": "toDecimal128OrZero(written_quantity, 9)",
            "sequence": "toInt64OrZero(written_sequence)",
            "form": r"concat(time, '\n', written_sequence, '\n', written_quantity)",
        },
        {"is_plain": " AND ".join(proof)},
    ]
    return layered(lines, LINE, layers, wanted=[*LINE, "is_plain", *event_columns])


def _written(shape: Shape, name: str) -> str:
    """SQL of a member as it is written, without quotes; the empty text where lines of the shape have none."""
    if name in shape.numbers:
        return f"simpleJSONExtractRaw(written, {text(name)})"
    return _text(name) if name in shape.texts else "''"


def _text(name: str) -> str:
    return f"simpleJSONExtractString(written, {text(name)})"
