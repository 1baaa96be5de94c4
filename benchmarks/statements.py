"""The statements that a command sent to the warehouse, and what the server said of each: seconds, rows and bytes read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

DETAIL_COLUMNS = ("command", "statement", "calls", "seconds", "read_rows", "read_bytes", "written_rows")

_NODE = re.compile(r'"node_id": "(?:[a-z_]+\.[a-z_]+\.)?([A-Za-z0-9_]+)')
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# The random part of names that live as long as one load.
_ATTEMPT = re.compile(r"_[0-9a-f]{12}\b")
# What stands before the statement in a body that is packed as a whole.
_PACKING = re.compile(r"^.{0,20}[\x00-\x08\x0e-\x1f\ufffd].{0,60}?(?=INSERT INTO)", re.DOTALL)
_SHOWN = 72  # letters of a statement that tell it from others
_SHORT_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One request to the server. Rows and bytes are those of X-ClickHouse-Summary, which counts until the answer began."""

    text: str  # its beginning
    started: float  # seconds of a clock that all statements of the command share
    ended: float
    read_rows: int
    read_bytes: int
    written_rows: int

    @property
    def label(self) -> str:
        """The dbt model or test that sent it, else how it begins."""
        node = _NODE.search(self.text)
        if node:
            return node[1][:_SHOWN]
        packing = _PACKING.search(self.text)
        readable = self.text[packing.end() :] if packing else self.text
        return _ATTEMPT.sub("", " ".join(_COMMENT.sub("", readable).split()))[:_SHOWN]


@dataclass(frozen=True, kw_only=True)
class CommandRun:
    """A command that ended well. `seconds` are of the whole process, from its start to its end."""

    name: str
    seconds: float
    output: str
    statements: tuple[Statement, ...]

    @property
    def busy_seconds(self) -> float:
        """Wall time during which at least one statement was under way; the rest of `seconds` is Python's."""
        busy, reached = 0.0, 0.0
        for statement in sorted(self.statements, key=lambda one: one.started):
            busy += max(0.0, statement.ended - max(reached, statement.started))
            reached = max(reached, statement.ended)
        return busy


def write_statements(statements: Sequence[Statement], path: Path) -> None:
    """Keep statements for `read_statements` in another process."""
    path.write_text(json.dumps([asdict(statement) for statement in statements]))


def read_statements(path: Path) -> tuple[Statement, ...]:
    """What `write_statements` wrote."""
    return tuple(Statement(**one) for one in json.loads(path.read_text()))


def details(runs: Iterable[CommandRun]) -> list[dict[str, object]]:
    """A row for each label of each command, the slowest first.

    Statements of several threads overlap, so seconds add up to more than the command took; the two rows in parentheses
    are wall time and do add up to it. What processes of the command send themselves is not seen.
    """
    rows: list[dict[str, object]] = []
    for run in runs:
        by_label = _by_label(run.statements)
        waiting = [
            ("(waiting for the warehouse)", run.busy_seconds),
            ("(Python, and the checks' own process)", run.seconds - run.busy_seconds),
        ]
        rows += [_row(run.name, label, seconds=seconds, statements=()) for label, seconds in waiting]
        lines = [
            _row(run.name, label, seconds=sum(one.ended - one.started for one in group), statements=group)
            for label, group in by_label.items()
        ]
        rows += sorted(lines, key=lambda row: -float(str(row["seconds"])))
    return rows


def _by_label(statements: Iterable[Statement]) -> dict[str, list[Statement]]:
    """Statements by label; those that together took no time worth a line are one group."""
    groups: dict[str, list[Statement]] = {}
    for statement in statements:
        groups.setdefault(statement.label, []).append(statement)
    short = [label for label, group in groups.items() if sum(one.ended - one.started for one in group) < _SHORT_SECONDS]
    others = [statement for label in short for statement in groups.pop(label)]
    return groups | ({"(all others)": others} if others else {})


def _row(command: str, label: str, *, seconds: float, statements: Sequence[Statement]) -> dict[str, object]:
    return {
        "command": command,
        "statement": label,
        "calls": len(statements),
        "seconds": f"{seconds:.3f}",
        "read_rows": sum(one.read_rows for one in statements),
        "read_bytes": sum(one.read_bytes for one in statements),
        "written_rows": sum(one.written_rows for one in statements),
    }
