"""Random events: metered usage and lives of resources, close to every edge there is.

Makes events as JSON objects, each once and in no particular order; when and how often they arrive is decided in `delivery`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from tests.generators.catalogs import REGIONS, Meter
from tests.generators.chance import Chance
from tests.generators.timeline import DAY, MINUTE, Moments
from tests.reference.catalog import TIME_WEIGHTED
from tests.reference.instants import HOUR, SECOND, format_instant, to_datetime

JsonObject = dict[str, object]

# Their byte order is neither that of people nor that of numbers.
_PROJECTS = ("", "prj", "Prj", "prj-10", "prj-9", "é", "z z", "it's")
_RESOURCES = ("vm-1", "vm-10", "VM-2", "b/1", "vm_1", "ü", 'quo"te', "back\\slash", "tab\tbed")
_LABELS: tuple[dict[str, str], ...] = ({}, {"team": "ml"}, {"team": "web", "env": "prod"}, {"a": ""}, {"ключ": "значение"})
_SEQUENCES = (0, 0, 1, 2, 10, 2**40)
_LARGEST_QUANTITY = 10**18
_EVENT_DECIMALS = 9
_EXACT_JSON_DIGITS = 15


@dataclass(kw_only=True)
class Traffic:
    """Events of one story so far, and what new ones are made from."""

    chance: Chance
    prefix: str
    moments: Moments
    meters: Sequence[Meter]
    account_ids: Sequence[str]
    events: list[JsonObject] = field(default_factory=list)
    identities: set[tuple[str, str]] = field(default_factory=set)

    def instant(self) -> int:
        return self.moments.instant(self.chance)

    def add(self, kind: str, subject: str, source: str, instant: int, data: JsonObject) -> JsonObject:
        """One more event, with an id whose byte order is not the order of making; seldom the id of another source's event."""
        event_id = f"{self.prefix}{self.chance.pick(('e', 'E', 'a', 'z'))}-{len(self.events)}"
        if self.events and self.chance.percent(25) and self.events[-1]["source"] != source:
            event_id = str(self.events[-1]["id"])
        event_id = event_id if (source, event_id) not in self.identities else f"{event_id}+"
        self.identities.add((source, event_id))
        event: JsonObject = {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": kind,
            "subject": subject,
            "time": write_instant(self.chance, instant),
            "data": data,
        }
        self.events.append(event)
        return event

    def source(self) -> str:
        return f"/{self.prefix}{self.chance.pick(('compute/eu', 'compute/EU', 'a'))}"

    def owner(self) -> JsonObject:
        """Who a resource belongs to, and its labels; optional attributes are absent, empty or null."""
        chance = self.chance
        data: JsonObject = {"account_id": self.account_id()}
        if chance.percent(60):
            data["project_id"] = chance.pick(_PROJECTS)
        if chance.percent(75):
            data["region"] = chance.pick(REGIONS)
        if chance.percent(50):
            data["labels"] = dict(chance.pick(_LABELS))
        if chance.percent(4):
            data[chance.pick(("project_id", "region", "labels", "sequence"))] = None
        return data

    def account_id(self) -> str:
        """Mostly the first account, so that running totals grow."""
        return self.account_ids[0] if self.chance.percent(50) else self.chance.pick(self.account_ids)

    def resource(self) -> str:
        return f"{self.prefix}{self.chance.pick(_RESOURCES)}"


def invent_events(chance: Chance, prefix: str, moments: Moments, meters: Sequence[Meter], account_ids: Sequence[str]) -> list[JsonObject]:
    """Some dozen events of a story."""
    traffic = Traffic(chance=chance, prefix=prefix, moments=moments, meters=meters, account_ids=account_ids)
    counted = [meter for meter in meters if meter.sku.aggregation != TIME_WEIGHTED]
    for meter in counted:
        for _ in range(chance.between(0, 5)):
            _record_usage(traffic, meter)
    for _ in range(chance.between(1, 5) if len(counted) < len(meters) else 0):
        _live(traffic)
    if chance.percent(12):
        _record_usage(traffic, chance.pick(meters))  # perhaps of a time-weighted SKU
    if chance.percent(12):
        _record_usage(traffic, None)
    return traffic.events


def _record_usage(traffic: Traffic, meter: Meter | None) -> None:
    """Usage of one or a few owners at a few instants, some of them equal."""
    chance = traffic.chance
    subject, source, owner = traffic.resource(), traffic.source(), traffic.owner()
    instant = traffic.instant()
    for _ in range(chance.between(1, 5)):
        if chance.percent(60):
            instant = traffic.instant()
        if chance.percent(15):
            owner = traffic.owner()
        elif chance.percent(20):
            owner = {**owner, "region": chance.pick(REGIONS)}
        if chance.percent(25):
            source = traffic.source()
        data = {**owner, "metric": meter.sku.metric if meter else f"{traffic.prefix}unheard-of", "quantity": _quantity(chance, meter)}
        if chance.percent(40):
            data["sequence"] = chance.pick(_SEQUENCES)
        if chance.percent(60):
            data["value"] = chance.pick(("u1", "u2", "U1", "", "é"))
        traffic.add("usage.recorded", subject, source, instant, data)


