"""The HTTP door between its producers and its disk: what was answered is loaded, and what is sent again counts once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from ingestion.sources import frames
from tests.control_bench.stores import fresh_sqlite, settings_of
from tests.sources_bench.deployments import Loading
from tests.sources_bench.doors import ROOT, Door, running_door
from tests.sources_bench.events import event, lines
from tests.sources_bench.servers import wait_until
from warehouse.settings import Settings


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with running_door(settings_of(fresh_sqlite(tmp_path), tmp_path)) as door:
        yield door


@pytest.fixture
def loading(client: Client, settings: Settings, door: Door) -> Loading:
    """The embedded server is found by the home; here the spool lies in another."""
    spool = frames.folder(settings.home)
    spool.unlink(missing_ok=True)
    spool.symlink_to(frames.folder(door.settings.home))
    return Loading(client=client, settings=settings)


@pytest.mark.parametrize("framing", ["Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1000\r\n"])
def test_a_producer_that_dies_in_the_middle_of_a_request_leaves_nothing(door: Door, loading: Loading, framing: str) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {door.token}\r\nContent-Type: application/x-ndjson\r\n"
    with socket.create_connection(("127.0.0.1", door.port)) as producer:
        producer.sendall((head + framing + lines([1, 2, 3])).encode())
    assert door.send(event(4).encode()).status == 202
    loading.run()
    assert loading.numbers() == {4}


def test_a_door_that_is_killed_under_load_loses_nothing_it_answered_and_repeats_count_once(door: Door, loading: Loading) -> None:
    answered: set[int] = set()
    sent: set[int] = set()
    is_over = threading.Event()

    def produce(first: int) -> None:
        """Send until it is over; what got no answer is sent again."""
        for number in range(first, first + 100_000):
            while not is_over.is_set():
                sent.add(number)
                try:
                    if door.send(event(number).encode()).status == 202:
                        answered.add(number)
                        break
                except (OSError, HTTPException):
                    continue
            if is_over.is_set():
                return

    producers = [threading.Thread(target=produce, args=(number * 100_000,)) for number in range(4)]
    for producer in producers:
        producer.start()
    for goal in (40, 100):
        wait_until(lambda goal=goal: len(answered) >= goal)
        door.kill()
        door.start()
        loading.run()
    wait_until(lambda: len(answered) >= 140)
    is_over.set()
    for producer in producers:
        producer.join()
    loading.run()
    assert answered <= loading.numbers() <= sent


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from ingestion.door.spool import Spool
spool = Spool(Path(sys.argv[1]), limit_bytes=1 << 20)
asyncio.run(spool.append(b"answered\\n"))
real = os.{call}
def die(*arguments):
    {before}
    os.kill(os.getpid(), signal.SIGKILL)
os.{call} = die
asyncio.run(spool.append(b"written\\n"))
"""


@pytest.mark.parametrize(
    ("call", "before", "found"),
    [
        ("fdatasync", "real(*arguments)", b"answered\nwritten\n"),  # between the disk and the answer
        ("writev", "real(*arguments)", b"answered\nwritten\n"),
        ("writev", "real(arguments[0], arguments[1][:1])", b"answered\n"),  # in the middle of a frame
        ("writev", "pass", b"answered\n"),
    ],
)
def test_a_door_that_is_killed_at_any_step_leaves_whole_requests(tmp_path: Path, call: str, before: str, found: bytes) -> None:
    script = KILLED.format(call=call, before=before)
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env={"PYTHONPATH": str(ROOT), "PATH": os.defpath}, check=False)
    assert ended.returncode == -signal.SIGKILL
    (path,) = tmp_path.iterdir()
    sealed = frames.seal(path)
    assert sealed is not None
    assert b"".join(frames.payload_of(sealed)) == found
