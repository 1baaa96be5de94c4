"""Ten thousand lines of each kind that must be refused, among good ones: each is counted and kept, and holds up nobody."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warehouse.loader.deployments import Deployment, open_deployment
from tests.warehouse.loader.lines import lifecycle, usage
from warehouse.settings import Settings

MANY = 10_000
GIANTS = 40  # each weighs as much as four thousand others
GIANT_BYTES = 1_048_577
DEPTH = 1_100  # beyond what the parser follows
# CONTRACTS section 2: all there are.
REASONS = {
    "line_too_long", "invalid_json", "not_an_object", "missing_field", "unsupported_specversion", "unknown_type", "invalid_time",
    "time_too_old", "time_in_future", "invalid_field", "invalid_quantity", "unknown_state",
}  # fmt: skip
NUMBER = "@"  # in a template


def _event(**members: str | None) -> bytes:
    return usage(id=f'"bad-{NUMBER}"', **members).encode()


# Kind -> a template of its lines, and the reason.
KINDS = {
    "cut off": (_event()[:-9], "invalid_json"),
    "binary rubbish": (b"\x80\x00\xfe@\x1b\xc3\x28\x00", "invalid_json"),
    "invalid UTF-8": (_event()[:-1] + b"\xff}", "invalid_json"),
    "NUL bytes": (b"\0" * 20 + b"@", "invalid_json"),
    "arrays in arrays": (b"[" * DEPTH + b"@", "invalid_json"),
    "objects in objects": (b'{"":' * DEPTH + b"@" + b"}" * DEPTH, "invalid_json"),
    "no object": (b'["@"]', "not_an_object"),
    "nothing in it": (_event(metric=None), "missing_field"),
    "another version": (_event(specversion='"0.3"'), "unsupported_specversion"),
    "unknown type": (_event(type='"usage.guessed"'), "unknown_type"),
    "no time": (_event(time='"2026-02-30T25:61:00Z"'), "invalid_time"),
    "before 2015": (_event(time='"1970-01-01T00:00:00Z"'), "time_too_old"),
    "from the future": (_event(time='"2199-01-01T00:00:00Z"'), "time_in_future"),
    "labels of a wrong type": (_event(labels='"team=ml"'), "invalid_field"),
    "negative quantity": (_event(quantity='"-1"'), "invalid_quantity"),
    "endless number": (_event(quantity="1" * 200), "invalid_quantity"),
    "unknown state": (lifecycle(id=f'"bad-{NUMBER}"', state='"paused"').encode(), "unknown_state"),
}
GOOD = usage(id=f'"good-{NUMBER}"').encode()


@pytest.fixture
def deployment(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


def _file() -> Iterator[bytes]:
    """Lines of all kinds by turns, a good one after each turn, and the giants among the first."""
    for number in range(MANY):
        own = str(number).encode()
        yield from (template.replace(b"@", own) for template, _ in KINDS.values())
        yield GOOD.replace(b"@", own)
        if number < GIANTS:
            yield b"x" * GIANT_BYTES


def test_ten_thousand_poison_lines_of_each_kind_are_counted_and_kept_and_every_good_line_counts(deployment: Deployment) -> None:
    started = time.monotonic()
    result = deployment.load(_file())
    seconds = time.monotonic() - started

    expected = Counter({"line_too_long": GIANTS})
    for _, reason in KINDS.values():
        expected[reason] += MANY
    refused = f"{deployment.settings.database('ops')}.rejected_events"
    counted = deployment.client.query(f"SELECT reason_code, count() FROM {refused} GROUP BY reason_code").result_rows
    assert dict(counted) == expected
    lines = MANY * (len(KINDS) + 1) + GIANTS
    assert deployment.rows("ops.event_accounting") == [(result.batch_id, lines, 0, MANY, 0, 0, lines - MANY)]
    assert deployment.rows("raw.usage_events", "uniqExact(event_id), min(startsWith(event_id, 'good-'))") == [(MANY, 1)]
    # Each is kept to the byte: no two of them are equal but the giants.
    assert deployment.rows("ops.rejected_events", "uniqExact(raw_line)") == [(lines - MANY - GIANTS + 1,)]
    assert set(expected) == REASONS
    # A good line takes microseconds; nothing that a line holds may make it take milliseconds.
    assert seconds / lines < 0.001
