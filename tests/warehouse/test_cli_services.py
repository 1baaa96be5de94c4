"""`up`, `status`, `down`: everything runs, is found again, and ends. One `up` serves all: it starts half a dozen programs."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import Home

SERVICES = ["warehouse", "dagster-code", "dagster-webserver", "dagster-daemon", "api", "dashboards"]
NOTHING = {"state": "stopped", "url": None, "pid": None, "log": None}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    home.call("down")


def processes_of(home: Home) -> set[int]:
    """Everything on this machine that was started for the home."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "environ").read_bytes() + b"\0" + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home.path).encode() in words and entry.name != str(os.getpid()):
            found.add(int(entry.name))
    return found


def get(url: str) -> tuple[int, str]:
    """Status and body; the URL is one that `up` printed."""
    with urllib.request.urlopen(url, timeout=60) as reply:  # noqa: S310 - http on this machine
        return reply.status, reply.read().decode()


def test_up_starts_everything_once_and_anew_what_died_and_down_leaves_nothing(home: Home) -> None:
    assert [row["service"] for row in home.rows("status")] == SERVICES
    assert all(row | {"service": ""} == NOTHING | {"service": ""} for row in home.rows("status"))

    started = home.rows("up")
    assert [(row["service"], row["state"]) for row in started] == [(name, "running") for name in SERVICES]
    assert home.rows("up") == started, "up again leaves what runs alone"
    assert home.rows("status") == started

    urls = {row["service"]: row["url"] for row in started}
    query = urllib.parse.quote("{repositoriesOrError{... on RepositoryConnection{nodes{jobs{name}}}}}")
    status, jobs = get(f"{urls['dagster-webserver']}/graphql?query={query}")
    assert status == 200
    assert {"tick", "month_close", "push"} <= set(re.findall(r'"name":\s*"(\w+)"', jobs))
    assert get(urls["dashboards"])[0] == 200
    assert get(f"{urls['api']}/healthz")[0] == 200
    assert get(f"{urls['api']}/docs")[0] == get(f"{urls['api']}/v1/openapi.json")[0] == 200

    before = {row["service"]: row["pid"] for row in started}
    os.kill(before["dashboards"], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while (state := home.rows("status")[-1]["state"]) == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert state == "dead"
    after = {row["service"]: row["pid"] for row in home.rows("up")}
    assert after["dashboards"] != before["dashboards"]
    assert {name: pid for name, pid in after.items() if name != "dashboards"} == {
        name: pid for name, pid in before.items() if name != "dashboards"
    }

    assert processes_of(home)
    assert [row["state"] for row in home.rows("down")] == ["stopped"] * len(SERVICES)
    assert processes_of(home) == set()
    assert list((home.path / "run").glob("*.json")) == []


def test_a_record_whose_pid_belongs_to_another_program_is_not_taken_for_a_service(home: Home) -> None:
    run = home.path / "run"
    run.mkdir(parents=True)
    record = {"name": "dashboards", "pid": os.getpid(), "port": 1, "url": "http://127.0.0.1:1", "token": "0" * 32, "log": "nowhere"}
    (run / "dashboards.json").write_text(json.dumps(record))
    assert home.rows("status")[-1]["state"] == "dead"
    home.rows("down")  # and this process still lives
    assert home.rows("status")[-1] == NOTHING | {"service": "dashboards"}
