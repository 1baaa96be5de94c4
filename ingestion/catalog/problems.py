"""Everything that is wrong with a catalog folder, gathered so that one reading shows it all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from warehouse.errors import InputError

# A screenful. A wrong date format makes every line wrong, and nobody reads the ten thousandth.
SHOWN = 50


@dataclass(frozen=True, order=True)
class Problem:
    """Where (line 0: the whole file; column empty: the whole line) and what, with the fix."""

    file_name: str
    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        place = ":".join([self.file_name, *([str(self.line)] if self.line else []), *([self.column] if self.column else [])])
        return f"{place}: {self.reason}"


@dataclass
class Problems:
    """A growing list of problems."""

    found: list[Problem] = field(default_factory=list)

    def add(self, file_name: str, line: int = 0, column: str = "", *, reason: str) -> None:
        """Note one problem. Lines count from 1, the header's."""
        self.found.append(Problem(file_name, line, column, reason))

    def raise_if_any(self, folder: Path) -> None:
        """End the reading of a folder that has problems.

        Raises:
            InputError: one line a problem, in the order of files and lines, at most `SHOWN` of them.
        """
        if not self.found:
            return
        ordered = sorted(set(self.found))
        count = f"{len(ordered)} problem{'s' if len(ordered) > 1 else ''}"
        lines = [f"the catalog in {folder} is refused for {count}; nothing was changed", *map(str, ordered[:SHOWN])]
        if len(ordered) > SHOWN:
            lines.append(f"… and {len(ordered) - SHOWN} more")
        raise InputError("\n".join(lines))
