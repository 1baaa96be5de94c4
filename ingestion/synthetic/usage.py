"""usage.recorded events: what buckets, backup vaults and model endpoints report.

Each resource reports its metrics in a fixed rhythm, like an agent does. The event at index k is a pure function of
(shape, k), so blocks of any size give the same lines and memory does not grow with the number of events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ingestion.synthetic.landscape import REGION_UTC_HOURS, REGIONS, Landscape, Owner, label_text
from ingestion.synthetic.numbers import Words, draw, draws, key
from ingestion.synthetic.shape import HOUR_MS, MILLION, SPAN_MS, START, Shape, spread

GIB = 1 << 30
QUOTE = '"'
LATE_BY_MS = 48 * HOUR_MS  # the longest an agent is cut off; longer only widens what a tick recomputes
START_MS = int(START.timestamp()) * 1000
# Events a block: large enough that numpy's cost per call vanishes, small enough for a few tens of MB.
BLOCK = 1 << 16
# The metric that no SKU of the generated catalog names.
UNKNOWN_METRIC = "storage.archive_bytes"

# Load in thousandths of the mean, by local hour: quiet nights, two peaks. The mean of the 24 is 1000.
_DAY = (
    520,
    450,
    400,
    380,
    400,
    480,
    640,
    860,
    1120,
    1320,
    1420,
    1440,
    1360,
    1340,
    1420,
    1440,
    1400,
    1300,
    1220,
    1180,
    1150,
    1080,
    920,
    760,
)


@dataclass(frozen=True, kw_only=True)
class Meter:
    """One metric of a kind of resource.

    `behaviour` says what a report is: `level` (bytes held, growing over the month), `flow` (an amount since the last report,
    by the hour of day), `one` (an occurrence), `person` (an occurrence with the user in `value`).
    """

    metric: str
    behaviour: str
    reports: int = 1  # a cycle
    least: int = 1  # bytes held, amount an hour, or number of different users
    most: int = 1
    is_number: bool = False  # quantity as a JSON number, not a string


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of resource that reports usage."""

    service: str
    prefix: str
    words: tuple[str, ...]
    meters: tuple[Meter, ...]


