"""The processes of `meterhouse up`: started, found again, stopped, by their records in `<home>/run/`.

Each service is a process group of its own that outlives the command. All its processes, and whatever they start, carry a
random token in their environment; a pid that another program got since is never taken for one of them. The warehouse has
its own keeper (session.py).
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dashboards import serve
from orchestration import dagster_home
from orchestration.api import HEALTH_PATH
from orchestration.session import start_and_keep, stop
from warehouse import embedded
from warehouse.client import endpoint
from warehouse.errors import MeterhouseError
from warehouse.ports import free_port
from warehouse.settings import Settings

# Dagster imports for seconds, and on a busy machine everything at once takes a minute.
START_SECONDS = 180.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1
MARK = "METERHOUSE_SERVICE"


class ServiceError(MeterhouseError):
    """A service did not come up; the message says where its log is."""


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """What `status` shows."""

    service: str
    state: str  # running, stopped, or dead: it was started and is gone
    url: str | None
    pid: int | None
    log: str | None


@dataclass(frozen=True, kw_only=True)
class _Record:
    """A started service, as its file in `<home>/run/` says."""

    name: str
    pid: int
    port: int | None
    url: str | None
    token: str
    log: str


NAMES = ("dagster-code", "dagster-webserver", "dagster-daemon", "api", "dashboards")
# What answers 200 once the service serves; the port of the others accepts when they do.
HEALTH_PATHS = {"dagster-webserver": "/server_info", "dashboards": "/_stcore/health", "api": HEALTH_PATH}


def up(settings: Settings) -> list[ServiceState]:
    """Start what does not run yet, wait until it serves, and return the state of everything.

    Raises:
        ServiceError: a service did not come up; the others keep running.
    """
    if settings.is_embedded:
        start_and_keep(settings)
    dagster_home.prepare(settings.home)
    with _alone(settings):
        code = _started(settings, "dagster-code")
        _wait(settings, code)
        others = [_started(settings, name, code_port=code.port) for name in NAMES[1:]]
        for record in others:
            _wait(settings, record)
    return status(settings)


def down(settings: Settings) -> list[ServiceState]:
    """Stop everything that `up` or `warehouse start` started, and all that those processes started."""
    with _alone(settings):
        for name in reversed(NAMES):
            record = _read(settings, name)
            if record is not None:
                _stop(record)
                _path(settings, name).unlink(missing_ok=True)
    if settings.is_embedded:
        stop(settings)
    return status(settings)


def status(settings: Settings) -> list[ServiceState]:
    """The state of the warehouse and of each service."""
    return [_warehouse_state(settings), *(_state(settings, name) for name in NAMES)]


def _command(name: str, *, port: int | None, code_port: int | None) -> list[str]:
    """Program and arguments of a service."""
    python = [sys.executable, "-m"]
    code = ["--log-level", "warning", "--grpc-host", "127.0.0.1", "--grpc-port", str(code_port)]
    at = ["-h", "127.0.0.1", "-p", str(port)]
    match name:
        case "dagster-code":
            definitions = ["-m", "orchestration.definitions", "--use-python-environment-entry-point", "--log-level", "warning"]
            return [*python, "dagster", "api", "grpc", *at, *definitions]
        case "dagster-webserver":
            return [*python, "dagster_webserver", *at, *code]
        case "dagster-daemon":
            return [*python, "dagster._daemon", "run", *code]
        case "dashboards" if port is not None:
            return serve.command(port)
        case "api":
            return [*python, "orchestration.api", "--port", str(port)]
    raise ValueError(f"no service {name!r}")


def _started(settings: Settings, name: str, *, code_port: int | None = None) -> _Record:
    """The running service, started now if it does not run."""
    record = _read(settings, name)
    if record is not None:
        if _is_alive(record):
            return record
        _stop(record)  # its main process is gone; what it left behind must not serve beside the new one
    port = _port_for(settings, name)
    log = settings.home / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.before"))  # of the time before; older ones would fill the disk
    token = secrets.token_hex(16)
    variables = {
        MARK: token,
        "METERHOUSE_HOME": str(settings.home),
        "DAGSTER_HOME": str(dagster_home.folder(settings.home)),
        # Nothing of ours reports to anybody; each of these tools would by default.
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own programs and arguments; env(1) adds to the environment and becomes the program
            ["/usr/bin/env", *(f"{key}={value}" for key, value in variables.items()), *_command(name, port=port, code_port=code_port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}" if name in HEALTH_PATHS else None
    record = _Record(name=name, pid=process.pid, port=port, url=url, token=token, log=str(log))
    _write(settings, record)
    return record


def _wait(settings: Settings, record: _Record) -> None:
    deadline = time.monotonic() + START_SECONDS
    seen = False
    while time.monotonic() < deadline:
        _reap(record.pid)
        seen = seen or _is_alive(record)
        if _serves(record):
            return
        if seen and not _is_alive(record):
            break
        time.sleep(POLL_SECONDS)
    _stop(record)
    _path(settings, record.name).unlink(missing_ok=True)
    raise ServiceError(f"{record.name} did not start: {_last_line(Path(record.log))}; see {record.log}")


def _serves(record: _Record) -> bool:
    if record.port is None:
        return _is_alive(record)
    path = HEALTH_PATHS.get(record.name)
    if path is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", record.port)) == 0
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{record.port}{path}", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(record: _Record) -> None:
    """End all processes of the service: politely, then, after STOP_SECONDS, surely."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        deadline = time.monotonic() + seconds
        for pid in _members(record.token):
            _signal(pid, number)
        while time.monotonic() < deadline:
            _reap(record.pid)
            if not any(_members(record.token)):
                return
            if number == signal.SIGKILL:  # a process may have started another one meanwhile
                for pid in _members(record.token):
                    _signal(pid, number)
            time.sleep(POLL_SECONDS)
    raise ServiceError(f"{record.name} does not end: process {record.pid} is left, see {record.log}")


