"""The embedded warehouse: a ClickHouse server in a process of its own, supervised from here.

Everything lies in `<home>/warehouse/`: data, configuration, log, and `server.json` with pid and ports while it runs.
server_process.py is the program that runs in that process.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.embedded_config import write_configuration
from warehouse.errors import WarehouseError
from warehouse.ports import free_ports
from warehouse.secrets import passwords

START_SECONDS = 60  # an unclean stop may have to replay parts; a fresh start takes under one second
STOP_SECONDS = 60  # running merges are allowed to end

_PROGRAM = Path(__file__).with_name("server_process.py")

# Prefixes whose databases the analyst may read, since the last start.
PREFIXES_FILE = "prefixes.json"

# Servers by (pid of who started it, its own): only their parent can reap them, and a process that was forked since is not that.
_children: dict[tuple[int, int], subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that answers: its process and ports."""

    pid: int
    http_port: int
    tcp_port: int


def folder(home: Path) -> Path:
    """Where the embedded server of a home keeps everything."""
    return home / "warehouse"


def running(home: Path) -> Running | None:
    """The server of this home if its process lives, else None. A stale record is ignored."""
    try:
        record: dict[str, Any] = json.loads((folder(home) / "server.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    state = Running(pid=record["pid"], http_port=record["http_port"], tcp_port=record["tcp_port"])
    return state if _is_our_process(state.pid, home) else None


def http_port(home: Path) -> int | None:
    """HTTP port of the running server, or None."""
    state = running(home)
    return state.http_port if state else None


def serves(home: Path, *, database_prefix: str) -> bool:
    """Whether the server of this home lets the analyst read the databases of this prefix. It learns of a prefix at its start."""
    return database_prefix in _prefixes(folder(home))


def restart(home: Path, *, database_prefix: str) -> Running:
    """Stop the server and start it on the same ports, with the grants of one more prefix. Nobody may be using it."""
    before = running(home)
    stop(home)
    return start(home, database_prefix=database_prefix, ports=(before.http_port, before.tcp_port) if before else None)


def start(
    home: Path, *, database_prefix: str = "", ports: tuple[int, int] | None = None, meanwhile: Callable[[], object] | None = None
) -> Running:
    """Start the server, or return the one that runs.

    Args:
        home: whose server it is.
        database_prefix: what the analyst may read besides the prefixes of earlier starts.
        ports: HTTP and TCP port; default: free ones.
        meanwhile: called once while a server that had to be started comes up.

    Raises:
        WarehouseError: it did not come up; the message holds the log's last lines.
    """
    base = folder(home)
    base.mkdir(parents=True, exist_ok=True)
    with _locked(base / "start.lock"):
        state = running(home)
        if state is not None and _wait_until_ready(home, state):
            return state
        # None runs, or the one found was ending: a killed process keeps its entry until the kernel has taken it down.
        (base / "server.json").unlink(missing_ok=True)
        http, tcp = ports or free_ports(2)
        prefixes = sorted({*_prefixes(base), database_prefix})
        write_configuration(base, http_port=http, tcp_port=tcp, passwords=passwords(home), database_prefixes=prefixes)
        (base / PREFIXES_FILE).write_text(json.dumps(prefixes))
        log = base / "server.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own program and arguments
                [sys.executable, "-I", str(_PROGRAM), str(base)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=base,
            )
        _children[os.getpid(), process.pid] = process
        state = Running(pid=process.pid, http_port=http, tcp_port=tcp)
        record = base / "server.json.new"
        record.write_text(json.dumps({"pid": state.pid, "http_port": state.http_port, "tcp_port": state.tcp_port}))
        record.replace(base / "server.json")
        ready = False
        try:
            if meanwhile:
                meanwhile()
            ready = _wait_until_ready(home, state)
        finally:
            if not ready:
                (base / "server.json").unlink(missing_ok=True)
                process.kill()
                _reap(process.pid)
        if not ready:
            raise WarehouseError(f"the embedded warehouse did not start; the end of {log}:\n{_tail(log)}")
        return state


def stop(home: Path) -> bool:
    """Stop the server cleanly and wait for its end. Returns whether one was running."""
    state = running(home)
    if state is None:
        (folder(home) / "server.json").unlink(missing_ok=True)
        return False
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_our_process(state.pid, home) and time.monotonic() < deadline:
        time.sleep(0.05)
    if _is_our_process(state.pid, home):
        os.kill(state.pid, signal.SIGKILL)
        time.sleep(0.2)
    _reap(state.pid)
    (folder(home) / "server.json").unlink(missing_ok=True)
    return True


def reap_ended() -> None:
    """Reap servers that this process started and that somebody else has ended: a killed one stays a zombie of its parent."""
    for key, child in list(_children.items()):
        if key[0] == os.getpid() and child.poll() is not None:
            del _children[key]


def _prefixes(base: Path) -> list[str]:
    try:
        found: list[str] = json.loads((base / PREFIXES_FILE).read_text())
    except FileNotFoundError:
        return []
    return found


def _wait_until_ready(home: Path, state: Running) -> bool:
    """Whether the server answers before its process ends.

    Raises:
        WarehouseError: it does neither.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _answers(state.http_port):
            return True
        if not _is_our_process(state.pid, home):
            return False
        time.sleep(0.05)
    raise WarehouseError(
        f"the embedded warehouse (process {state.pid}) runs but does not answer on port {state.http_port}; if it stays so, "
        f"end that process and try again. The end of its log:\n{_tail(folder(home) / 'server.log')}"
    )


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as reply:
            return bool(reply.read() == b"Ok.\n")
    except (urllib.error.URLError, OSError):
        return False


def _is_our_process(pid: int, home: Path) -> bool:
    """Whether pid is the server of this home. A pid reused by another program must not be taken for it, or killed."""
    child = _children.get((os.getpid(), pid))
    if child is not None:
        return child.poll() is None  # its command line is not there yet just after the start, and no more while it exits
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    # By the program's name, not its path: a server that another installation started for this home is this home's server.
    program = f"/{_PROGRAM.name}".encode()
    return status != "Z" and any(part.endswith(program) for part in command) and str(folder(home)).encode() in command


def _reap(pid: int) -> None:
    """Wait for the end of a server of ours that was told to stop; a process that is exiting has lost its command line already."""
    child = _children.pop((os.getpid(), pid), None)
    if child is not None:
        child.wait()


def _tail(log: Path, *, lines: int = 12) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process starts the server of a home; the kernel drops the lock if that process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
