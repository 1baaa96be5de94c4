"""Stories of usage on many days of which much comes late: it moves the running totals of days that are rated already.

Every price model, contracts, prices and commitments that change within a month, in quantities that meet the boundaries of
their prices now and then. Random stories (worlds) hit few days; here a month has many between a late event and its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from tests.generators.chance import Chance
from tests.generators.stories import Step, Story
from tests.generators.timeline import DAY, THREE_MONTHS, Timeline, shared_discounts, shared_taxes
from tests.generators.traffic import JsonObject
from tests.reference import Batch, Catalog
from tests.reference.catalog import TIME_WEIGHTED, Account, Commitment, Discount, Price, Sku, Tier
from tests.reference.instants import HOUR, format_instant

_MODELS = ("per_unit", "graduated", "graduated", "volume", "package")
_TIERS = (
    (Tier(up_to=None, unit_price=Fraction(3), flat_fee=Fraction(7)),),
    (Tier(up_to=Fraction(10), unit_price=Fraction(0)), Tier(up_to=None, unit_price=Fraction(2))),
    (
        Tier(up_to=Fraction(5), unit_price=Fraction(3), flat_fee=Fraction(1)),
        Tier(up_to=Fraction(40), unit_price=Fraction(2)),
        Tier(up_to=None, unit_price=Fraction("0.333333333333"), flat_fee=Fraction(5)),
    ),
)


def late_stories(count: int, *, timeline: Timeline = THREE_MONTHS) -> list[Story]:
    """Several, each with its own prefix, ready to be merged with other stories of the timeline."""
    return [_late_story(Chance.seeded(seed), f"l{seed:05d}-", timeline) for seed in range(count)]


def _late_story(chance: Chance, prefix: str, timeline: Timeline) -> Story:
    accounts = tuple(Account(account_id=f"{prefix}{name}", currency_code=chance.pick(("USD", "JPY")), country_code="US") for name in "ab")
    skus = tuple(
        Sku(sku_id=f"{prefix}{number}", service="late", metric=f"{prefix}{number}", aggregation=chance.pick(("sum", "sum", TIME_WEIGHTED)))
        for number in range(3)
    )
    catalog = Catalog(
        accounts=accounts,
        skus=skus,
        prices=tuple(price for sku in skus for price in _prices(chance, sku, accounts, timeline)),
        discounts=(*_discounts(chance, prefix, accounts, timeline), *shared_discounts()),
        commitments=tuple(
            commitment
            for sku in skus
            for account in accounts
            if chance.percent(30)
            for commitment in [_commitment(chance, sku, account, timeline)]
        ),
        credits=(),
        taxes=(),
    )
    # An account or a price that comes later rates what waited for it.
    first = replace(catalog, accounts=accounts[:1]) if chance.percent(20) else catalog
    known = {account.account_id for account in first.accounts}
    first = replace(
        first,
        prices=tuple(row for row in first.prices if row.account_id in ("", *known)),
        discounts=tuple(row for row in first.discounts if row.account_id in ("", *known)),
        commitments=tuple(row for row in first.commitments if row.account_id in known),
    )
    arrivals: list[list[JsonObject]] = [[] for _ in timeline.checkpoints]
    for instant, event in _events(chance, prefix, skus, accounts, timeline):
        due = timeline.step_of(instant)
        # Until an end comes the machine is billed for every hour: seldom late, or there is little else to compute.
        latest = min(due + int(chance.percent(10)), 1) if event["type"] == "resource.deleted" else len(arrivals) - 1
        arrivals[chance.between(due, max(due, latest)) if chance.percent(40) else due].append(event)
    steps = tuple(
        Step(
            catalog=replace(first if number < 2 else catalog, taxes=shared_taxes(number)),
            batches=(Batch(f"{prefix}{number:02d}", tuple(events)),) if events else (),
            as_of=checkpoint.as_of,
            closes=checkpoint.closes,
        )
        for number, (checkpoint, events) in enumerate(zip(timeline.checkpoints, arrivals, strict=True))
    )
    return Story(name=prefix.rstrip("-"), steps=steps)


def _instant(chance: Chance, timeline: Timeline) -> int:
    """The start of an hour; most in the days before the first as-ofs, which most late events follow."""
    end = timeline.checkpoints[1].as_of if chance.percent(70) else timeline.end - HOUR
    return timeline.start + chance.between(0, (end - timeline.start) // HOUR - 1) * HOUR


def _prices(chance: Chance, sku: Sku, accounts: Sequence[Account], timeline: Timeline) -> Iterator[Price]:
    for currency in ("USD", "JPY"):
        cut = None if chance.percent(50) else _instant(chance, timeline)
        spans: list[tuple[int | None, int | None]] = [(None, cut)] if cut is None else [(None, cut), (cut, None)]
        for number, (start, end) in enumerate(spans):
            if number and chance.percent(15):
                continue  # usage without a price counts in the total all the same
            yield _price(chance, sku, currency, "", number, start=start, end=end)
    for account in accounts:
        if chance.percent(25):
            yield _price(chance, sku, account.currency_code, account.account_id, 0, start=_instant(chance, timeline), end=None)


def _price(chance: Chance, sku: Sku, currency: str, account_id: str, number: int, *, start: int | None, end: int | None) -> Price:
    # A volume price is valid for whole months.
    model = chance.pick(_MODELS if start is None and end is None else tuple(name for name in _MODELS if name != "volume"))
    return Price(
        price_id=f"{sku.sku_id}-{currency}-{account_id or 'list'}-{number}",
        sku_id=sku.sku_id,
        account_id=account_id,
        currency_code=currency,
        model=model,
        unit_price=Fraction(0) if model in ("graduated", "volume") else Fraction(chance.between(1, 9)),
        package_size=Fraction(chance.pick(("1", "4", "25"))) if model == "package" else Fraction(1),
        tiers=chance.pick(_TIERS) if model in ("graduated", "volume") else (),
        valid_from=start,
        valid_to=end,
    )


def _discounts(chance: Chance, prefix: str, accounts: Sequence[Account], timeline: Timeline) -> Iterator[Discount]:
    if chance.percent(50):
        account_id = chance.pick(accounts).account_id
        start = _instant(chance, timeline)
        yield Discount(
            discount_id=f"{prefix}off",
            account_id=account_id,
            scope_type="all",
            percent=Fraction(10),
            valid_from=start,
            valid_to=start + 5 * DAY,
        )


def _commitment(chance: Chance, sku: Sku, account: Account, timeline: Timeline) -> Commitment:
    start = _instant(chance, timeline)
    return Commitment(
        commitment_id=f"{sku.sku_id}-{account.account_id}-reserved",
        account_id=account.account_id,
        sku_id=sku.sku_id,
        quantity_per_hour=Fraction(chance.pick(("1", "2", "0.5"))),
        unit_price=Fraction(1),
        currency_code=account.currency_code,
        valid_from=start,
        valid_to=start + chance.pick((5, 30, 50)) * HOUR,
    )


def _events(
    chance: Chance, prefix: str, skus: Sequence[Sku], accounts: Sequence[Account], timeline: Timeline
) -> Iterator[tuple[int, JsonObject]]:
    for number in range(45):
        sku, account, instant = chance.pick(skus), chance.pick(accounts), _instant(chance, timeline)
        owner: JsonObject = {"account_id": account.account_id}
        subject = f"{prefix}{chance.pick('xyz')}{sku.sku_id}"
        if sku.aggregation != TIME_WEIGHTED:
            quantity = chance.pick(("1", "2", "3", "0.5", "8", "30", "0"))
            data = {**owner, "metric": sku.metric, "quantity": quantity}
            yield instant, _event(f"{prefix}{number}", "usage.recorded", subject, instant, data)
            continue
        # A machine that lives some hours; where its end comes late, hours that were billed go away.
        held: JsonObject = {"metrics": {sku.metric: chance.pick(("1", "2", "0.25"))}}
        ended = instant + chance.between(1, 30) * HOUR
        for kind, at, holds in (("started", instant, held), ("deleted", ended, {})):
            yield at, _event(f"{prefix}{number}-{kind}", f"resource.{kind}", f"{subject}{number}", at, {**owner, **holds})


def _event(event_id: str, kind: str, subject: str, instant: int, data: JsonObject) -> JsonObject:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/late",
        "type": kind,
        "subject": subject,
        "time": format_instant(instant),
        "data": data,
    }
