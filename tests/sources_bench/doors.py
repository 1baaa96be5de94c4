"""Our own HTTP door as a process of its own, and a producer that talks to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.domain.api_keys import EVENTS_WRITE
from control.services.api_keys import create_key
from orchestration.deployment import Deployment
from tests.control_bench.stores import control_settings
from tests.sources_bench.servers import running
from warehouse.ports import free_port
from warehouse.settings import Settings

NDJSON = "application/x-ndjson"
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Answer:
    """What a request got."""

    status: int
    content: dict[str, Any]
    headers: Mapping[str, str]


@dataclass(kw_only=True)
class Door:
    """A door that can be killed and started again, on the same port and home."""

    settings: Settings
    variables: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    token: str = ""
    process: subprocess.Popen[bytes] | None = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self) -> None:
        control_url = self.settings.control_url
        environment = {
            "METERHOUSE_HOME": str(self.settings.home),
            "METERHOUSE_CONTROL_URL": control_url.get_secret_value() if control_url else "",
            "PYTHONPATH": str(ROOT),
            **self.variables,
        }
        command = [sys.executable, "-m", "orchestration.api", "--port", str(self.port)]
        log = self.settings.home / "door.log"
        self.process = self._stack.enter_context(running(command, port=self.port, log=log, environment=environment))

    def kill(self) -> None:
        self._stack.close()
        self.process = None

    def send(self, body: bytes, *, content_type: str = NDJSON, token: str | None = None, **headers: str) -> Answer:
        """POST a body as this door's producer."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            own = {"Content-Type": content_type, "Authorization": f"Bearer {self.token if token is None else token}"}
            connection.request(
                "POST", "/v1/events", body=body, headers=own | {name.replace("_", "-"): value for name, value in headers.items()}
            )
            reply = connection.getresponse()
            return Answer(status=reply.status, content=json.loads(reply.read() or b"{}"), headers=dict(reply.getheaders()))


def make_key(settings: Settings, name: str = "producer") -> tuple[str, str]:
    """A key that may send events: its id and its text."""
    with Deployment(settings=settings, control_settings=control_settings()).control() as control:
        key, token = create_key(control, name, scopes=[EVENTS_WRITE], now=settings.now())
    return key.key_id, token


@contextlib.contextmanager
def running_door(settings: Settings, **variables: str) -> Iterator[Door]:
    """A door with a key, killed at the end."""
    door = Door(settings=settings, variables=variables, token=make_key(settings)[1])
    door.start()
    try:
        yield door
    finally:
        door.kill()
