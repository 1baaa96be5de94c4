"""A generated cloud on disk: event files and the catalog that prices them, for demos, tests and benchmarks.

The same arguments give the same lines on any machine, and the same files wherever zlib is the same. Nothing here is read
by the pipeline: it sees files like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ingestion.synthetic.catalog import write_catalog
from ingestion.synthetic.flaws import REASONS, Flaws, with_flaws
from ingestion.synthetic.folder import describe, prepare
from ingestion.synthetic.landscape import Landscape
from ingestion.synthetic.lifecycle import lifecycle
from ingestion.synthetic.shape import END, START, Shape
from ingestion.synthetic.usage import usage
from ingestion.synthetic.writer import PartWriter


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What lies in the folder, and what a first load of all its files counts."""

    out: Path
    files: tuple[Path, ...]
    lines: int
    accepted: int
    duplicates: int
    conflicts: int
    rejected: Mapping[str, int]  # lines by reason code
    unrated: int  # accepted lines without a SKU
    content_sha256: str  # of all lines with their ends, before compression

    @property
    def catalog(self) -> Path:
        """The catalog folder."""
        return self.out / "catalog"

    @property
    def events(self) -> Path:
        """The folder of the event files."""
        return self.out / "events"


def generate(*, events: int, seed: int, accounts: int, out: Path) -> Generated:
    """Write `events` lines of a month of a GPU cloud to out/events and its catalog to out/catalog.

    Events run from 2026-01-01 to 2026-02-02, UTC. A folder made by an earlier call is replaced.

    Raises:
        InputError: an argument is out of range, or `out` holds something else.
    """
    return write_cloud(Shape(events=events, seed=seed, accounts=accounts), out)


def demo_input(out: Path) -> Generated:
    """A small cloud of five customers that is pleasant to look at: hundreds to tens of thousands of currency units each."""
    return write_cloud(Shape(events=40_000, seed=2030, accounts=5), out)


def write_cloud(shape: Shape, out: Path) -> Generated:
    """Write the cloud of a shape to a folder; see `generate`."""
    prepare(out, {"shape": asdict(shape)})
    landscape = Landscape(shape)
    write_catalog(out / "catalog", landscape)
    with PartWriter(out / "events", lines_per_file=shape.lines_in_a_file) as writer:
        for lines in with_flaws(_flaws(shape), _good_lines(shape, landscape), seed=shape.seed):
            writer.write(lines)
    generated = Generated(
        out=out,
        files=tuple(writer.files),
        lines=writer.lines,
        accepted=shape.accepted,
        duplicates=shape.duplicates,
        conflicts=shape.conflicts,
        rejected={reason: _turns(shape.rejected, place) for place, reason in enumerate(REASONS) if _turns(shape.rejected, place)},
        unrated=min(shape.unrated, shape.usage),
        content_sha256=writer.content_sha256,
    )
    counts = {
        name: getattr(generated, name) for name in ("lines", "accepted", "duplicates", "conflicts", "rejected", "unrated", "content_sha256")
    }
    describe(out, {"shape": asdict(shape), "from": START, "to": END, **counts})
    return generated


def _flaws(shape: Shape) -> Flaws:
    return Flaws(good=shape.accepted, duplicates=shape.duplicates, conflicts=shape.conflicts, rejected=shape.rejected)


def _turns(count: int, place: int) -> int:
    """How often the reason at `place` comes up where `count` lines go through all reasons in turn."""
    return (count - place + len(REASONS) - 1) // len(REASONS)


def _good_lines(shape: Shape, landscape: Landscape) -> Iterator[list[str]]:
    """All accepted lines in order of arrival: usage with lifecycle events at their places."""
    changes = lifecycle(shape, landscape)
    change = next(changes, None)
    for block in usage(shape, landscape):
        latest = int(block.arrived_ms[-1])
        times: list[int] = []
        texts: list[str] = []
        while change is not None and change[0] <= latest:
            times.append(change[0])
            texts.append(change[1])
            change = next(changes, None)
        out: list[str] = []
        written = 0
        for place, text in zip(np.searchsorted(block.arrived_ms, np.array(times, dtype=np.uint64)).tolist(), texts, strict=True):
            out += block.lines[written:place]
            out.append(text)
            written = place
        yield out + block.lines[written:]
    rest = [] if change is None else [change[1], *(text for _, text in changes)]
    if rest:
        yield rest
