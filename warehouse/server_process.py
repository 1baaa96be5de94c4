"""The program of the embedded server's process: `python server_process.py FOLDER`.

chdb-core carries a whole ClickHouse, listeners included. A query that reads a named pipe keeps the engine up; closing
the pipe's write end ends that query, and the engine shuts down cleanly. embedded.py starts and stops this program.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import sys
import threading
from pathlib import Path
from typing import Any

# The import itself opens an engine that reads ./config.xml, so it happens in a folder that has none.
_started_in = Path.cwd()
os.chdir("/")
import chdb  # noqa: E402 - see above

os.chdir(_started_in)
engine_library: Any = chdb._chdb  # its stub names little of what is there

_HANG_UP_SECONDS = 0.05
# What the engine's threads that merge parts and run mutations are called, and how often is looked for new ones.
_MERGING = "MergeMutate"
_LOOK_SECONDS = 1.0

# Three statements: exactly what the quota of the engine's own user allows (embedded_config.py).
START = "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; SELECT count() FROM file('{pipe}', LineAsString, 'l String')"


def serve(base: Path) -> None:
    """Run the server whose config.xml lies in `base` until SIGTERM or SIGINT."""
    os.chdir(base)
    engine_library.set_signal_handlers_enabled(False)  # Python handles SIGTERM, not the engine
    pipe = base / "alive.fifo"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe, 0o600)
    # Blocked and waited for: a handler that sets an event stands still for ever where it interrupts the wait with the event's lock held.
    ends = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)

    def engine() -> None:
        try:
            # TabSeparated becomes the HTTP default format; clickhouse-connect refuses others.
            engine_library.query(START.format(pipe=pipe), "TabSeparated", path=str(base / "data"))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=engine, name="engine", daemon=True)
    thread.start()
    # Opening for read and write never blocks, so an engine that fails before it reads cannot hang this process.
    descriptor = os.open(pipe, os.O_RDWR)
    while signal.sigtimedwait(ends, _LOOK_SECONDS) is None:
        _let_merges_wait()
    os.close(descriptor)
    while thread.is_alive():
        # An engine that is told to stop before it has opened the pipe would wait for a writer for ever.
        os.close(os.open(pipe, os.O_RDWR))
        _hang_up()
        thread.join(_HANG_UP_SECONDS)
    pipe.unlink(missing_ok=True)


def _let_merges_wait() -> None:
    """Give the threads that merge only what no other thread wants of the machine. They do nothing else as long as the engine lives.

    A low priority is not enough: of two cores the system gives one to two merges, and the other to the two threads of a statement.
    """
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # ended meanwhile
            if (task / "comm").read_text().startswith(_MERGING):
                os.sched_setscheduler(int(task.name), os.SCHED_IDLE, os.sched_param(0))


def _hang_up() -> None:
    """Read no more from any connection: an idle one ends, one that is answered ends after its answer.

    The engine waits five seconds for connections to end, and clients keep idle ones open as long as they live: without this
    each command that stops its server would wait for itself.
    """
    for entry in Path("/proc/self/fd").iterdir():
        descriptor = int(entry.name)
        with contextlib.suppress(OSError):  # no socket, no connection, or closed meanwhile
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with socket.socket(fileno=os.dup(descriptor)) as connection:
                    if not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        connection.shutdown(socket.SHUT_RD)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
