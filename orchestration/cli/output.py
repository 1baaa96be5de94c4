"""How verbs print data: a table for people, JSON and TSV for programs. Which columns to print is the verb's decision."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Any, TextIO

import typer

Row = Mapping[str, Any]


class Format(StrEnum):
    """The values of `--format`."""

    TABLE = "table"
    JSON = "json"
    TSV = "tsv"


FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="How to print: a table on a terminal, JSON otherwise.", show_default=False, case_sensitive=False),
]


def emit(rows: Sequence[Row], columns: Sequence[str], chosen: Format | None, *, out: TextIO | None = None) -> None:
    """Print rows with these columns, in this order.

    JSON is one array of objects. Decimals are strings without exponent, instants `2026-01-15T10:00:00Z` with milliseconds
    where they are not zero.
    """
    stream = out or sys.stdout
    match chosen or default_format(stream):
        case Format.JSON:
            stream.write(to_json([{name: row[name] for name in columns} for row in rows]) + "\n")
        case Format.TSV:
            stream.write("".join(f"{line}\n" for line in _tsv(rows, columns)))
        case Format.TABLE:
            stream.write("".join(f"{line}\n" for line in table(rows, columns)))


def default_format(stream: TextIO) -> Format:
    """A table for a person at a terminal, JSON for everything else."""
    return Format.TABLE if stream.isatty() else Format.JSON


def to_json(value: object) -> str:
    """JSON text of plain values, one line."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def plain(value: object) -> Any:  # noqa: ANN401, PLR0911 - JSON has no narrower type; one return a type reads best
    """The value in JSON's own types."""
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return plain(value.value)
        case str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return decimal_text(value)
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return plain(asdict(value))
        case _:
            return str(value)


def decimal_text(value: Decimal) -> str:
    """Digits without exponent, at the scale the value has."""
    return f"{value:f}"


def instant_text(value: datetime) -> str:
    """RFC 3339 in UTC; an instant without an offset is UTC, as everywhere in the warehouse."""
    instant = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    text = instant.strftime("%Y-%m-%dT%H:%M:%S")
    milliseconds = instant.microsecond // 1000
    return f"{text}.{milliseconds:03d}Z" if milliseconds else f"{text}Z"


def cell(value: object) -> str:
    """One value in a table or TSV file."""
    shown = plain(value)
    if shown is None:
        return ""
    if isinstance(shown, bool):
        return "true" if shown else "false"
    if isinstance(shown, dict | list):
        return json.dumps(shown, ensure_ascii=False)
    return str(shown)


def table(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """Aligned columns under their names; numbers end where others start."""
    texts = [[_one_line(cell(row[name])) for name in columns] for row in rows]
    widths = [max(len(name), *(len(line[place]) for line in texts), 0) for place, name in enumerate(columns)]
    is_number = [bool(rows) and all(_counts(row[name]) for row in rows) for name in columns]

    def aligned(line: Sequence[str]) -> str:
        cells = (text.rjust(width) if right else text.ljust(width) for text, width, right in zip(line, widths, is_number, strict=True))
        return "  ".join(cells).rstrip()

    return [aligned(columns), "  ".join("-" * width for width in widths), *(aligned(line) for line in texts)]


def _counts(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _tsv(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    lines = ["\t".join(columns)]
    lines += ["\t".join(_escape(cell(row[name])) for name in columns) for row in rows]
    return lines


def _escape(text: str) -> str:
    """As ClickHouse writes TSV: a line end or tab inside a value never ends it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _one_line(text: str) -> str:
    """Line ends would break the table, and control characters of an event must not steer the reader's terminal."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
