"""Ten thousand lines of each kind that must be refused, among good ones: each is counted and kept, and holds up nobody."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client  # noqa: F401

from ingestion.loader import load_file
from tests.warehouse.loader.deployments import Deployment, open_deployment, write_lines
from tests.warehouse.loader.lines import lifecycle, usage
from warehouse.settings import Settings

MANY = 10_000
GIANTS = 40  # each weighs as much as four thousand others
GIANT_BYTES = 1_048_577
_CHANCE = random.Random(1)  # noqa: S311 - reproducible on purpose


def _rubbish(number: int) -> bytes:
    """Random bytes; the number keeps apart those that would be equal, and no line is blank."""
    return b"\x80" + _CHANCE.randbytes(60).replace(b"\n", b"\x00") + str(number).encode()


def _event(number: int, **members: str | None) -> bytes:
    return usage(id=f'"bad-{number}"', **members).encode()


# Kind -> its line of a number, and the reason.
KINDS: dict[str, tuple[Callable[[int], bytes], str]] = {
    "cut off": (lambda number: _event(number)[:-9], "invalid_json"),
    "binary rubbish": (_rubbish, "invalid_json"),
    "invalid UTF-8": (lambda number: _event(number)[:-1] + b"\xff}", "invalid_json"),
    "NUL bytes": (lambda number: b"\0" * 20 + str(number).encode(), "invalid_json"),
    "arrays in arrays": (lambda number: b"[" * 2_000 + str(number).encode(), "invalid_json"),
    "objects in objects": (lambda number: b'{"a":' * 2_000 + str(number).encode() + b"}" * 2_000, ""),
    "no object": (lambda number: f'["{number}"]'.encode(), "not_an_object"),
    "nothing in it": (lambda number: _event(number, metric=None), "missing_field"),
    "another version": (lambda number: _event(number, specversion='"0.3"'), "unsupported_specversion"),
    "unknown type": (lambda number: _event(number, type='"usage.guessed"'), "unknown_type"),
    "no time": (lambda number: _event(number, time='"2026-02-30T25:61:00Z"'), "invalid_time"),
    "before 2015": (lambda number: _event(number, time='"1970-01-01T00:00:00Z"'), "time_too_old"),
    "from the future": (lambda number: _event(number, time='"2199-01-01T00:00:00Z"'), "time_in_future"),
    "labels of a wrong type": (lambda number: _event(number, labels='"team=ml"'), "invalid_field"),
    "negative quantity": (lambda number: _event(number, quantity='"-1"'), "invalid_quantity"),
    "endless number": (lambda number: _event(number, quantity="1" * 200), "invalid_quantity"),
    "unknown state": (lambda number: lifecycle(id=f'"bad-{number}"', state='"paused"').encode(), "unknown_state"),
}


@pytest.fixture
def deployment(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("kind", KINDS)
def test_each(deployment: Deployment, kind: str, tmp_path: Path) -> None:
    line, reason = KINDS[kind]

    def lines():
        for number in range(MANY):
            yield line(number)
            if number % 10 == 0:
                yield usage(id=f'"good-{number}"').encode()

    path = write_lines(tmp_path / "p.jsonl", lines())
    t = time.monotonic()
    result = load_file(deployment.client, deployment.settings, path)
    print(
        "TIME",
        kind,
        round(time.monotonic() - t, 2),
        result.accepted,
        result.rejected,
        deployment.rows("ops.rejected_events", "DISTINCT reason_code"),
    )
