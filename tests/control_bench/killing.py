"""Processes that run a piece of work and die by SIGKILL at a chosen moment, as by a power cut.

What outlives a process is what it committed and what others did for it. `moments_of` finds one moment after each such
effect: dying at all of them is dying in every state that can be left behind.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from sqlalchemy import Engine, event


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The `occurrence`-th time that a line is about to run, counted from 1."""

    file: str
    line: int
    occurrence: int


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A process that is gone. `was_killed`: by the signal that no program can catch."""

    pid: int
    was_killed: bool


def in_child(work: Callable[[], object], *, die_at: Moment | None = None) -> Ended:
    """Run `work` in a forked process and wait for its end.

    Args:
        work: what to do there. It opens its own connections: none of the parent's may be used on both sides.
        die_at: the moment at which the process kills itself.

    Raises:
        AssertionError: the work failed; its traceback stands on stderr.
    """
    return ended(start_child(work, die_at=die_at))


def start_child(work: Callable[[], object], *, die_at: Moment | None = None) -> int:
    """The same without waiting; the process id, for `ended`."""
    pid = os.fork()
    if pid == 0:
        _live_and_die(work, die_at)
    return pid


def ended(pid: int) -> Ended:
    """Wait for a process that `start_child` started."""
    _, status = os.waitpid(pid, 0)
    was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert was_killed or status == 0, f"the work ended with status {status}"
    return Ended(pid=pid, was_killed=was_killed)


def moments_of(work: Callable[[], object], *, below: str, effects: Callable[[], int]) -> list[Moment]:
    """The first moment in our code, and the first one after each effect. Runs the work here, and really.

    Args:
        work: as for `in_child`.
        below: part of the paths that count as our code.
        effects: how many effects there were so far, besides commits of the control store, which are counted here.
    """
    seen: Counter[tuple[str, int]] = Counter()
    found: dict[int, Moment] = {}

    def each(file: str, line: int) -> None:
        seen[file, line] += 1
        found.setdefault(effects() + commits[0], Moment(file=file, line=line, occurrence=seen[file, line]))

    with _counted_commits() as commits:
        _trace(work, below, each)
    return list(found.values())


@contextmanager
def _counted_commits() -> Iterator[list[int]]:
    count = [0]

    def committed(_: object) -> None:
        count[0] += 1

    event.listen(Engine, "commit", committed)
    try:
        yield count
    finally:
        event.remove(Engine, "commit", committed)


def _live_and_die(work: Callable[[], object], die_at: Moment | None) -> None:
    """The child's life. It ends without the parent's exit handlers, whose servers are not its own."""
    occurrences = 0

    def each(file: str, line: int) -> None:
        nonlocal occurrences
        if die_at is not None and (file, line) == (die_at.file, die_at.line):
            occurrences += 1
            if occurrences == die_at.occurrence:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        if die_at is None:
            work()
        else:
            _trace(work, die_at.file, each)
    except BaseException:  # noqa: BLE001 - whatever it was, the parent must see that the child failed
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _trace(work: Callable[[], object], below: str, each: Callable[[str, int], None]) -> None:
    """Run the work and call `each` before every line of files whose path contains `below`, in this thread."""
    wanted: dict[CodeType, bool] = {}

    def in_function(frame: FrameType, what: str, _: object) -> Any:  # noqa: ANN401 - sys.settrace's own type
        if what == "line":
            each(frame.f_code.co_filename, frame.f_lineno)
        return in_function

    def on_call(frame: FrameType, _: str, __: object) -> Any:  # noqa: ANN401 - sys.settrace's own type
        code = frame.f_code
        if code not in wanted:
            wanted[code] = below in code.co_filename
        return in_function if wanted[code] else None

    previous = sys.gettrace()
    sys.settrace(on_call)
    try:
        work()
    finally:
        sys.settrace(previous)
