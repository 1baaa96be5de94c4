"""The catalog of section 3: typed rows, the look-ups that billing asks of them, and reading a folder of CSV files.

It trusts its rows: the refusal of bad folders is the product's work. Which row applies to an hour is decided here, what it costs is not.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from tests.reference.instants import HOUR, month_end, month_start, parse_catalog_instant

TIME_WEIGHTED = "time_weighted"


@dataclass(frozen=True, kw_only=True)
class Valid:
    """A validity [valid_from, valid_to) in milliseconds; None is unbounded."""

    valid_from: int | None = None
    valid_to: int | None = None

    def is_valid(self, instant: int) -> bool:
        """Whether the instant lies in the validity."""
        return (self.valid_from is None or self.valid_from <= instant) and (self.valid_to is None or instant < self.valid_to)

    def overlaps_month(self, period: str) -> bool:
        """Whether the validity and the month share an instant."""
        starts_before_end = self.valid_from is None or self.valid_from < month_end(period)
        return starts_before_end and (self.valid_to is None or self.valid_to > month_start(period))


@dataclass(frozen=True, kw_only=True)
class Account:
    account_id: str
    currency_code: str
    country_code: str
    is_tax_exempt: bool = False
    tax_id: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Sku:
    sku_id: str
    service: str
    metric: str
    aggregation: str
    region: str = ""
    unit: str = "unit"
    billed_when: str = ""
    divisor: Fraction = Fraction(1)
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A tier (previous up_to, up_to]; the last one's up_to is None."""

    up_to: Fraction | None
    unit_price: Fraction
    flat_fee: Fraction = Fraction(0)


@dataclass(frozen=True, kw_only=True)
class Price(Valid):
    price_id: str
    sku_id: str
    currency_code: str
    model: str
    account_id: str = ""
    unit_price: Fraction = Fraction(0)
    package_size: Fraction = Fraction(1)
    tiers: tuple[Tier, ...] = ()

    @cached_property
    def ladder(self) -> tuple[tuple[Fraction, Fraction, Tier], ...]:
        """Each tier with the total at which it begins and what a graduated price costs up to there, its own flat fee left out."""
        steps, lower, below = [], Fraction(0), Fraction(0)
        for tier in self.tiers:
            steps.append((lower, below, tier))
            if tier.up_to is not None:
                below += tier.flat_fee + (tier.up_to - lower) * tier.unit_price
                lower = tier.up_to
        return tuple(steps)


@dataclass(frozen=True, kw_only=True)
class Discount(Valid):
    discount_id: str
    scope_type: str
    percent: Fraction
    scope_value: str = ""
    account_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Commitment(Valid):
    commitment_id: str
    account_id: str
    sku_id: str
    quantity_per_hour: Fraction
    unit_price: Fraction
    currency_code: str


@dataclass(frozen=True, kw_only=True)
class Credit(Valid):
    credit_id: str
    account_id: str
    amount: Fraction
    currency_code: str


@dataclass(frozen=True, kw_only=True)
class Tax(Valid):
    country_code: str
    tax_name: str
    percent: Fraction


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The whole catalog at one moment."""

    accounts: tuple[Account, ...] = ()
    skus: tuple[Sku, ...] = ()
    prices: tuple[Price, ...] = ()
    discounts: tuple[Discount, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    credits: tuple[Credit, ...] = ()
    taxes: tuple[Tax, ...] = ()

    @cached_property
    def account_by_id(self) -> dict[str, Account]:
        return {account.account_id: account for account in self.accounts}

    @cached_property
    def sku_by_id(self) -> dict[str, Sku]:
        return {sku.sku_id: sku for sku in self.skus}

    @cached_property
    def _sku_by_meter(self) -> dict[tuple[str, str], Sku]:
        return {(sku.metric, sku.region): sku for sku in self.skus}

    def sku_of(self, metric: str, region: str) -> Sku | None:
        """The SKU of a metric in a region, else the one of the metric without a region."""
        return self._sku_by_meter.get((metric, region)) or self._sku_by_meter.get((metric, ""))

    @cached_property
    def _prices_by_target(self) -> dict[tuple[str, str, str], list[Price]]:
        found: dict[tuple[str, str, str], list[Price]] = defaultdict(list)
        for price in self.prices:
            found[price.sku_id, price.account_id, price.currency_code].append(price)
        return found

    def list_price(self, account: Account, sku_id: str, hour: int) -> Price | None:
        """The list price in the account's currency at the start of the hour."""
        return _first_valid(self._prices_by_target.get((sku_id, "", account.currency_code), ()), hour)

    def price(self, account: Account, sku_id: str, hour: int) -> Price | None:
        """The price that applies: the account's contract price in its currency, else the list price."""
        contracts = self._prices_by_target.get((sku_id, account.account_id, account.currency_code), ())
        return _first_valid(contracts, hour) or self.list_price(account, sku_id, hour)

    def discount(self, account: Account, sku: Sku, hour: int) -> Discount | None:
        """The valid discount with the narrowest scope, then the larger percent, then the smaller id."""
        for scope in (("sku", sku.sku_id), ("service", sku.service), ("all", "")):
            candidates = [
                discount
                for account_id in ("", account.account_id)
                for discount in self._discounts_by_scope.get((account_id, *scope), ())
                if discount.is_valid(hour)
            ]
            if candidates:
                return min(candidates, key=lambda each: (-each.percent, each.discount_id))
        return None

    @cached_property
    def _discounts_by_scope(self) -> dict[tuple[str, str, str], list[Discount]]:
        found: dict[tuple[str, str, str], list[Discount]] = defaultdict(list)
        for discount in self.discounts:
            found[discount.account_id, discount.scope_type, discount.scope_value if discount.scope_type != "all" else ""].append(discount)
        return found

    @cached_property
    def commitments_by_target(self) -> dict[tuple[str, str], list[Commitment]]:
        """Commitments of (account_id, sku_id) in the order in which they apply: by id."""
        found: dict[tuple[str, str], list[Commitment]] = defaultdict(list)
        for commitment in sorted(self.commitments, key=lambda each: each.commitment_id):
            found[commitment.account_id, commitment.sku_id].append(commitment)
        return found

    def tax_percent(self, account: Account, period: str) -> Fraction:
        """Sum of the rates of the account's country at the start of the month's last hour; 0 for an exempt account."""
        if account.is_tax_exempt:
            return Fraction(0)
        last_hour = month_end(period) - HOUR
        return sum((tax.percent for tax in self.taxes if tax.country_code == account.country_code and tax.is_valid(last_hour)), Fraction(0))


