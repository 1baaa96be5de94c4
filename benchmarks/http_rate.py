"""How many events a second come through the HTTP door: accepted, durable and loaded into raw, for as long as producers send.

The door is a process of its own, as `meterhouse up` starts it. Producers are threads of this process that keep one
connection each; a loader loads beside them all the while, as ticks do. The same lines from a file, in the same run, are
the measure of what the way over HTTP costs.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import BenchmarkError, Figure, gibibytes, percentile, timed
from benchmarks.ground import ground
from benchmarks.memory import PeakMemory
from benchmarks.source_lines import LINES_OF_A_BODY, SourceLines, provide_lines
from control.domain.api_keys import EVENTS_WRITE
from control.services.api_keys import create_key
from ingestion.loader import load_file
from ingestion.sources import spool
from orchestration.api import HEALTH_PATH
from orchestration.loading import load_sources
from orchestration.session import open_warehouse
from warehouse.ports import free_port
from warehouse.settings import Settings

PRODUCERS = 4
_START_SECONDS = 60.0
# Some ten seconds of loading. Producers that are faster are held back from there on, so that the figure is one that lasts.
_SPOOL_BYTES = 512 << 20
_FILE_BODIES = 500  # of the reference; half a million events


@dataclass(frozen=True, kw_only=True)
class HttpFigures:
    """One run. Seconds by the wall clock."""

    events: int
    sent_seconds: float  # until the last answer
    loaded_seconds: float  # until the last event was in raw
    refused: int  # answers 429: the producer waited and sent again
    median_milliseconds: float  # from request to answer
    p99_milliseconds: float
    file_events_per_second: float  # the same lines from a file
    file_peak_bytes: int  # while they were loaded from the file
    peak_bytes: int  # all processes, producers included

    @property
    def accepted_per_second(self) -> float:
        """Events a second that were durable and answered."""
        return self.events / self.sent_seconds

    @property
    def events_per_second(self) -> float:
        """Events a second that were durable, answered and in raw."""
        return self.events / self.loaded_seconds

    @property
    def ratio_to_file(self) -> float:
        """Seconds over HTTP by seconds from a file, for the same events."""
        return self.file_events_per_second / self.events_per_second


def figures(found: HttpFigures) -> list[Figure]:
    """The table."""
    beside = {"beside": found.file_events_per_second, "beside_name": "files to raw"}
    return [
        Figure(name="HTTP: durable and answered", value=found.accepted_per_second, unit="events/s", **beside),  # type: ignore[arg-type]  # by name
        Figure(name="HTTP: answered and in raw", value=found.events_per_second, unit="events/s", **beside),  # type: ignore[arg-type]
        Figure(name="the same lines, files to raw", value=found.file_events_per_second, unit="events/s"),
        Figure(name="HTTP to raw, an event", value=1e6 / found.events_per_second, unit="µs", beside=1e6 / found.file_events_per_second,
               beside_name="files to raw"),
        Figure(name="median answer", value=found.median_milliseconds, unit="ms"),
        Figure(name="99 % of answers within", value=found.p99_milliseconds, unit="ms"),
        Figure(name="answers 429", value=found.refused, unit="requests"),
        Figure(name="events", value=found.events, unit="events"),
        Figure(name="peak memory, producers included", value=gibibytes(found.peak_bytes), unit="GiB"),
        Figure(name="peak memory, files to raw", value=gibibytes(found.file_peak_bytes), unit="GiB"),
    ]  # fmt: skip


def bench_http(settings: Settings, *, seconds: float, producers: int = PRODUCERS) -> HttpFigures:
    """Send batches of a thousand events for so long, on an empty deployment of its own.

    Raises:
        BenchmarkError: an answer was neither 202 nor 429, or raw does not hold what was accepted.
    """
    lines = provide_lines(settings)
    with ground(settings) as here, open_warehouse(here.deployment) as client:
        own = here.settings
        with here.deployment.control() as control:
            _, token = create_key(control, "benchmark", scopes=[EVENTS_WRITE], now=own.now())
        file = own.home / "reference.jsonl"
        lines.write(file, bodies=_FILE_BODIES)
        with PeakMemory(*here.server) as file_memory, timed() as from_file:
            reference = load_file(client, own, file)
        with _door(own) as address, PeakMemory(*here.server) as memory:
            sending = _Sending(address, token, lines, seconds=seconds)
            with here.deployment.alone("meterhouse bench"):
                sending.start(producers)
                while sending.goes_on:
                    load_sources(client, own, [spool.drain])
                sending.join()
                load_sources(client, own, [spool.drain])
            loaded_seconds = time.perf_counter() - sending.started
        accepted = here.value(f"SELECT sum(rows_accepted) FROM {{ops}}.batches WHERE source_name = '{spool.SOURCE_NAME}'")
    # The slice repeats a few lines, within a body as well.
    expected = sending.bodies * LINES_OF_A_BODY
    if not expected * 0.99 <= accepted <= expected:
        raise BenchmarkError(f"{expected} events were accepted over HTTP, and raw took {accepted}")
    return HttpFigures(
        events=expected,
        sent_seconds=sending.sent_seconds,
        loaded_seconds=loaded_seconds,
        refused=sending.refused,
        median_milliseconds=percentile(sending.milliseconds, 50),
        p99_milliseconds=percentile(sending.milliseconds, 99),
        file_events_per_second=reference.rows_read / from_file.seconds,
        file_peak_bytes=file_memory.peak_bytes,
        peak_bytes=memory.peak_bytes,
    )


class _Sending:
    """Producers that send for some seconds, each one request after the other."""

    def __init__(self, address: tuple[str, int], token: str, lines: SourceLines, *, seconds: float) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        self._lines = lines
        self._seconds = seconds
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._failure: str | None = None
        self.bodies = 0
        self.refused = 0
        self.milliseconds: list[float] = []
        self.started = 0.0
        self.sent_seconds = 0.0

    def start(self, producers: int) -> None:
        self.started = time.perf_counter()
        self._threads = [threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(producers)]
        for thread in self._threads:
            thread.start()

    @property
    def goes_on(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        if self._failure is not None:
            raise BenchmarkError(self._failure)

    def _send(self, producer: int) -> None:
        with contextlib.closing(http.client.HTTPConnection(*self._address, timeout=60)) as connection:
            number = producer * 10_000_000
            while time.perf_counter() - self.started < self._seconds and self._failure is None:
                body = self._lines.body(number)
                asked = time.perf_counter()
                try:
                    connection.request("POST", "/v1/events", body=body, headers=self._headers)
                    reply = connection.getresponse()
                    text = reply.read()
                except (OSError, http.client.HTTPException):
                    connection.close()  # as any client: connect anew and send again
                    continue
                with self._lock:
                    if reply.status == 202:
                        number += 1
                        self.bodies += 1
                        self.milliseconds.append((time.perf_counter() - asked) * 1000)
                        self.sent_seconds = time.perf_counter() - self.started
                    elif reply.status == 429:
                        self.refused += 1
                    else:
                        self._failure = f"the door answered {reply.status}: {text[:200]!r}"
                if reply.status == 429:
                    time.sleep(float(reply.getheader("Retry-After", "1")))


@contextlib.contextmanager
def _door(own: Settings) -> Iterator[tuple[str, int]]:
    """The door of a deployment in a process of its own; where it listens."""
    port = free_port()
    environment = {
        "METERHOUSE_HOME": str(own.home),
        "METERHOUSE_DATABASE_PREFIX": own.database_prefix,
        "METERHOUSE_SPOOL_LIMIT_BYTES": str(_SPOOL_BYTES),
    }
    command = ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items())]
    command += [sys.executable, "-m", "orchestration.api", "--port", str(port)]
    with (own.home / "door.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parent.parent)  # noqa: S603 - our own program
    try:
        _wait(port)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{HEALTH_PATH}", timeout=5) as reply:
                json.load(reply)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise BenchmarkError("the HTTP door did not start")
