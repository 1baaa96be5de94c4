"""The process of the checks, forked with Great Expectations imported where the product starts it anew: that import is half of a tick.

What it does and how it is asked stays the product's own: the program of orchestration/quality/runner.py between two pipes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn

from orchestration.quality import gate

PROGRAM = gate.RUNNER.name.encode()
"""What the command line of one that the product started ends in."""

_PID_FILE = "checks.pid"
_POLL_SECONDS = 0.02
_MANY_DESCRIPTORS = 1 << 16


def install(folder: Path) -> None:
    """From now on this process forks its checks. Their pid is noted in the folder of the command."""

    def forked(_arguments: Sequence[str], *, stderr: IO[bytes], **_options: object) -> Forked:
        process = Forked(stderr)
        (folder / _PID_FILE).write_text(str(process.pid))
        return process

    module: Any = gate
    module.subprocess = SimpleNamespace(Popen=forked, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)


def living(home: Path) -> list[int]:
    """Forked checks of a home's commands that have not ended."""
    pids = [int(noted.read_text() or 0) for noted in home.glob(f"command-*/{_PID_FILE}")]
    return [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]


class Forked:
    """As much of a Popen as the gate uses."""

    def __init__(self, stderr: IO[bytes]) -> None:
        """Fork. The new process keeps its two pipes and `stderr`, and nothing else of its parent's, so no lock either."""
        asked, ask = os.pipe()
        answer, answered = os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _serve(asked, answered, stderr.fileno())
        os.close(asked)
        os.close(answered)
        self.stdin: IO[str] = os.fdopen(ask, "w")
        self.stdout: IO[str] = os.fdopen(answer, "r")

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            TimeoutExpired: it has not ended by then.
        """
        deadline = time.monotonic() + (timeout or 0)
        while self.returncode is None:
            pid, status = os.waitpid(self.pid, 0 if timeout is None else os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif timeout is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("checks", timeout)
            else:
                time.sleep(_POLL_SECONDS)
        return self.returncode

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)


def _serve(asked: int, answered: int, errors: int) -> NoReturn:
    """The life of the process."""
    try:
        for number, descriptor in enumerate((asked, answered, errors)):
            os.dup2(descriptor, number)
        os.closerange(3, _MANY_DESCRIPTORS)
        from orchestration.quality import runner  # noqa: PLC0415 - imported before the fork, and by nobody who only starts commands

        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0, "r"), os.fdopen(1, "w"), os.fdopen(2, "w")
        runner.main()
    except BaseException:  # noqa: BLE001 - the gate sees that it ended; nothing of the parent's may run here
        os._exit(1)
    os._exit(0)
