"""One CSV file to its lines: encoding, header, number of cells. What cells mean is read elsewhere.

Comma separated, UTF-8, header in the first line. A byte order mark and CR LF line ends are fine; blank lines and lines whose
cells are all empty (spreadsheets leave them at the end) are skipped; spaces and tabs around a cell are dropped.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ingestion.catalog.files import FileFormat
from ingestion.catalog.lines import Line
from ingestion.catalog.problems import Problems


@dataclass(frozen=True)
class Table:
    """The lines of a file. `is_whole` is false when lines could not be told apart: what it does not name may still be in it."""

    lines: tuple[Line, ...]
    is_whole: bool


def read_table(path: Path, file_format: FileFormat, problems: Problems) -> Table:
    """Read a file; a missing one has no lines. Problems are noted, never raised."""
    known = len(problems.found)
    text = _text(path, problems)
    if text is None:
        return Table((), is_whole=not file_format.is_required and len(problems.found) == known)
    records = _records(path.name, text, problems)
    lines: list[Line] = []
    header = next(records, None)
    if header is not None and _is_good_header(path.name, *header, file_format, problems):
        lines.extend(_lines(path.name, records, header[1], problems))
    if header is None and len(problems.found) == known:
        problems.add(
            path.name, reason=f"the file is empty; its first line must be {','.join((*file_format.columns, *file_format.optional_columns))}"
        )
    return Table(tuple(lines), is_whole=len(problems.found) == known)


def _text(path: Path, problems: Problems) -> str | None:
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.add(path.name, reason=f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.add(path.name, line, reason="is not UTF-8; save the file as CSV in UTF-8")
    return None


def _records(name: str, text: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Each record that says something, with the line it starts on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for record in reader:
            cells = [cell.strip(" \t") for cell in record]
            if any(cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        problems.add(name, start, reason=f"is not CSV ({error}); close each quote, and double a quote inside a quoted cell")


def _is_good_header(name: str, number: int, header: list[str], file_format: FileFormat, problems: Problems) -> bool:
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        problems.add(name, number, reason="cells must be separated by commas; save the file as CSV with commas")
        return False
    known = (*file_format.columns, *file_format.optional_columns)
    before = len(problems.found)
    for column, count in Counter(header).items():
        if not column:
            problems.add(name, number, reason="a cell of the header is empty; name the column or remove it")
        elif column not in known:
            near = get_close_matches(column.lower(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(known)}"
            # repr shows an invisible character instead of printing it.
            problems.add(name, number, repr(column)[1:-1], reason=f"no such column; {hint}")
        elif count > 1:
            problems.add(name, number, column, reason="the column stands twice in the header; remove one")
    for column in file_format.columns:
        if column not in header:
            problems.add(
                name, number, column, reason="the column is missing; add it to the header, its cells may be empty where nothing is set"
            )
    return len(problems.found) == before


def _lines(name: str, records: Iterator[tuple[int, list[str]]], header: list[str], problems: Problems) -> Iterator[Line]:
    for number, cells in records:
        if len(cells) != len(header):
            column = header[min(len(cells), len(header) - 1)]
            reason = f"the line has {len(cells)} cells, the header {len(header)}; put a cell that contains a comma in quotes"
            problems.add(name, number, column, reason=reason)
            continue
        yield Line(name, number, dict(zip(header, cells, strict=True)), problems)
