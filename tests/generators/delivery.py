"""How events arrive: too late, too early, shuffled, twice, contradicting themselves, among lines that are no events.

Which of several contradicting events counts is not known here; the first one in the order of loading does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from tests.generators.chance import Chance
from tests.generators.files import render
from tests.generators.timeline import Timeline
from tests.generators.traffic import JsonObject, write_instant, write_quantity
from tests.reference.events import KINDS, Batch, Event, Junk, read_event
from tests.reference.instants import HOUR, parse_instant


def deliver(
    chance: Chance, prefix: str, timeline: Timeline, events: Sequence[JsonObject], account_ids: Sequence[str]
) -> list[tuple[Batch, ...]]:
    """The batches of each step."""
    arrivals: list[list[Event | Junk]] = [[] for _ in timeline.checkpoints]
    last = len(arrivals) - 1
    for event in events:
        due = timeline.step_of(parse_instant(cast("str", event["time"])))
        draw = chance.between(1, 100)
        # A late end shortens what a closed month has billed; until it comes the resource is billed for every hour, so not for too long.
        latest = min(due + 1, last) if event["type"] == "resource.deleted" else last
        step = due if draw <= 62 else chance.between(due, latest) if draw <= 92 else chance.between(0, due)
        arrivals[step].append(event)
        if chance.percent(12):
            arrivals[chance.pick((step, chance.between(0, last)))].append(_same_again(chance, event))
        if chance.percent(8):
            arrivals[chance.pick((step, chance.between(0, last)))].append(_contradiction(chance, event, account_ids))
        if chance.percent(3):
            arrivals[step].append(_rejected(chance, prefix, event))
    return [_batches(chance, f"{prefix}{step:02d}", lines) for step, lines in enumerate(arrivals)]


def _batches(chance: Chance, name: str, lines: list[Event | Junk]) -> tuple[Batch, ...]:
    if lines and chance.percent(15):
        lines = [*lines, *chance.some(_junk(name), 1, 3)]
    if chance.percent(65):
        lines = chance.shuffled(lines)
    if not lines:
        return ()
    parts = chance.between(1, min(3, len(lines)))
    size = -(-len(lines) // parts)
    return tuple(Batch(f"{name}-{start // size}", tuple(lines[start : start + size])) for start in range(0, len(lines), size))


def _junk(name: str) -> list[Junk]:
    """Lines that are no events, different in each step: a file equal to an earlier one would not be loaded at all."""
    return [
        Junk("", ""),
        Junk(" \t ", ""),
        Junk(f"not json {name}", "invalid_json"),
        Junk(f'{{"specversion":"1.0","id":"{name}",', "invalid_json"),
        Junk(f'["{name}"]', "not_an_object"),
        Junk(f'"{name}"', "not_an_object"),
        Junk(f'{{"{name}":1}}', "missing_field"),
    ]


def _same_again(chance: Chance, event: JsonObject) -> JsonObject:
    """Other text, equal content."""
    data = dict(cast("JsonObject", event["data"]))
    if "quantity" in data:
        read = read_event(event)
        data["quantity"] = write_quantity(chance, read.quantity) if hasattr(read, "quantity") else data["quantity"]
    if chance.percent(30):
        data["unknown_attribute"] = {"nested": [1, None, True]}
    if not data.get("project_id"):
        data["project_id"] = chance.pick((None, ""))
    again = {**event, "time": write_instant(chance, parse_instant(cast("str", event["time"]))), "data": _reordered(chance, data)}
    return _reordered(chance, again)


def _reordered(chance: Chance, holder: JsonObject) -> JsonObject:
    return {name: holder[name] for name in chance.shuffled(list(holder))}


def _contradiction(chance: Chance, event: JsonObject, account_ids: Sequence[str]) -> JsonObject:
    """The same identity with other content: another time (even of another month), owner, quantity, resource or kind."""
    data = dict(cast("JsonObject", event["data"]))
    changed = {**event, "data": data}
    aspect = chance.pick(("time", "account", "content", "subject", "kind"))
    is_usage, is_deletion = event["type"] == "usage.recorded", event["type"] == "resource.deleted"
    if aspect == "time":
        shift = chance.pick((1, HOUR, 24 * HOUR, 31 * 24 * HOUR))
        changed["time"] = write_instant(chance, parse_instant(cast("str", event["time"])) + shift)
    elif aspect == "account":
        data["account_id"] = chance.pick(account_ids)
    elif aspect == "content" and not is_deletion:
        data["quantity" if is_usage else "metrics"] = "7.5" if is_usage else {}
    elif aspect == "kind" and not is_usage:
        changed["type"] = chance.pick([kind for kind in (f"resource.{name}" for name in KINDS) if kind != event["type"]])
        data.setdefault("metrics", {})
        data.setdefault("state", "running")
    else:
        changed["subject"] = f"{event['subject']}x"
    return changed


def _rejected(chance: Chance, prefix: str, event: JsonObject) -> JsonObject | Junk:
    """The same identity as a good event's in a line that must be rejected, and so must not claim the identity."""
    good = {**event, "data": {**cast("JsonObject", event["data"])}}
    usage = {**good, "type": "usage.recorded"}
    metric = {"account_id": f"{prefix}acc0", "metric": f"{prefix}metric0"}
    spoiled: tuple[tuple[JsonObject, str], ...] = (
        ({**good, "source": ""}, "missing_field"),
        ({**good, "data": {}}, "missing_field"),
        ({**good, "specversion": "0.3"}, "unsupported_specversion"),
        ({**good, "type": "resource.resized"}, "unknown_type"),
        ({**good, "time": "2026-01-15"}, "invalid_time"),
        ({**good, "time": "2014-12-31T23:59:59Z"}, "time_too_old"),
        ({**usage, "data": {**metric, "quantity": "-1"}}, "invalid_quantity"),
        ({**usage, "data": {**metric, "quantity": "0.0000000001"}}, "invalid_quantity"),
        ({**usage, "data": {**metric, "quantity": "1000000000000000000"}}, "invalid_quantity"),
        ({**usage, "data": {**metric, "quantity": "many"}}, "invalid_quantity"),
        ({**good, "type": "resource.updated", "data": {**metric, "metrics": {}, "state": "paused"}}, "unknown_state"),
    )
    line, reason_code = chance.pick(spoiled)
    return Junk(render(line), reason_code)
