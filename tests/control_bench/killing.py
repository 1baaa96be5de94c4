"""Processes that run a piece of work and die by SIGKILL at a chosen line of our code, as by a power cut."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

Line = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A process that is gone. `was_killed`: by the signal that no program can catch."""

    pid: int
    was_killed: bool


def in_child(work: Callable[[], object], *, die_at: Line | None = None, die_after: int = 1) -> Ended:
    """Run `work` in a forked process and wait for its end.

    Args:
        work: what to do there.
        die_at: a line (file, number); the process kills itself the `die_after`-th time it comes there, before the line runs.
        die_after: counts from 1.

    Raises:
        AssertionError: the work failed; its traceback stands on stderr.
    """
    pid = os.fork()
    if pid == 0:
        _run(work, die_at, die_after)
    _, status = os.waitpid(pid, 0)
    was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert was_killed or status == 0, f"the work ended with status {status}"
    return Ended(pid=pid, was_killed=was_killed)


def lines_of(work: Callable[[], object], *, below: tuple[str, ...]) -> list[Line]:
    """Each line of the files whose paths end so that `work` runs, in the order of its first run. Runs it here, and really."""
    seen: dict[Line, None] = {}
    _trace(work, below, lambda line: seen.setdefault(line, None))
    return list(seen)


def _run(work: Callable[[], object], die_at: Line | None, die_after: int) -> None:
    """The child's life. It ends without the parent's exit handlers, whose servers are not its own."""
    left = die_after

    def die(line: Line) -> None:
        nonlocal left
        if line == die_at:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        if die_at is None:
            work()
        else:
            _trace(work, (die_at[0],), die)
    except BaseException:  # noqa: BLE001 - whatever it was, the parent must see that the child failed
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _trace(work: Callable[[], object], below: tuple[str, ...], each: Callable[[Line], Any]) -> None:
    wanted: dict[CodeType, bool] = {}

    def local(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - sys.settrace's own type
        if event == "line":
            each((frame.f_code.co_filename, frame.f_lineno))
        return local

    def enter(frame: FrameType, _: str, __: object) -> Any:  # noqa: ANN401 - sys.settrace's own type
        code = frame.f_code
        if code not in wanted:
            wanted[code] = code.co_filename.endswith(below)
        return local if wanted[code] else None

    previous = sys.gettrace()
    sys.settrace(enter)
    try:
        work()
    finally:
        sys.settrace(previous)