# Time between two changes of a resource: none, a moment, within the hour, across hours, seldom days.
_GAPS = (30 * MINUTE, 0, HOUR, 10 * MINUTE, 1, 20 * SECOND, 90 * MINUTE, 0, 5 * HOUR, 26 * HOUR)


def _live(traffic: Traffic) -> None:
    """One resource's life: changes of state, size, owner, region; perhaps a deletion, perhaps a life after it, perhaps a second source."""
    chance = traffic.chance
    subject, instant = traffic.resource(), traffic.instant()
    owner, metrics = traffic.owner(), _metrics(traffic)
    for source in dict.fromkeys(traffic.source() for _ in range(2 if chance.percent(15) else 1)):
        kind = chance.pick(("created", "started", "updated"))
        gap = 0
        for _ in range(chance.between(1, 5)):
            if chance.percent(25):
                owner = {**owner, **chance.pick((traffic.owner(), {"account_id": traffic.account_id()}))}
            if chance.percent(40):
                metrics = _metrics(traffic)
            _change(traffic, kind, subject, source, instant=instant, owner=owner, metrics=metrics)
            gap = chance.pick(_GAPS)
            instant += gap
            kind = chance.pick(("updated", "stopped", "started", "updated", "deleted", "created"))
        if chance.percent(98):
            # Most lives end soon: an open one is billed for every hour up to as-of.
            # At an equal instant its sequence might put it before the last state, hence the millisecond.
            late = chance.between(1, 4) * DAY if chance.percent(5) else int(gap == 0)
            _change(traffic, "deleted", subject, source, instant=instant + late, owner=owner, metrics={})


def _change(traffic: Traffic, kind: str, subject: str, source: str, *, instant: int, owner: JsonObject, metrics: JsonObject) -> None:
    chance = traffic.chance
    data = dict(owner)
    if kind != "deleted":
        data["metrics"] = dict(metrics)
        if kind == "updated" or chance.percent(25):
            data["state"] = chance.pick(("running", "running", "stopped"))
        if chance.percent(30):
            data["resource_type"] = "compute.instance"
    if chance.percent(40):
        data["sequence"] = chance.pick(_SEQUENCES)
    traffic.add(f"resource.{kind}", subject, source, instant, data)


def _metrics(traffic: Traffic) -> JsonObject:
    """What a resource holds: mostly time-weighted metrics, seldom one that is counted or unknown, sometimes nothing."""
    chance = traffic.chance
    weighted = [meter for meter in traffic.meters if meter.sku.aggregation == TIME_WEIGHTED]
    metrics: JsonObject = {meter.sku.metric: _quantity(chance, meter) for meter in chance.some(weighted, 1, 3)}
    if chance.percent(6):
        meter = chance.pick(traffic.meters)
        metrics[meter.sku.metric] = _quantity(chance, meter)
    if chance.percent(5):
        metrics[f"{traffic.prefix}unheard-of"] = _quantity(chance, None)
    return {} if chance.percent(4) else metrics


def _quantity(chance: Chance, meter: Meter | None) -> object:
    """An exact quantity as a JSON string or, where the contract takes it, a JSON number (an int or a Decimal)."""
    value = Fraction(chance.pick(("1", "2.5", "0"))) if meter is None else meter.unit_quantity(chance) * meter.sku.divisor
    scaled = value * 10**_EVENT_DECIMALS
    if scaled.denominator != 1 or value >= _LARGEST_QUANTITY:
        value = Fraction(1)
    return write_quantity(chance, value)


def write_quantity(chance: Chance, value: Fraction) -> object:
    """The same value in one of the forms that read equal."""
    scaled = value * 10**_EVENT_DECIMALS
    plain = Decimal((0, tuple(int(digit) for digit in str(scaled.numerator)), -_EVENT_DECIMALS))
    short = format(plain, "f").rstrip("0").rstrip(".") if plain else "0"
    form = chance.between(1, 100)
    digits = len(short.replace(".", "").lstrip("0"))
    if form > 70 and digits <= _EXACT_JSON_DIGITS:
        return int(short) if "." not in short else Decimal(short)
    if form > 60:
        return format(plain, "f")
    if form > 55 and value and digits <= 3:
        return f"{plain.normalize():E}"
    return short


def write_instant(chance: Chance, instant: int) -> str:
    """The same instant in one of the forms that read equal: other offsets, finer digits that are cut off."""
    form = chance.between(1, 100)
    if form <= 70:
        return format_instant(instant)
    if form <= 80:
        return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % SECOND:03d}{chance.pick(('000', '9', '999999'))}Z"
    sign, hours, minutes = chance.pick((("+", 3, 0), ("-", 5, 30), ("+", 14, 0), ("-", 0, 0)))
    shift = (hours * 60 + minutes) * MINUTE * (1 if sign == "+" else -1)
    return format_instant(instant + shift).removesuffix("Z") + f"{sign}{hours:02d}:{minutes:02d}"