def _first_valid(prices: Iterable[Price], hour: int) -> Price | None:
    return next((price for price in prices if price.is_valid(hour)), None)


def read_catalog(folder: Path) -> Catalog:
    """Read a folder of section 3's CSV files; files that are absent are empty.

    Raises:
        KeyError, ValueError: a column is missing or a cell is not readable.
    """
    tiers: dict[str, list[tuple[int, Tier]]] = defaultdict(list)
    for row in _rows(folder / "price_tiers.csv"):
        tier = Tier(up_to=_number(row["up_to"]), unit_price=_amount(row["unit_price"]), flat_fee=_amount(row["flat_fee"]))
        tiers[row["price_id"]].append((int(row["tier"]), tier))
    return Catalog(
        accounts=tuple(
            Account(
                account_id=row["account_id"],
                name=row["name"],
                currency_code=row["currency_code"],
                country_code=row["country_code"],
                tax_id=row["tax_id"],
                is_tax_exempt=row["is_tax_exempt"] == "true",
            )
            for row in _rows(folder / "accounts.csv")
        ),
        skus=tuple(
            Sku(
                sku_id=row["sku_id"],
                service=row["service"],
                name=row["name"],
                metric=row["metric"],
                region=row["region"],
                unit=row["unit"],
                aggregation=row["aggregation"],
                billed_when=row["billed_when"],
                divisor=_number(row["divisor"]) or Fraction(1),
            )
            for row in _rows(folder / "skus.csv")
        ),
        prices=tuple(
            Price(
                price_id=row["price_id"],
                sku_id=row["sku_id"],
                account_id=row["account_id"],
                currency_code=row["currency_code"],
                model=row["model"],
                unit_price=_amount(row["unit_price"]),
                package_size=_number(row["package_size"]) or Fraction(1),
                tiers=tuple(tier for _, tier in sorted(tiers[row["price_id"]], key=lambda numbered: numbered[0])),
                valid_from=parse_catalog_instant(row["valid_from"]),
                valid_to=parse_catalog_instant(row["valid_to"]),
            )
            for row in _rows(folder / "prices.csv")
        ),
        discounts=tuple(
            Discount(
                discount_id=row["discount_id"],
                account_id=row["account_id"],
                scope_type=row["scope_type"],
                scope_value=row["scope_value"],
                percent=_amount(row["percent"]),
                valid_from=parse_catalog_instant(row["valid_from"]),
                valid_to=parse_catalog_instant(row["valid_to"]),
            )
            for row in _rows(folder / "discounts.csv")
        ),
        commitments=tuple(
            Commitment(
                commitment_id=row["commitment_id"],
                account_id=row["account_id"],
                sku_id=row["sku_id"],
                quantity_per_hour=_amount(row["quantity_per_hour"]),
                unit_price=_amount(row["unit_price"]),
                currency_code=row["currency_code"],
                valid_from=parse_catalog_instant(row["valid_from"]),
                valid_to=parse_catalog_instant(row["valid_to"]),
            )
            for row in _rows(folder / "commitments.csv")
        ),
        credits=tuple(
            Credit(
                credit_id=row["credit_id"],
                account_id=row["account_id"],
                amount=_amount(row["amount"]),
                currency_code=row["currency_code"],
                valid_from=parse_catalog_instant(row["valid_from"]),
                valid_to=parse_catalog_instant(row["valid_to"]),
            )
            for row in _rows(folder / "credits.csv")
        ),
        taxes=tuple(
            Tax(
                country_code=row["country_code"],
                tax_name=row["tax_name"],
                percent=_amount(row["percent"]),
                valid_from=parse_catalog_instant(row["valid_from"]),
                valid_to=parse_catalog_instant(row["valid_to"]),
            )
            for row in _rows(folder / "taxes.csv")
        ),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(cell: str) -> Fraction | None:
    return Fraction(cell) if cell else None


def _amount(cell: str) -> Fraction:
    return Fraction(cell) if cell else Fraction(0)
