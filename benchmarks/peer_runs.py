"""What a user would pick instead, on the files of the same slice in the same run. The peers' programs are in peers/.

Each peer lives in a venv of its own below the home, made here from its pinned requirements; nothing of it comes near the
product's. A peer that cannot be installed or fails is a line of the table that says so, not the end of the benchmark.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import BenchmarkError, Figure, Tell, gibibytes
from benchmarks.ground import ground
from benchmarks.limit import Limit
from benchmarks.memory import PeakMemory
from benchmarks.run import SliceFigures, bench_slice, written_slice
from benchmarks.slice import Slice
from ingestion.synthetic import Generated
from orchestration.session import open_warehouse
from warehouse import embedded
from warehouse.client import endpoint
from warehouse.settings import Settings

PROGRAMS = Path(__file__).with_name("peers")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What it is and how much of our work it does."""

    name: str  # of <name>.txt and <name>_peer.py
    does: str
    counted: tuple[str, ...]  # of its steps, those that are held against ours
    is_rating_only: bool = False
    needs_server: bool = False
    drops_duplicates: bool = False


PEERS = (
    Peer(name="duckdb", does="parse, hourly cells, price times quantity", counted=("insert", "group", "rate")),
    Peer(
        name="dlt",
        does="merge by id, hourly cells, price times quantity, with dbt on ClickHouse",
        counted=("insert (dlt)", "group and rate (dbt)"),
        needs_server=True,
        drops_duplicates=True,
    ),
    Peer(name="cloudkitty", does="hashmap rating of hourly cells", counted=("rate",), is_rating_only=True),
)


@dataclass(frozen=True, kw_only=True)
class PeerRun:
    """A peer's seconds by step, or why there are none."""

    peer: Peer
    seconds: Mapping[str, float]
    peak_bytes: int = 0
    problem: str = ""

    def figures(self, ours: SliceFigures) -> list[Figure]:
        """Its lines of the table, beside what the product took for the same and more."""
        name = self.peer.name
        if self.problem:
            return [Figure(name=f"{name}: {self.problem}", value=None, unit="")]
        beside = ours.run.tick.seconds if self.peer.is_rating_only else ours.run.seconds
        step = "raw to drafts" if self.peer.is_rating_only else "files to drafts"
        total = sum(self.seconds[step] for step in self.peer.counted)
        return [
            Figure(name=f"{name}: {self.peer.does}", value=total, beside=beside, beside_name=f"meterhouse: {step}"),
            *(Figure(name=f"{name}: {step}", value=seconds) for step, seconds in self.seconds.items()),
            Figure(name=f"{name}: peak memory", value=gibibytes(self.peak_bytes), unit="GiB"),
        ]


def figures(ours: SliceFigures, runs: list[PeerRun]) -> list[Figure]:
    """The table: the product, the limit, and each peer."""
    rows = [
        Figure(name="meterhouse: files to drafts", value=ours.run.seconds),
        Figure(name="meterhouse: raw to drafts", value=ours.run.tick.seconds),
        Figure(name="meterhouse: peak memory", value=gibibytes(ours.run.peak_bytes), unit="GiB"),
        Figure(name="limit", value=ours.limit.seconds, beside=ours.run.seconds, beside_name="meterhouse: files to drafts"),
    ]
    return rows + [figure for run in runs for figure in run.figures(ours)]


def bench_peers(settings: Settings, *, events: int, tell: Tell) -> tuple[SliceFigures, list[PeerRun]]:
    """Run the product and each peer on the same slice.

    Raises:
        BenchmarkError: the product or a peer gave a wrong answer.
        MeterhouseError: a step of the product failed.
    """
    ours = bench_slice(settings, events=events)
    tell(f"meterhouse: {ours.run.seconds:.1f} s")
    written = written_slice(settings, Slice.scaled(events))
    runs: list[PeerRun] = []
    for peer in PEERS:
        try:
            runs.append(_run(settings, peer, written, ours.limit))
        except subprocess.CalledProcessError as error:
            lines = [line for line in (error.stderr or "").splitlines() if line.strip()] or [f"exit code {error.returncode}"]
            runs.append(PeerRun(peer=peer, seconds={}, problem=f"failed: {lines[-1].strip()[:200]}"))
        tell(f"{peer.name}: {runs[-1].problem or 'done'}")
    return ours, runs


def _run(settings: Settings, peer: Peer, written: Generated, limit: Limit) -> PeerRun:
    if peer.needs_server and not settings.is_embedded:
        return PeerRun(peer=peer, seconds={}, problem="needs the embedded server; unset METERHOUSE_CLICKHOUSE_URL")
    python = installed(peer.name, settings.home / "bench-peers" / peer.name)
    arguments = [str(python), "-I", str(PROGRAMS / f"{peer.name}_peer.py"), str(written.events), str(written.catalog)]
    if not peer.needs_server:
        with PeakMemory() as memory:
            answer = _answer(arguments, {})
    else:
        with ground(settings) as here, open_warehouse(here.deployment) as client:
            database = f"{here.settings.database_prefix}peer"
            client.command(f"CREATE DATABASE {database}")
            with PeakMemory(*here.server) as memory:
                answer = _answer(arguments, _server(here.settings, database))
    events = written.accepted if peer.drops_duplicates else written.lines
    found, must = [answer[name] for name in ("events", "cells", "lines")], [events, limit.cells, limit.lines]
    if found != must:
        raise BenchmarkError(f"{peer.name} found {found} events, cells and sums; the files hold {must}")
    return PeerRun(peer=peer, seconds=answer["seconds"], peak_bytes=memory.peak_bytes)


def installed(name: str, venv: Path) -> Path:
    """The Python of a peer's venv, which is made anew where its requirements have changed.

    Raises:
        CalledProcessError: it could not be installed; `stderr` says why.
    """
    requirements = PROGRAMS / f"{name}.txt"
    mark = venv / "requirements.txt"
    if not mark.exists() or mark.read_text() != requirements.read_text():
        _call([sys.executable, "-m", "venv", "--clear", str(venv)], {})
        _call([str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)], {})
        mark.write_text(requirements.read_text())
    return venv / "bin" / "python"


def _answer(arguments: list[str], server: Mapping[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_call(arguments, server).splitlines()[-1])
    return answer


def _call(arguments: list[str], server: Mapping[str, str]) -> str:
    environment = os.environ  # noqa: TID251 - passed on, not read
    kept = {name: value for name, value in environment.items() if not name.startswith(("METERHOUSE_", "PYTHON"))}
    # None of them reports to its maker.
    silent = {"DO_NOT_TRACK": "1", "RUNTIME__DLTHUB_TELEMETRY": "false"}
    return subprocess.run(  # noqa: S603 - our own program and arguments
        arguments, env=kept | silent | dict(server), capture_output=True, text=True, check=True
    ).stdout


def _server(settings: Settings, database: str) -> dict[str, str]:
    """How a peer reaches the server that the product was measured on."""
    target, state = endpoint(settings), embedded.running(settings.home)
    return {
        "PEER_HOST": target.host,
        "PEER_HTTP_PORT": str(target.port),
        "PEER_TCP_PORT": str(state.tcp_port if state else 0),
        "PEER_USER": target.user,
        "PEER_PASSWORD": target.password,
        "PEER_DATABASE": database,
    }
