"""From delivered lines to accepted events: reading CloudEvents as section 2 does, and dedup by identity in the order of loading.

Which lines are rejected is not decided here: a line that the product must reject comes in as `Junk` with its reason code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import cast

from tests.reference.instants import parse_instant

# The kinds of lifecycle events in the order in which they count at one instant.
KINDS = ("created", "started", "updated", "stopped", "deleted")

Labels = tuple[tuple[str, str], ...]
Event = Mapping[str, object]


@dataclass(frozen=True)
class Junk:
    """A line that is no event: rejected with this code, or blank where the code is empty."""

    text: str
    reason_code: str


@dataclass(frozen=True)
class Batch:
    """A delivered file: its lines in order, each an event as a JSON object or junk."""

    name: str
    lines: tuple[Event | Junk, ...]


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What usage and lifecycle events share. `time` is in milliseconds since the epoch."""

    source: str
    id: str
    subject: str
    time: int
    sequence: int
    account_id: str
    project_id: str
    region: str
    labels: Labels

    @property
    def rank(self) -> tuple[int, int, str, str]:
        """Which of several events is the latest: greatest (time, sequence, id, source)."""
        return (self.time, self.sequence, self.id, self.source)


@dataclass(frozen=True, kw_only=True)
class Usage(Accepted):
    metric: str
    quantity: Fraction
    value: str


@dataclass(frozen=True, kw_only=True)
class State(Accepted):
    """A lifecycle event: the full state from its time on. `kind` is the index in KINDS."""

    kind: int
    is_running: bool
    metrics: tuple[tuple[str, Fraction], ...]

    @property
    def is_deletion(self) -> bool:
        return KINDS[self.kind] == "deleted"

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Place in the life of its (source, subject)."""
        return (self.time, self.sequence, self.kind, self.id)


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """Where the lines of one batch went; they add up to `lines`."""

    batch: str
    lines: int
    blank: int
    accepted: int
    duplicates: int
    conflicts: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The accepted events of all batches, and the accounting of each batch."""

    usage: tuple[Usage, ...]
    states: tuple[State, ...]
    accounting: tuple[Accounting, ...]


def load(batches: Iterable[Batch]) -> Loaded:
    """Accept the first event of each identity (source, id) in the order of loading.

    A later one with equal content is a duplicate, with other content a conflict; neither changes anything.
    """
    first: dict[tuple[str, str], Usage | State] = {}
    accounting = []
    for batch in batches:
        counts = {"blank": 0, "accepted": 0, "duplicates": 0, "conflicts": 0, "rejected": 0}
        for line in batch.lines:
            counts[_bucket(line, first)] += 1
        accounting.append(Accounting(batch=batch.name, lines=len(batch.lines), **counts))
    return Loaded(
        usage=tuple(event for event in first.values() if isinstance(event, Usage)),
        states=tuple(event for event in first.values() if isinstance(event, State)),
        accounting=tuple(accounting),
    )


def _bucket(line: Event | Junk, first: dict[tuple[str, str], Usage | State]) -> str:
    if isinstance(line, Junk):
        return "rejected" if line.reason_code else "blank"
    event = read_event(line)
    kept = first.setdefault((event.source, event.id), event)
    if kept is event:
        return "accepted"
    return "duplicates" if kept == event else "conflicts"


def read_event(event: Event) -> Usage | State:
    """An event that the product accepts, typed.

    Raises:
        KeyError, TypeError, ValueError: the event is not acceptable; that is an error of the caller.
    """
    data = cast("Mapping[str, object]", event["data"])
    kind = _text(event, "type")
    common = {
        "source": _text(event, "source"),
        "id": _text(event, "id"),
        "subject": _text(event, "subject"),
        "time": parse_instant(_text(event, "time")),
        "sequence": int(cast("int", data.get("sequence") or 0)),
        "account_id": _text(data, "account_id"),
        "project_id": cast("str", data.get("project_id") or ""),
        "region": cast("str", data.get("region") or ""),
        "labels": tuple(sorted(cast("Mapping[str, str]", data.get("labels") or {}).items())),
    }
    if kind == "usage.recorded":
        metric, value = _text(data, "metric"), cast("str", data.get("value") or "")
        return Usage(**common, metric=metric, quantity=_number(data["quantity"]), value=value)  # type: ignore[arg-type]  # typed above
    name = kind.removeprefix("resource.")
    state = cast("str | None", data.get("state")) or {"created": "running", "started": "running", "stopped": "stopped"}.get(name, "")
    if name != "deleted" and state not in ("running", "stopped"):
        raise ValueError(f"event {event['id']!r} carries no state")
    metrics = cast("Mapping[str, object]", data.get("metrics") or {})
    return State(
        **common,  # type: ignore[arg-type]  # typed above
        kind=KINDS.index(name),
        is_running=state == "running" and name != "deleted",
        metrics=() if name == "deleted" else tuple(sorted((metric, _number(value)) for metric, value in metrics.items())),
    )


def _text(holder: Mapping[str, object], field: str) -> str:
    value = holder[field]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{field} is not a non-empty text")
    return value


def _number(value: object) -> Fraction:
    if not isinstance(value, str | int | Decimal):
        raise TypeError(f"{value!r} is neither a text nor an exact number")
    return Fraction(value)