def _state(settings: Settings, name: str) -> ServiceState:
    record = _read(settings, name)
    if record is None:
        return ServiceState(service=name, state="stopped", url=None, pid=None, log=None)
    if not _is_alive(record):
        return ServiceState(service=name, state="dead", url=None, pid=None, log=record.log)
    return ServiceState(service=name, state="running", url=record.url, pid=record.pid, log=record.log)


def _warehouse_state(settings: Settings) -> ServiceState:
    if not settings.is_embedded:
        return ServiceState(service="warehouse", state="external", url=settings.clickhouse_url, pid=None, log=None)
    running = embedded.running(settings.home)
    if running is None:
        return ServiceState(service="warehouse", state="stopped", url=None, pid=None, log=None)
    log = str(embedded.folder(settings.home) / "server.log")
    return ServiceState(service="warehouse", state="running", url=endpoint(settings).url, pid=running.pid, log=log)


def _is_alive(record: _Record) -> bool:
    return _carries(record.pid, record.token)


def _members(token: str) -> Iterator[int]:
    """All living processes that carry the token."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _carries(int(entry.name), token):
            yield int(entry.name)


def _carries(pid: int, token: str) -> bool:
    """Whether the process lives and was started with the token. A zombie's environment is empty."""
    try:
        return f"{MARK}={token}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended by itself


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # started by an earlier command: init reaps it


def _path(settings: Settings, name: str) -> Path:
    return settings.home / "run" / f"{name}.json"


def _read(settings: Settings, name: str) -> _Record | None:
    try:
        content: dict[str, Any] = json.loads(_path(settings, name).read_text())
    except FileNotFoundError:
        return None
    return _Record(**content)


def _write(settings: Settings, record: _Record) -> None:
    path = _path(settings, record.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(record)))
    fresh.replace(path)


def _port_for(settings: Settings, name: str) -> int | None:
    """Producers keep the address of the API, so it may be fixed; nobody else asks for a port."""
    if name == "dagster-daemon":
        return None
    return settings.api_port if name == "api" and settings.api_port else free_port()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it wrote nothing"


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Of two `up` at once, the second finds what the first has started."""
    lock = settings.home / "run" / "services.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
