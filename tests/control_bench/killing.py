"""Processes that run a piece of work and die by SIGKILL right after one of its effects, as by a power cut.

What outlives a process is what it committed and what others did for it: its effects. Dying after each of them, one after
the other, is dying in every state that can be left behind.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

# A class and the name of its method; each return of it is an effect.
Effect = tuple[type, str]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A process that is gone. `was_killed`: by the signal that no program can catch."""

    pid: int
    was_killed: bool


def in_child(work: Callable[[], object], *, effects: tuple[Effect, ...] = (), die_after: int = 0) -> Ended:
    """Run `work` in a forked process and wait for its end.

    Args:
        work: what to do there. It opens its own connections: none of the parent's may be used on both sides.
        effects: what counts.
        die_after: the effect, counted from 1, after which the process kills itself; 0 for never.

    Raises:
        AssertionError: the work failed; its traceback stands on stderr.
    """
    return ended(start_child(work, effects=effects, die_after=die_after))


def start_child(work: Callable[[], object], *, effects: tuple[Effect, ...] = (), die_after: int = 0) -> int:
    """The same without waiting; the process id, for `ended`."""
    pid = os.fork()
    if pid == 0:
        _live_and_die(work, effects, die_after)
    return pid


def ended(pid: int) -> Ended:
    """Wait for a process that `start_child` started."""
    _, status = os.waitpid(pid, 0)
    was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert was_killed or status == 0, f"the work ended with status {status}"
    return Ended(pid=pid, was_killed=was_killed)


def count_effects(work: Callable[[], object], effects: tuple[Effect, ...]) -> int:
    """How many effects the work has. Runs it here, and really."""
    count = 0

    def one_more() -> None:
        nonlocal count
        count += 1

    with _watched(effects, one_more):
        work()
    return count


def _live_and_die(work: Callable[[], object], effects: tuple[Effect, ...], die_after: int) -> None:
    """The child's life. It ends without the parent's exit handlers, whose servers are not its own."""
    count = 0

    def one_more() -> None:
        nonlocal count
        count += 1
        if count == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        with _watched(effects, one_more):
            work()
    except BaseException:  # noqa: BLE001 - whatever it was, the parent must see that the child failed
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@contextmanager
def _watched(effects: tuple[Effect, ...], after: Callable[[], None]) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name in effects:
            stack.enter_context(patch.object(owner, name, _followed_by(getattr(owner, name), after)))
        yield


def _followed_by(method: Callable[..., Any], after: Callable[[], None]) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the method's own
        result = method(*arguments, **named)
        after()
        return result

    return run
