"""What goes wrong in real streams, in known numbers: repeated lines, conflicting copies, lines that must be refused."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.synthetic.numbers import draw, key
from ingestion.synthetic.shape import spread

# How far back a copy may lie, in lines: a producer that retries within minutes to hours. All these lines are kept in memory.
REACH = 1 << 16

_ACCOUNT = '"account_id":"acc-acme-robotics"'
_USAGE = '"metric":"storage.egress_bytes","quantity":"1048576"'
_GOOD = f"{_ACCOUNT},{_USAGE}"


def _line(*, version: str = "1.0", kind: str = "usage.recorded", time: str = "2026-01-10T12:00:00Z", data: str = _GOOD) -> str:
    return (
        f'{{"specversion":"{version}","id":"ID","source":"/storage/us-central1","type":"{kind}",'
        f'"subject":"bucket-acme-robotics-logs-1","time":"{time}","data":{{{data}}}}}'
    )


# A line for each reason code, with ID for its id. Not line_too_long, whose lines would outweigh the rest of a small file.
_REFUSED = {
    "invalid_json": _line()[:-9],
    "not_an_object": '["ID"]',
    "missing_field": _line(data=_USAGE),
    "unsupported_specversion": _line(version="0.3"),
    "unknown_type": _line(kind="resource.hibernated"),
    "invalid_time": _line(time="2026-01-10 25:61"),
    "time_too_old": _line(time="1970-01-01T00:00:00Z"),
    "time_in_future": _line(time="2199-01-10T12:00:00Z"),
    "invalid_field": _line(data=f'{_GOOD},"labels":"team=ml"'),
    "invalid_quantity": _line(data=_GOOD.replace("1048576", "-1048576")),
    "unknown_state": _line(kind="resource.updated", data=f'{_ACCOUNT},"state":"paused","metrics":{{"compute.vcpu":"2"}}'),
}
REASONS = tuple(_REFUSED)


@dataclass(frozen=True, order=True)
class _Flaw:
    """One flawed line, written right after the good line at `position`."""

    position: int
    kind: str
    turn: int


@dataclass(frozen=True, kw_only=True)
class Flaws:
    """How many flawed lines stand among how many good ones, each kind spread evenly."""

    good: int
    duplicates: int
    conflicts: int
    rejected: int

    def in_order(self) -> Iterator[_Flaw]:
        """All flaws by position."""
        counts = {"duplicate": self.duplicates, "conflict": self.conflicts, "rejected": self.rejected}
        return heapq.merge(*(self._evenly(kind, count) for kind, count in counts.items()))

    def _evenly(self, kind: str, count: int) -> Iterator[_Flaw]:
        return (_Flaw(spread(turn, count=count, total=self.good), kind, turn) for turn in range(count))


def with_flaws(flaws: Flaws, blocks: Iterator[list[str]], *, seed: int) -> Iterator[list[str]]:
    """The good lines of the blocks with flaws among them. Copies come after what they copy, within REACH lines."""
    ordered = flaws.in_order()
    following = next(ordered, None)
    stream = key(seed, "flaws")
    kept: list[str] = []
    position = 0  # of the block's first line
    for lines in blocks:
        known = kept + lines
        out: list[str] = []
        written = 0
        while following is not None and following.position < position + len(lines):
            end = following.position - position + 1
            out += lines[written:end]
            written = end
            word = draw(stream, following.position * 3 + ("conflict", "duplicate", "rejected").index(following.kind))
            back = word % min(following.position + 1, REACH)
            original = known[len(kept) + end - 1 - back]
            out.append(_flawed(following, original, word))
            following = next(ordered, None)
        yield out + lines[written:]
        position += len(lines)
        kept = known[-REACH:]


def _flawed(flaw: _Flaw, original: str, word: int) -> str:
    if flaw.kind == "duplicate":
        return original
    if flaw.kind == "conflict":
        return _conflicting(original)
    return _REFUSED[REASONS[flaw.turn % len(REASONS)]].replace("ID", f"{word:016x}")


def _conflicting(line: str) -> str:
    """The same identity with other content: a quantity one higher, or other labels."""
    event = json.loads(line)
    data = event["data"]
    if "quantity" in data:
        data["quantity"] = str(int(data["quantity"]) + 1)
    else:
        data["labels"] = {"team": "replayed"}
    return json.dumps(event, separators=(",", ":"))
