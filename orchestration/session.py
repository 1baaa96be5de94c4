"""The home's warehouse for as long as a command needs it.

A command uses the server that runs, else starts one and stops it at its end. Commands of one home may overlap: each
holds a shared lock while it uses the server, and the last one to end stops a server that a command started. A server
that `meterhouse up` or `meterhouse warehouse start` started is kept. The kernel drops the lock of a command that was
killed, so the next one to end stops what it left behind.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from clickhouse_connect.driver.client import Client

from orchestration.deployment import Deployment
from warehouse import embedded
from warehouse.embedded import Running
from warehouse.migrate import migrate
from warehouse.settings import Settings


@contextmanager
def warehouse_for(settings: Settings, *, meanwhile: Callable[[], object] | None = None) -> Iterator[None]:
    """The warehouse answers inside the block. For a configured server nothing is started or stopped.

    Args:
        settings: of the deployment.
        meanwhile: called while a server that had to be started comes up.
    """
    if not settings.is_embedded:
        yield
        return
    run = _run_folder(settings.home)
    with (run / "warehouse.users.lock").open("w") as users:
        _make_known(settings, run, users)
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while somebody stops the server
        try:
            with _deciding(run):
                if embedded.running(settings.home) is None:
                    _mark(run).touch()
                embedded.start(settings.home, database_prefix=settings.database_prefix, meanwhile=meanwhile)
            yield
        finally:  # also where a signal ended the command while the server was starting
            _stop_if_last(settings.home, run, users)


@contextmanager
def open_warehouse(deployment: Deployment, *, meanwhile: Callable[[], object] | None = None) -> Iterator[Client]:
    """A client of the pipeline user, with databases and tables of this version; the server is started if needed."""
    with warehouse_for(deployment.settings, meanwhile=meanwhile), deployment.warehouse() as client:
        # Of two commands that find a new home, one would read what a later migration of the other has dropped.
        with _deciding(_run_folder(deployment.home)):
            migrate(client, deployment.settings)
        yield client


def start_and_keep(settings: Settings) -> Running:
    """Start the embedded server, or find it running, and keep it until `stop`."""
    run = _run_folder(settings.home)
    with (run / "warehouse.users.lock").open("w") as users:
        _make_known(settings, run, users)
        fcntl.flock(users, fcntl.LOCK_SH)
        with _deciding(run):
            state = embedded.start(settings.home, database_prefix=settings.database_prefix)
            _mark(run).unlink(missing_ok=True)
        return state


def stop(settings: Settings) -> bool:
    """Stop the embedded server, whoever uses it. Returns whether one was running."""
    run = _run_folder(settings.home)
    with _deciding(run):
        _mark(run).unlink(missing_ok=True)
        return embedded.stop(settings.home)


def _make_known(settings: Settings, run: Path, users: IO[str]) -> None:
    """Restart a server that runs without grants on the databases of this prefix, once no command uses it.

    The engine reads what the analyst may see when it starts, and never again.
    """
    if embedded.running(settings.home) is None or embedded.serves(settings.home, database_prefix=settings.database_prefix):
        return
    fcntl.flock(users, fcntl.LOCK_EX)
    with _deciding(run):
        if not embedded.serves(settings.home, database_prefix=settings.database_prefix):
            embedded.restart(settings.home, database_prefix=settings.database_prefix)


def _stop_if_last(home: Path, run: Path, users: IO[str]) -> None:
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another command uses the server and will stop it
    with _deciding(run):
        if _mark(run).exists():
            embedded.stop(home)
            _mark(run).unlink(missing_ok=True)


def _mark(run: Path) -> Path:
    """Exists while the server that runs was started by a command for itself."""
    return run / "warehouse.temporary"


@contextmanager
def _deciding(run: Path) -> Iterator[None]:
    """One process of a home at a time starts, stops or migrates the server, or changes who keeps it."""
    with (run / "warehouse.decide.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run_folder(home: Path) -> Path:
    run = home / "run"
    run.mkdir(parents=True, exist_ok=True)
    return run