_BUCKET = Kind(
    service="storage",
    prefix="bucket",
    words=("datasets", "checkpoints", "logs", "media"),
    meters=(
        # 200 GiB to 12 TiB: what teams that train models keep in one bucket.
        Meter(metric="storage.stored_bytes", behaviour="level", least=200 * GIB, most=12_288 * GIB, is_number=True),
        Meter(metric="storage.egress_bytes", behaviour="flow", least=GIB // 4, most=6 * GIB),
        Meter(metric="storage.api_request", behaviour="one", reports=3),
    ),
)
_ENDPOINT = Kind(
    service="inference",
    prefix="ep",
    words=("chat", "embed", "vision"),
    meters=(
        # Half a million to six million tokens an hour: one busy assistant.
        Meter(metric="inference.tokens", behaviour="flow", least=500_000, most=6_000_000, is_number=True),
        Meter(metric="inference.user", behaviour="person", reports=4, least=20, most=400),
    ),
)
_VAULT = Kind(
    service="backup",
    prefix="vault",
    words=("daily", "weekly"),
    meters=(Meter(metric="backup.stored_bytes", behaviour="level", least=100 * GIB, most=4_096 * GIB),),
)
_KINDS = (_BUCKET, _ENDPOINT, _BUCKET, _VAULT)
# Reports a cycle of the four kinds together, and the resources they are.
_REPORTS_OF_ALL = sum(meter.reports for kind in _KINDS for meter in kind.meters)
# More resources than this an account and each reports more often instead; 40 is a mid-sized team.
_MOST_PER_ACCOUNT = 40


class _Slots:
    """All reports of one cycle, one place each: text around the changing values, and what the values are drawn from."""

    def __init__(self, cycle: int) -> None:
        self.before: list[str] = []  # between id and time
        self.between: list[str] = []  # between time and quantity
        self.after: list[str] = []  # after quantity
        self.metric: list[str] = []
        self.base = np.zeros(cycle, np.uint64)  # quantity before growth, hour of day and noise
        self.growth = np.zeros(cycle, np.uint64)  # thousandths by the end of the span, of levels; else 0
        self.is_flow = np.zeros(cycle, np.bool_)
        self.local_hours = np.zeros(cycle, np.uint64)  # to add to UTC, 0 to 23
        self.users = np.zeros(cycle, np.uint64)  # different users, 0 where the report names none


@dataclass(frozen=True)
class UsageBlock:
    """Consecutive usage lines in order of arrival."""

    lines: list[str]
    arrived_ms: Words  # since START, ascending


def usage(shape: Shape, landscape: Landscape) -> Iterator[UsageBlock]:
    """All usage lines of a shape, without line ends, in blocks."""
    if not shape.usage:
        return
    slots = _slots(shape, landscape)
    unrated = 0
    for first in range(0, shape.usage, BLOCK):
        last = min(first + BLOCK, shape.usage)
        block = _block(shape, slots, np.arange(first, last, dtype=np.uint64))
        while unrated < shape.unrated and (index := spread(unrated, count=shape.unrated, total=shape.usage)) < last:
            block.lines[index - first] = _with_unknown_metric(block.lines[index - first], slots.metric[index % len(slots.metric)])
            unrated += 1
        yield block


def _with_unknown_metric(line: str, metric: str) -> str:
    return line.replace(f'"metric":"{metric}"', f'"metric":"{UNKNOWN_METRIC}"')


def _block(shape: Shape, slots: _Slots, indices: Words) -> UsageBlock:
    slot = indices % np.uint64(len(slots.metric))
    gap = max(1, SPAN_MS // shape.usage)
    jitter = draws(key(shape.seed, "usage jitter"), indices) % np.uint64(gap)
    arrived = indices * np.uint64(SPAN_MS) // np.uint64(shape.usage) + jitter
    happened = _happened(shape, indices, arrived)
    noise = draws(key(shape.seed, "usage noise"), indices)
    quantity = _quantity(slots, slot, happened, noise)
    times = np.datetime_as_string((happened + np.uint64(START_MS)).astype("datetime64[ms]")).tolist()
    ids = draws(key(shape.seed, "usage id"), indices).tolist()
    before, between, after = slots.before, slots.between, slots.after
    lines = [
        f'{{"specversion":"1.0","id":"{name:016x}{before[at]}{time}{between[at]}{amount}{after[at]}'
        for name, at, time, amount in zip(ids, slot.tolist(), times, quantity.tolist(), strict=True)
    ]
    return UsageBlock(lines, arrived)


def _happened(shape: Shape, indices: Words, arrived: Words) -> Words:
    """When the usage was, in ms since START: at arrival, or earlier where the agent was cut off."""
    word = draws(key(shape.seed, "usage lateness"), indices)
    is_late = word % np.uint64(MILLION) < np.uint64(shape.late_ppm)
    delay = np.minimum((word >> np.uint64(24)) % np.uint64(LATE_BY_MS), arrived)
    return np.where(is_late, arrived - delay, arrived)


def _quantity(slots: _Slots, slot: Words, happened: Words, noise: Words) -> Words:
    """The number each report tells: its quantity, or of a person the user's number."""
    thousand = np.uint64(1000)
    base = slots.base[slot]
    grown = base + base * (slots.growth[slot] * happened // np.uint64(SPAN_MS)) // thousand
    local_hour = (happened // np.uint64(HOUR_MS) + slots.local_hours[slot]) % np.uint64(24)
    flowing = base * np.array(_DAY, dtype=np.uint64)[local_hour] // thousand * (np.uint64(600) + noise % np.uint64(801)) // thousand
    users = slots.users[slot]
    person = (noise >> np.uint64(8)) % np.maximum(users, np.uint64(1))
    return np.where(users > 0, person, np.where(slots.is_flow[slot], flowing, grown))


def _slots(shape: Shape, landscape: Landscape) -> _Slots:
    stream = key(shape.seed, "reporters")
    hours = SPAN_MS // HOUR_MS
    # As many resources as can report each metric about once an hour, but one an account at least.
    wanted = shape.usage * len(_KINDS) // (hours * _REPORTS_OF_ALL)
    count = max(shape.accounts, min(wanted, _MOST_PER_ACCOUNT * shape.accounts))
    reporters = [(landscape.owner(index, draw(stream, index)), _KINDS[index % len(_KINDS)], index) for index in range(count)]
    cycle = sum(meter.reports for _, kind, _ in reporters for meter in kind.meters)
    interval_ms = max(1, SPAN_MS * cycle // shape.usage)
    slots = _Slots(cycle)
    # By hash, so that accounts alternate in the file as they do in a real stream.
    for owner, kind, index in sorted(reporters, key=lambda reporter: draw(stream, (1 << 40) + reporter[2])):
        _add_reporter(slots, owner, kind, index, word=draw(stream, (2 << 40) + index), interval_ms=interval_ms)
    return slots


def _add_reporter(slots: _Slots, owner: Owner, kind: Kind, index: int, *, word: int, interval_ms: int) -> None:
    region = owner.region(word)
    subject = f"{kind.prefix}-{owner.customer.slug}-{kind.words[(word >> 8) % len(kind.words)]}-{index + 1}"
    source = f"/{kind.service}/{REGIONS[region]}"
    data = f'"account_id":"{owner.customer.account_id}","project_id":"{owner.project(word >> 16)}","region":"{REGIONS[region]}"'
    for position, meter in enumerate(kind.meters):
        size = meter.least + draw(word, position) % (meter.most - meter.least + 1)
        opening = '"quantity":"1","value":"user-' if meter.behaviour == "person" else f'"quantity":{"" if meter.is_number else QUOTE}'
        closing = "" if meter.is_number else QUOTE
        for _ in range(meter.reports):
            at = len(slots.metric)
            slots.before.append(f'","source":"{source}","type":"usage.recorded","subject":"{subject}","time":"')
            slots.between.append(f'Z","data":{{{data},"metric":"{meter.metric}",{opening}')
            slots.after.append(f'{closing},"labels":{label_text(word >> 24)}}}}}')
            slots.metric.append(meter.metric)
            slots.users[at] = size if meter.behaviour == "person" else 0
            slots.local_hours[at] = REGION_UTC_HOURS[region] % 24
            slots.is_flow[at] = meter.behaviour == "flow"
            # Up to 40 % more by the end of the month: buckets that nobody empties.
            slots.growth[at] = draw(word, 100 + position) % 401 if meter.behaviour == "level" else 0
            slots.base[at] = {"level": size, "flow": size * interval_ms // HOUR_MS}.get(meter.behaviour, 1)
