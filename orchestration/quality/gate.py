"""Keeps the process that runs the expectations: started with the command, asked after the models, ended with the command.

Great Expectations imports for seconds. In a process of its own that happens while the models compute, on another core.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration.dbt import Scope
from orchestration.figures import SHOWN_ROWS, in_words
from orchestration.quality.suite import SUITE
from orchestration.report import CheckOutcome
from warehouse.client import endpoint
from warehouse.errors import MeterhouseError
from warehouse.settings import Settings

RUNNER = Path(__file__).with_name("runner.py")
STOP_SECONDS = 5


class ChecksError(MeterhouseError):
    """The checks could not be made; whether the data is right is not known."""


class QualityGate:
    """A runner that waits for requests."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self._begun: dict[str, Any] | None = None  # the request whose answer nobody has taken yet

    def begin(self, settings: Settings, *, scope: Scope) -> None:
        """Let the suite run from now on, beside whatever the caller does until it looks.

        Raises:
            ChecksError: the runner is gone.
        """
        if self._begun is not None:  # of a tick that failed before it looked
            self._take()
        self._send(_request(settings, scope))

    def look(self, settings: Settings, *, scope: Scope) -> list[CheckOutcome]:
        """Run the suite, or wait for the end of the run that has begun.

        Raises:
            ChecksError: the runner or an expectation failed to do its work.
        """
        if self._begun != _request(settings, scope):
            self.begin(settings, scope=scope)
        answer = self._take()
        found = {result["name"]: result for result in answer["results"]}
        outcomes = []
        for expectation in SUITE:
            result = found[expectation.name]
            if result["error"]:
                raise ChecksError(f"check {expectation.name} could not be made: {result['error']}")
            outcomes.append(
                CheckOutcome(
                    name=expectation.name,
                    is_passed=result["count"] == 0,
                    is_blocking=expectation.is_blocking,
                    figures=in_words(result["rows"], count=result["count"]),
                )
            )
        return outcomes

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                # What a runner that was killed had not read is written once more, in vain.
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            self._process.wait(STOP_SECONDS if self._process.returncode is None else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, request: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise ValueError("the runner was started without pipes")
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        self._begun = request

    def _take(self) -> dict[str, Any]:
        if self._process.stdout is None:
            raise ValueError("the runner was started without pipes")
        self._begun = None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> ChecksError:
        return ChecksError(f"the process of the checks ended early; see {self._log}")


@contextmanager
def open_gate(settings: Settings) -> Iterator[QualityGate]:
    """Start the runner now, so that it has imported when it is asked."""
    log = settings.home / "logs" / "checks.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", str(RUNNER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=settings.home,
            text=True,
        )
    gate = QualityGate(process, log)
    try:
        yield gate
    finally:
        gate.close()


def _request(settings: Settings, scope: Scope) -> dict[str, Any]:
    target = endpoint(settings)
    return {
        "connection": {
            "host": target.host,
            "port": target.port,
            "secure": target.secure,
            "user": target.user,
            "password": target.password,
            "database": settings.database("ops"),
        },
        "expectations": [{"name": item.name, "slice": item.slice(settings, scope), "unexpected": item.unexpected} for item in SUITE],
        "shown_rows": SHOWN_ROWS,
    }
