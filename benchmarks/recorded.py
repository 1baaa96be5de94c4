"""The program of a measured command: `meterhouse …` itself, with each request to the warehouse written down.

`python -m benchmarks.recorded FILE VERB ARGUMENT…` does and prints what `meterhouse VERB ARGUMENT…` does, and leaves the
statements in FILE. All clients of the product (clickhouse-connect, dbt, the checks, the loader's stream) end in
http.client, so that is where they are seen; a request costs some microseconds more.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.statements import Statement, write_statements

_KEPT_LETTERS = 4000


class Recorder:
    """Sees the requests of all threads of this process."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._lock = threading.Lock()

    def install(self) -> None:
        """Stand between http.client and its callers until the process ends."""
        connection: Any = http.client.HTTPConnection
        put, send, answer = connection.putrequest, connection.send, connection.getresponse
        recorder = self

        def putrequest(self: Any, method: str, url: str, *args: Any, **options: Any) -> None:  # noqa: ANN401 - http.client's
            self._recorded = (time.perf_counter(), parse_qs(urlsplit(url).query).get("query", [""])[0])
            put(self, method, url, *args, **options)

        def send_data(self: Any, data: Any) -> None:  # noqa: ANN401 - http.client's
            started, text = getattr(self, "_recorded", (0.0, "-"))
            if not text and isinstance(data, bytes) and not data.startswith((b"POST ", b"GET ")):
                self._recorded = (started, data[:_KEPT_LETTERS].decode(errors="replace"))
            send(self, data)

        def getresponse(self: Any, *args: Any, **options: Any) -> http.client.HTTPResponse:  # noqa: ANN401 - http.client's
            reply: http.client.HTTPResponse = answer(self, *args, **options)
            started, text = self._recorded
            recorder.keep(text, started=started, summary=reply.getheader("X-ClickHouse-Summary"))
            return reply

        connection.putrequest, connection.send, connection.getresponse = putrequest, send_data, getresponse

    def keep(self, text: str, *, started: float, summary: str | None) -> None:
        """Write down a request that was answered with these headers' summary."""
        if summary is None:  # not the warehouse
            return
        said = json.loads(summary)
        statement = Statement(
            text=text[:_KEPT_LETTERS],
            started=started,
            ended=time.perf_counter(),
            read_rows=int(said.get("read_rows", 0)),
            read_bytes=int(said.get("read_bytes", 0)),
            written_rows=int(said.get("written_rows", 0)),
        )
        with self._lock:
            self.statements.append(statement)


def main() -> None:
    """Run the command line and keep what it sent."""
    out, *arguments = sys.argv[1:]
    recorder = Recorder()
    recorder.install()
    from orchestration.cli.main import main as meterhouse  # noqa: PLC0415 - its imports belong to what is measured
    from orchestration.cli.program import leave  # noqa: PLC0415

    try:
        meterhouse(arguments)
    except SystemExit as ended:
        write_statements(recorder.statements, Path(out))
        leave(ended)


if __name__ == "__main__":
    main()
