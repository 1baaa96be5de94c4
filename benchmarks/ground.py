"""Where benchmarks run: a deployment of their own below the home, and the product's commands on it as processes.

Nothing of the user's is read, changed or dropped: an own home `<home>/bench`, or databases `bench_…` on a configured
server. It is emptied before a benchmark, whatever an earlier one left there, and removed after it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import BenchmarkError, timed
from benchmarks.statements import CommandRun, read_statements
from control.settings import ControlSettings
from orchestration.catalog import apply_folder
from orchestration.deployment import Deployment
from warehouse import embedded
from warehouse.client import connect
from warehouse.errors import RefusedError
from warehouse.settings import LAYERS, Settings

# The server looks for merges every few seconds at most while there is something to merge.
_IDLE_SECONDS = 3.0


class Ground:
    """The deployment of a benchmark and what one does on it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.deployment = Deployment(settings=settings, control_settings=ControlSettings(_env_file=None))

    @property
    def landing(self) -> Path:
        """The folder that `meterhouse run` watches here."""
        return Path(str(self.settings.landing))

    @property
    def server(self) -> tuple[int, ...]:
        """The pid of the warehouse where it runs on this machine for us."""
        state = embedded.running(self.settings.home) if self.settings.is_embedded else None
        return (state.pid,) if state else ()

    def command(self, *arguments: str, name: str = "") -> CommandRun:
        """Run `meterhouse ARGUMENT…` as a user does.

        Raises:
            BenchmarkError: it failed; the message is its own.
        """
        record = self.settings.home / "run" / "statements.json"
        record.unlink(missing_ok=True)
        with timed() as watch:
            ended = subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-m", "benchmarks.recorded", str(record), *arguments],
                env=_environment(self.settings),
                cwd=self.settings.home,  # no .env of the user's is found there
                capture_output=True,
                text=True,
                check=False,
            )
        if ended.returncode:
            raise BenchmarkError(f"`meterhouse {arguments[0]}` failed: {ended.stderr.strip() or ended.returncode}")
        return CommandRun(name=name or arguments[0], seconds=watch.seconds, output=ended.stdout, statements=read_statements(record))

    def apply_catalog(self, folder: Path) -> None:
        """Apply a catalog folder."""
        with self.deployment.alone("meterhouse bench"), self.deployment.control() as control, self.deployment.warehouse() as client:
            apply_folder(control, client, self.settings, folder)

    def value(self, statement: str) -> int:
        """The one number that a statement answers. `{layer}` stands for a layer's database."""
        databases = {layer: self.settings.database(layer) for layer in LAYERS}
        with self.deployment.warehouse() as client:
            return int(client.query(statement.format(**databases)).result_rows[0][0])

    def settle(self) -> None:
        """Wait until the merges that are due have run, so that what is measured next has the machine to itself."""
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < _IDLE_SECONDS:
            time.sleep(0.2)
            if self.value("SELECT count() FROM system.merges"):
                idle_since = time.monotonic()

    def empty(self) -> None:
        """Remove everything here, and stop the server that an interrupted benchmark left."""
        if self.settings.is_embedded:
            embedded.stop(self.settings.home)
        else:
            with contextlib.closing(connect(self.settings)) as client:
                for layer in LAYERS:
                    client.command(f"DROP DATABASE IF EXISTS {self.settings.database(layer)} SYNC")
        shutil.rmtree(self.settings.home, ignore_errors=True)


@contextmanager
def ground(settings: Settings, *, folder: str = "bench", keep: bool = False) -> Iterator[Ground]:
    """An empty deployment inside the block; it is removed at its end unless it shall be kept to be looked at.

    Args:
        settings: of the user.
        folder: below the user's home.
        keep: leave it until the next benchmark.

    Raises:
        RefusedError: another benchmark runs in this home.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / f"{folder}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                f"another benchmark runs in {settings.home}; wait for it, or set METERHOUSE_HOME to another folder"
            ) from None
        here = Ground(own_settings(settings, folder))
        here.empty()
        here.landing.mkdir(parents=True)
        (here.settings.home / "run").mkdir()
        try:
            yield here
        finally:
            if not keep:
                here.empty()


def own_settings(settings: Settings, folder: str = "bench") -> Settings:
    """The benchmark's deployment beside that of the user."""
    home = settings.home / folder
    return settings.model_copy(
        update={
            "home": home,
            "database_prefix": f"{settings.database_prefix}{folder.replace('-', '_')}_",
            "control_url": None,
            "landing": str(home / "landing"),
            "kafka_topics": "",
            "clock": "event",
            "now_text": None,
        }
    )


def _environment(settings: Settings) -> dict[str, str]:
    """All that a command on this deployment sees of settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("METERHOUSE_")}  # noqa: TID251 - passed on, not read
    given = {
        "HOME": str(settings.home),
        "CLICKHOUSE_URL": settings.clickhouse_url,
        "CLICKHOUSE_USER": settings.clickhouse_user,
        "CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value(),
        "DATABASE_PREFIX": settings.database_prefix,
        "LANDING": settings.landing,
        "CLOCK": settings.clock,
    }
    return kept | {f"METERHOUSE_{name}": value for name, value in given.items() if value}
