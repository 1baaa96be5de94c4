"""Rating: from hourly consumption to exact, unrounded charges (sections 4.2 to 4.4).

Commitments first, then on-demand prices at the month's running total, then discounts. Nothing is rounded here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from tests.reference.catalog import Account, Catalog, Commitment, Sku
from tests.reference.events import Labels
from tests.reference.instants import HOUR, month_of
from tests.reference.metering import Consumption, ConsumptionKey, UnratedKey
from tests.reference.prices import cost


class ChargeKey(NamedTuple):
    account_id: str
    project_id: str
    resource_id: str
    region: str
    sku_id: str
    hour_at: int
    charge_type: str
    price_id: str


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Exact amounts. For usage `list_amount_unrounded` is at the list price, before discount."""

    service: str
    currency_code: str
    quantity: Fraction
    unit: str
    list_amount_unrounded: Fraction
    amount_unrounded: Fraction
    discount_id: str
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class Rated:
    charges: dict[ChargeKey, Charge] = field(default_factory=dict)
    unrated: dict[UnratedKey, Consumption] = field(default_factory=dict)


Hours = dict[int, dict[ConsumptionKey, Consumption]]


def rate(catalog: Catalog, consumption: dict[ConsumptionKey, Consumption], as_of: int) -> Rated:
    """Charge all consumption of known accounts, and the commitments not used in hours that ended by as-of."""
    by_account_sku: dict[tuple[str, str], Hours] = defaultdict(lambda: defaultdict(dict))
    for key, row in consumption.items():
        by_account_sku[key.account_id, key.sku_id][key.hour_at][key] = row
    for target in catalog.commitments_by_target:
        by_account_sku.setdefault(target, defaultdict(dict))  # an account that used nothing still pays what it committed to
    rated = Rated()
    for (account_id, sku_id), hours in by_account_sku.items():
        sku = catalog.sku_by_id[sku_id]
        account = catalog.account_by_id.get(account_id)
        if account is None:
            for rows in hours.values():
                for key, row in rows.items():
                    _mark_unrated(rated, key, row, sku=sku, quantity=row.quantity, reason_code="unknown_account")
            continue
        on_demand = _charge_commitments(catalog, account, sku, hours, as_of=as_of, rated=rated)
        _charge_on_demand(catalog, account, sku, on_demand, rated)
    return rated


OnDemand = dict[ConsumptionKey, tuple[Consumption, Fraction]]


def _charge_commitments(catalog: Catalog, account: Account, sku: Sku, hours: Hours, *, as_of: int, rated: Rated) -> OnDemand:
    """Charge what the commitments cover and what they leave unused; the rest of each row is on demand."""
    on_demand: OnDemand = {}
    commitments = catalog.commitments_by_target.get((account.account_id, sku.sku_id), [])
    unused = {(each.commitment_id, hour): each.quantity_per_hour for each in commitments for hour in _elapsed_hours(each, as_of)}
    for hour, rows in hours.items():
        valid = [commitment for commitment in commitments if commitment.is_valid(hour)]
        left = {commitment.commitment_id: commitment.quantity_per_hour for commitment in valid}
        for key in sorted(rows, key=lambda each: (each.resource_id, each.project_id, each.region)):
            row, rest = rows[key], rows[key].quantity
            for commitment in valid:
                covered = min(rest, left[commitment.commitment_id])
                if covered:
                    left[commitment.commitment_id] -= covered
                    rest -= covered
                    charge_key = ChargeKey(*key, "commitment", commitment.commitment_id)
                    rated.charges[charge_key] = _commitment_charge(account, sku, commitment, covered, row.labels)
            on_demand[key] = (row, rest)
        for commitment_id, quantity in left.items():
            if (commitment_id, hour) in unused:
                unused[commitment_id, hour] = quantity
    by_id = {commitment.commitment_id: commitment for commitment in commitments}
    for (commitment_id, hour), quantity in unused.items():
        if quantity:
            unused_key = ChargeKey(account.account_id, "", "", "", sku.sku_id, hour, "commitment_unused", commitment_id)
            rated.charges[unused_key] = _commitment_charge(account, sku, by_id[commitment_id], quantity, ())
    return on_demand


def _elapsed_hours(commitment: Commitment, as_of: int) -> Iterator[int]:
    """Starts of the full hours within the commitment's validity that end at or before as-of."""
    if commitment.valid_from is None:
        raise ValueError(f"commitment {commitment.commitment_id} has no valid_from")
    end = as_of if commitment.valid_to is None else min(as_of, commitment.valid_to)
    first = -(-commitment.valid_from // HOUR) * HOUR
    yield from range(first, end - HOUR + 1, HOUR)


def _commitment_charge(account: Account, sku: Sku, commitment: Commitment, quantity: Fraction, labels: Labels) -> Charge:
    amount = quantity * commitment.unit_price
    return Charge(
        service=sku.service,
        currency_code=account.currency_code,
        quantity=quantity,
        unit=sku.unit,
        list_amount_unrounded=amount,
        amount_unrounded=amount,
        discount_id="",
        labels=labels,
    )


def _charge_on_demand(catalog: Catalog, account: Account, sku: Sku, on_demand: OnDemand, rated: Rated) -> None:
    """Each row costs the running total after it minus before it, at the price of its hour; unpriced rows count in the total."""
    total: dict[str, Fraction] = defaultdict(Fraction)
    for key in sorted(on_demand, key=lambda each: (each.hour_at, each.project_id, each.resource_id, each.region)):
        row, quantity = on_demand[key]
        if not quantity:
            continue
        month = month_of(key.hour_at)
        before, after = total[month], total[month] + quantity
        total[month] = after
        price = catalog.price(account, sku.sku_id, key.hour_at)
        if price is None:
            _mark_unrated(rated, key, row, sku=sku, quantity=quantity, reason_code="no_price")
            continue
        list_price = catalog.list_price(account, sku.sku_id, key.hour_at) or price
        discount = catalog.discount(account, sku, key.hour_at)
        factor = 1 - discount.percent / 100 if discount else Fraction(1)
        rated.charges[ChargeKey(*key, "usage", price.price_id)] = Charge(
            service=sku.service,
            currency_code=account.currency_code,
            quantity=quantity,
            unit=sku.unit,
            list_amount_unrounded=cost(list_price, after) - cost(list_price, before),
            amount_unrounded=(cost(price, after) - cost(price, before)) * factor,
            discount_id=discount.discount_id if discount else "",
            labels=row.labels,
        )


def _mark_unrated(rated: Rated, key: ConsumptionKey, row: Consumption, *, sku: Sku, quantity: Fraction, reason_code: str) -> None:
    """Note units without a price; a row of zero units leaves nothing to rate."""
    if quantity:
        unrated_key = UnratedKey(*key[:5], sku.metric, key.hour_at, reason_code)
        rated.unrated[unrated_key] = Consumption(quantity=quantity, unit=row.unit, labels=row.labels)
