"""The ground that source benchmarks run on: a deployment of their own, empty at the start, that reads no source of the user's."""

from __future__ import annotations

import contextlib
import shutil
import socket

from warehouse import embedded
from warehouse.client import connect
from warehouse.errors import MeterhouseError
from warehouse.settings import LAYERS, Settings


class SourceBenchmarkError(MeterhouseError):
    """A source gave a wrong answer, so that its speed means nothing, or there is none to measure."""


def own_settings(settings: Settings) -> Settings:
    """The deployment of a benchmark: nothing of the user's is read, changed or dropped."""
    return settings.model_copy(
        update={
            "home": settings.home / "bench",
            "database_prefix": f"{settings.database_prefix}bench_",
            "control_url": None,
            "landing": None,
            "kafka_topics": "",
            "clock": "event",
            "now_text": None,
        }
    )


def empty(own: Settings) -> None:
    """Remove what an earlier run left in the benchmark's own deployment."""
    if own.is_embedded:
        embedded.stop(own.home)
    else:
        with contextlib.closing(connect(own)) as client:
            for layer in LAYERS:
                client.command(f"DROP DATABASE IF EXISTS {own.database(layer)} SYNC")
    if own.home.exists():
        shutil.rmtree(own.home)
    own.home.mkdir(parents=True)


def server_pids(own: Settings) -> tuple[int, ...]:
    """The warehouse's process where it runs on this machine for us."""
    state = embedded.running(own.home) if own.is_embedded else None
    return (state.pid,) if state else ()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
