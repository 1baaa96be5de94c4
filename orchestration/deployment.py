"""What a step of the pipeline acts on: one deployment's settings, its warehouse and its control store.

Opening a connection happens here; deciding when to start or stop a server does not (session.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control, open_control
from control.services import lease
from control.settings import ControlSettings
from warehouse.client import connect
from warehouse.settings import Settings

# One tick's whole budget: who waits longer than that waits for something that hangs, and wants to know who it is.
LEASE_WAIT_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One deployment, as it was configured. Making one connects to nothing."""

    settings: Settings
    control_settings: ControlSettings
    lease_wait_seconds: float = LEASE_WAIT_SECONDS
    client: Client | None = None  # of a run whose steps share one: each new one asks the server for all of its settings

    @property
    def home(self) -> Path:
        """Where the deployment keeps its own files."""
        return self.settings.home

    @contextmanager
    def warehouse(self) -> Iterator[Client]:
        """A client of the pipeline user."""
        if self.client is not None:
            yield self.client
            return
        with contextlib.closing(connect(self.settings)) as client:
            yield client

    def control(self) -> AbstractContextManager[Control]:
        """The control plane, its store migrated."""
        return open_control(self.settings, self.control_settings)

    @contextmanager
    def alone(self, holder: str) -> Iterator[None]:
        """Hold the lease of the pipeline: loading, ticks and closes never overlap.

        Args:
            holder: who we are, in words that another caller can use: `meterhouse run`.

        Raises:
            RefusedError: somebody else holds it for longer than `lease_wait_seconds`; the message names them.
        """
        with self.control() as control, lease.hold(control, "pipeline", holder=holder, wait_seconds=self.lease_wait_seconds):
            yield
