"""Random catalogs that change over the steps of a story.

Rows lie on shelves with the steps in which they are part of the catalog; `at` takes the catalog of one step and leaves out rows that would
refer to rows not there. All rows together are always a folder that the product accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Generic, TypeVar

from tests.generators.chance import Chance
from tests.generators.timeline import DAY, Moments, Timeline, shared_discounts, shared_taxes
from tests.reference.catalog import (
    TIME_WEIGHTED,
    Account,
    Catalog,
    Commitment,
    Credit,
    Discount,
    Price,
    Sku,
    Tier,
)
from tests.reference.instants import HOUR, hour_of

Row = TypeVar("Row")

REGIONS = ("", "eu1", "us2")
FOREVER = 1_000


@dataclass
class Shelf(Generic[Row]):
    """Rows of one table and the steps [since, until) they are there."""

    rows: list[tuple[Row, int, int]] = field(default_factory=list)

    def add(self, row: Row, since: int = 0, until: int = FOREVER) -> None:
        self.rows.append((row, since, until))

    def at(self, step: int, keep: Callable[[Row], bool] = lambda _: True) -> tuple[Row, ...]:
        return tuple(row for row, since, until in self.rows if since <= step < until and keep(row))


@dataclass(frozen=True)
class Scale:
    """Numbers of one order of magnitude, so that extremes meet without leaving the range of an invoice total."""

    units: tuple[str, ...]
    tier_ends: tuple[str, ...]
    prices: tuple[str, ...]
    fees: tuple[str, ...]


# Most of the time, everyday numbers that hit tier ends and package sizes exactly; else the far ends of the range.
SCALES = {
    "everyday": Scale(
        units=("1", "2", "5", "10", "0.5", "0", "3", "0.1", "7", "15", "100", "1.000000001", "0.000000001", "33.333333333"),
        tier_ends=("0.5", "1", "2", "3", "5", "10", "15", "20", "50", "100", "100.000000000001"),
        prices=("1", "0.1", "0.01", "12.5", "0", "0.000000000001", "0.333333333333", "99.999999999999", "0.005", "2.345"),
        fees=("0", "0", "1", "2.5", "0.005", "100"),
    ),
    "tiny": Scale(
        units=("0.000000001", "0.000000002", "0.00000001", "0", "0.0000001"),
        tier_ends=("0.000000001", "0.000000002", "0.000000003", "0.00000001", "0.0000001"),
        prices=("1000000", "123456.789012345678", "500000", "0.5"),
        fees=("0", "0.000000000001", "0.01"),
    ),
    "huge": Scale(
        units=("1000000000000000", "999999999999999.999999999", "1e15", "123456789012345", "0", "1", "500000000000000"),
        tier_ends=("1", "500000000000000", "1000000000000000", "1999999999999999.999999999", "100000000000000000"),
        prices=("0.000000000001", "0.000001", "0.000000333333", "0"),
        fees=("0", "1000"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Meter:
    """A SKU with the scale of its quantities."""

    sku: Sku
    scale: Scale

    def unit_quantity(self, chance: Chance) -> Fraction:
        """A quantity in units of the SKU, before the divisor."""
        return Fraction(chance.pick(self.scale.units))


@dataclass(kw_only=True)
class Shelves:
    """Everything the catalogs of a story are made of."""

    moments: Moments
    meters: tuple[Meter, ...]
    is_restless: bool
    accounts: Shelf[Account] = field(default_factory=Shelf)
    skus: Shelf[Sku] = field(default_factory=Shelf)
    prices: Shelf[Price] = field(default_factory=Shelf)
    discounts: Shelf[Discount] = field(default_factory=Shelf)
    commitments: Shelf[Commitment] = field(default_factory=Shelf)
    credits: Shelf[Credit] = field(default_factory=Shelf)

    @property
    def timeline(self) -> Timeline:
        return self.moments.timeline

    @property
    def last_step(self) -> int:
        return len(self.timeline.checkpoints) - 1

    def presence(self, chance: Chance, *, late: int, gone: int) -> tuple[int, int]:
        """The steps [since, until) of a row: with these likelihoods in percent it comes later than the first or goes before the last."""
        since = chance.between(1, self.last_step) if self.is_restless and chance.percent(late) else 0
        until = chance.between(since + 1, self.last_step + 1) if self.is_restless and chance.percent(gone) else FOREVER
        return since, until

    def at(self, step: int) -> Catalog:
        """The catalog of a step."""
        accounts, skus = self.accounts.at(step), self.skus.at(step)
        known, sold = {account.account_id for account in accounts}, {sku.sku_id for sku in skus}
        scopes = {"sku": sold, "service": {sku.service for sku in skus}, "all": {""}}
        return Catalog(
            accounts=accounts,
            skus=skus,
            prices=self.prices.at(step, lambda row: row.sku_id in sold and (not row.account_id or row.account_id in known)),
            discounts=self.discounts.at(
                step,
                lambda row: row.scope_value in scopes[row.scope_type] and (not row.account_id or row.account_id in known),
            )
            + shared_discounts(),
            commitments=self.commitments.at(step, lambda row: row.sku_id in sold and row.account_id in known),
            credits=self.credits.at(step, lambda row: row.account_id in known),
            taxes=shared_taxes(step),
        )


def invent_catalogs(chance: Chance, prefix: str, moments: Moments) -> Shelves:
    """Shelves for a story whose ids all begin with the prefix."""
    meters = tuple(_invent_meters(chance, prefix))
    shelves = Shelves(moments=moments, meters=meters, is_restless=chance.percent(55))
    for meter in meters:
        shelves.skus.add(meter.sku, *shelves.presence(chance, late=6, gone=3))
    accounts = _invent_accounts(chance, prefix, shelves)
    for meter in meters:
        for currency in sorted({account.currency_code for account in accounts}):
            if chance.percent(92):
                _invent_prices(chance, shelves, meter, currency=currency, account_id="")
        for account in accounts:
            if chance.percent(15):
                _invent_prices(chance, shelves, meter, currency=account.currency_code, account_id=account.account_id)
            if chance.percent(45 if account is accounts[0] else 15):  # most traffic is the first account's
                _invent_commitments(chance, prefix, shelves, meter, account)
    _invent_discounts(chance, prefix, shelves, accounts)
    for account in accounts:
        _invent_credits(chance, prefix, shelves, account, is_main=account is accounts[0])
    return shelves


def _invent_meters(chance: Chance, prefix: str) -> list[Meter]:
    meters = []
    for number in range(chance.between(1, 5)):
        aggregation = chance.pick((TIME_WEIGHTED, "sum", "sum", TIME_WEIGHTED, "count", "max", "unique", "latest"))
        scale = SCALES[chance.pick(("everyday", "everyday", "everyday", "everyday", "tiny", "huge"))]
        if aggregation in ("count", "unique"):
            scale = SCALES["everyday"]
        region = chance.pick(("", "", "eu1"))
        sku = Sku(
            sku_id=f"{prefix}sku{number}",
            service=f"{prefix}service{chance.between(0, 1)}",
            name=f"SKU {number}",
            metric=f"{prefix}metric{number}",
            region=region,
            unit=chance.pick(("unit", "gib", "vcpu_hours")),
            aggregation=aggregation,
            billed_when=chance.pick(("", "running", "exists")) if aggregation == TIME_WEIGHTED else "",
            divisor=Fraction(chance.pick(("1", "1", "1", "3", "1000", "1073741824", "0.5"))),
        )
        meters.append(Meter(sku=sku, scale=scale))
        if region and chance.percent(60):
            elsewhere = replace(sku, sku_id=f"{sku.sku_id}-elsewhere", region="")
            if chance.percent(25):
                elsewhere = replace(elsewhere, aggregation=chance.pick(("sum", TIME_WEIGHTED)), billed_when="")
            meters.append(Meter(sku=elsewhere, scale=scale))
    return meters


def _invent_accounts(chance: Chance, prefix: str, shelves: Shelves) -> list[Account]:
    accounts = []
    for number in range(chance.pick((1, 2, 3, 2, 1, 6))):
        account = Account(
            account_id=f"{prefix}{chance.pick(('acc', 'Acc', 'acc-'))}{number}",
            name=chance.pick((f"Account {number}", 'Müller, Söhne & "Co"')),
            currency_code=chance.pick(("USD", "EUR", "JPY", "KWD")),
            country_code=chance.pick(("DE", "US", "CA", "JP", "KW")),
            tax_id=chance.pick(("", "", f"TAX{number}")),
            is_tax_exempt=chance.percent(15),
        )
        accounts.append(account)
        since = chance.between(1, shelves.last_step) if chance.percent(8) else 0
        if chance.percent(12) and since < shelves.last_step:
            change = chance.between(since + 1, shelves.last_step)
            changed = chance.pick(
                (
                    replace(account, is_tax_exempt=not account.is_tax_exempt),
                    replace(account, country_code="CA"),
                    replace(account, tax_id="TAX"),
                )
            )
            shelves.accounts.add(account, since, change)
            shelves.accounts.add(changed, change)
        else:
            shelves.accounts.add(account, since)
    return accounts


def _invent_prices(chance: Chance, shelves: Shelves, meter: Meter, *, currency: str, account_id: str) -> None:
    """Versions one after the other, some missing, some restated at a later step, some coming late or going away."""
    timeline = shelves.timeline
    cuts: set[int | None] = set()
    for _ in range(chance.pick((0, 0, 1, 1, 2))):
        cuts.add(chance.pick(timeline.month_starts) if chance.percent(50) else shelves.moments.hour(chance))
    if account_id or chance.percent(20):
        cuts.add(shelves.moments.hour(chance))
    edges = [None, *sorted(cut for cut in cuts if cut is not None), None]
    versions = list(pairwise(edges))
    if account_id and len(versions) > 1:
        versions = versions[1:]  # a contract that begins during the story beats the list price from then on
    for number, (start, end) in enumerate(versions):
        if chance.percent(8 if len(versions) == 1 else 16):
            continue
        whole_months = all(edge is None or edge in timeline.month_starts for edge in (start, end))
        models = ("per_unit", "graduated", "package", "volume", "volume") if whole_months else ("per_unit", "graduated", "package")
        price = Price(
            price_id=f"{meter.sku.sku_id}-{currency}-{account_id or 'list'}-{number}",
            sku_id=meter.sku.sku_id,
            account_id=account_id,
            currency_code=currency,
            model=chance.pick(models),
            valid_from=start,
            valid_to=end,
        )
        price = _with_terms(chance, price, meter.scale)
        since, until = shelves.presence(chance, late=7, gone=10)
        shelves.prices.add(price, since, until)
        if until < FOREVER and chance.percent(75):
            shelves.prices.add(_with_terms(chance, price, meter.scale), until)


def _with_terms(chance: Chance, price: Price, scale: Scale) -> Price:
    if price.model in ("graduated", "volume"):
        ends = [Fraction(end) for end in chance.some(scale.tier_ends, 1 if price.model == "volume" else 0, 3)]
        tiers = tuple(
            Tier(up_to=end, unit_price=Fraction(chance.pick(scale.prices)), flat_fee=Fraction(chance.pick(scale.fees)))
            for end in (*ends, None)
        )
        return replace(price, tiers=tiers)
    unit_price = Fraction(chance.pick(scale.prices))
    if price.model == "package":
        # Smaller packages at such prices would cost more a unit than the catalog accepts.
        return replace(price, unit_price=unit_price, package_size=max(Fraction(chance.pick(scale.tier_ends)), Fraction(1, 10**7)))
    return replace(price, unit_price=unit_price)


def _invent_commitments(chance: Chance, prefix: str, shelves: Shelves, meter: Meter, account: Account) -> None:
    """One to three on the same SKU, overlapping; mostly for some hours, seldom for weeks."""
    timeline = shelves.timeline
    start = max(timeline.start, shelves.moments.hour(chance))
    for number in range(chance.between(1, 3)):
        start = max(timeline.start, shelves.moments.hour(chance)) if chance.percent(30) else start
        length = chance.pick((1, 3, 6, 2, 24, 30)) * HOUR
        commitment = Commitment(
            commitment_id=f"{prefix}commit{chance.between(0, 99)}-{meter.sku.sku_id}-{account.account_id}-{number}",
            account_id=account.account_id,
            sku_id=meter.sku.sku_id,
            quantity_per_hour=Fraction(chance.pick([unit for unit in meter.scale.units if Fraction(unit)])),
            unit_price=Fraction(chance.pick(meter.scale.prices)),
            currency_code=account.currency_code,
            valid_from=start,
            valid_to=None if chance.percent(2) else start + length,
        )
        shelves.commitments.add(commitment, *shelves.presence(chance, late=8, gone=6))


def _invent_discounts(chance: Chance, prefix: str, shelves: Shelves, accounts: list[Account]) -> None:
    """Overlapping in time, scope and account. A discount on everything names its account: the others belong to other stories."""
    for number in range(chance.between(0, 4)):
        sku = chance.pick(shelves.meters).sku
        scope_type = chance.pick(("sku", "service", "all"))
        account_id = chance.pick(accounts).account_id if scope_type == "all" or chance.percent(50) else ""
        start, end = sorted((shelves.moments.hour(chance), shelves.moments.hour(chance) + chance.pick((1, 24, 24 * 30)) * HOUR))
        discount = Discount(
            discount_id=f"{prefix}discount{number}",
            account_id=account_id,
            scope_type=scope_type,
            scope_value={"sku": sku.sku_id, "service": sku.service, "all": ""}[scope_type],
            percent=Fraction(chance.pick(("10", "33.333333", "100", "12.5", "0.000001", "50"))),
            valid_from=None if chance.percent(40) else start,
            valid_to=None if chance.percent(40) else end,
        )
        if discount.valid_from is not None and discount.valid_from == discount.valid_to:
            continue
        shelves.discounts.add(discount, *shelves.presence(chance, late=12, gone=8))


def _invent_credits(chance: Chance, prefix: str, shelves: Shelves, account: Account, *, is_main: bool) -> None:
    """Small and large, some ending exactly at a month's start (no overlap) or reaching one hour into it, some granted late."""
    timeline = shelves.timeline
    minor_unit = {"USD": "0.01", "EUR": "0.01", "JPY": "1", "KWD": "0.001"}[account.currency_code]
    for number in range(chance.pick((1, 2, 3) if is_main else (0, 1, 1, 2))):
        edge = chance.pick(timeline.month_starts)
        valid_to = chance.pick((None, edge, edge + HOUR, hour_of(timeline.end) + DAY))
        valid_from = chance.pick((None, None, edge, edge - 2 * HOUR))
        if valid_from is not None and valid_to is not None and valid_from >= valid_to:
            valid_to = None
        credit = Credit(
            credit_id=f"{prefix}credit{chance.between(0, 99)}-{number}-{account.account_id}",
            account_id=account.account_id,
            amount=Fraction(chance.pick(("5", "1", "1", "2", "20", "1000", "1000000", minor_unit))),
            currency_code=account.currency_code,
            valid_from=valid_from,
            valid_to=valid_to,
        )
        shelves.credits.add(credit, chance.between(1, shelves.last_step) if chance.percent(15) else 0)
