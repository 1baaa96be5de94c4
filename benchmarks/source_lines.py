"""Events of the slice as bodies of a thousand lines, as often as a source benchmark needs them, each time with other identities."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from benchmarks.slice import Slice, provide_slice
from warehouse.settings import Settings

LINES_OF_A_BODY = 1_000
# Different ones; a later use differs in its identities alone.
_BODIES = 100
_ID = b'"id":"'


@dataclass(frozen=True, kw_only=True)
class SourceLines:
    """Bodies to be sent."""

    templates: Sequence[bytes]

    def body(self, number: int) -> bytes:
        """The body of a number: a thousand lines that no other number has."""
        return self.templates[number % len(self.templates)].replace(_ID, _ID + f"{number:08}-".encode())

    def write(self, path: Path, *, bodies: int) -> None:
        """Bodies in one plain file, under numbers that nobody sends."""
        with path.open("wb") as file:
            for number in range(bodies):
                file.write(self.body(90_000_000 + number))


def provide_lines(settings: Settings) -> SourceLines:
    """The lines, written at the first call and kept in the home."""
    events = LINES_OF_A_BODY * _BODIES
    written = provide_slice(Slice.scaled(events), settings.home / "bench-input" / f"slice-{events}")
    lines = chain.from_iterable(_lines_of(path) for path in written.files)
    templates = iter(lambda: b"".join(islice(lines, LINES_OF_A_BODY)), b"")
    return SourceLines(templates=[template for template in templates if template.count(b"\n") == LINES_OF_A_BODY])


def _lines_of(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        yield from file
