"""The clock jumps between commands, back and forth: identities are found whenever they came, and the as-of never goes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.warehouse.loader.deployments import Deployment, open_deployment
from tests.warehouse.loader.lines import lifecycle, usage
from warehouse import ticks
from warehouse.settings import Settings

# A machine without a battery, a wrong server of time, a mended one: each command sees another of these.
CLOCKS = ("2026-03-10T00:00:00Z", "2026-01-20T00:00:00Z", "2036-02-29T23:59:59Z", "2026-02-01T00:00:00Z", "2026-03-10T00:00:00Z")


@pytest.fixture
def deployment(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


def at(deployment: Deployment, now: str, *, clock: str = "event") -> Deployment:
    """The deployment as a command sees it while the clock shows `now`."""
    return replace(deployment, settings=deployment.settings.model_copy(update={"now_text": now, "clock": clock}))


def test_an_event_counts_once_whatever_the_clock_showed_when_it_came(deployment: Deployment) -> None:
    lines = [usage(id=f'"event-{number}"') for number in range(200)] + [lifecycle(id=f'"life-{number}"') for number in range(20)]
    for number, clock in enumerate(CLOCKS):
        # A blank line makes it another file; the last event is new each time.
        found = at(deployment, clock).load([*lines, *[""] * number, usage(id=f'"own-{number}"')], name=f"{number}.jsonl")
        assert (found.accepted, found.duplicates) == ((221, 0) if number == 0 else (1, 220))
    assert deployment.rows("raw.usage_events", "uniqExact(event_id), count()") == [(205, 205)]
    assert [row[0] for row in deployment.rows("ops.batches", "batch_seq", "batch_seq")] == [1, 2, 3, 4, 5]


def test_a_line_is_from_the_future_by_the_clock_of_its_load_and_is_taken_when_it_comes_again_in_time(deployment: Deployment) -> None:
    line = usage(id='"early"', time='"2026-01-25T00:00:00Z"')
    early = at(deployment, "2026-01-20T00:00:00Z").load([line], name="1.jsonl")
    mended = at(deployment, "2026-03-10T00:00:00Z").load([line, ""], name="2.jsonl")
    back = at(deployment, "2026-01-20T00:00:00Z").load([line, "", ""], name="3.jsonl")
    assert (early.rejected, mended.accepted, back.accepted) == (1, 1, 0)
    assert deployment.rows("raw.usage_events", "event_id") == [("early",)]


@pytest.mark.parametrize(
    ("clock_kind", "expected"),
    [
        # The latest event that is not after the clock, and never before the last.
        ("event", ["2026-01-15T10:03:00", "2026-01-15T10:03:00", "2026-02-01T12:00:00", "2026-02-01T12:00:00", "2026-02-01T12:00:00"]),
        # The clock itself, and never before the last.
        ("wall", ["2026-01-31T00:00:00", "2026-01-31T00:00:00", "2036-02-29T23:59:59", "2036-02-29T23:59:59", "2036-02-29T23:59:59"]),
    ],
)
def test_the_as_of_never_goes_back_with_the_clock(deployment: Deployment, clock_kind: str, expected: list[str]) -> None:
    clocks = ("2026-01-31T00:00:00Z", "2026-01-20T00:00:00Z", "2036-02-29T23:59:59Z", "2026-02-01T00:00:00Z", "2026-03-10T00:00:00Z")
    at(deployment, "2026-02-01T00:00:00Z").load([usage(id='"one"'), usage(id='"two"', time='"2026-02-01T12:00:00Z"')])
    found = []
    for clock in clocks:
        here = at(deployment, clock, clock=clock_kind)
        tick = ticks.begin(here.client, here.settings)
        ticks.commit(here.client, here.settings, tick)
        found.append(tick)
    assert [tick.as_of for tick in found] == [datetime.fromisoformat(instant).replace(tzinfo=UTC) for instant in expected]
    assert [tick.previous_tick_id for tick in found] == [0, 1, 2, 3, 4]
    assert {tick.rebuild_to for tick in found} == {ticks.EPOCH}  # a clock that goes back rebuilds nothing
