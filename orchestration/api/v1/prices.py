"""`/v1/prices` and `/v1/price-estimate`: what things cost, and what a quantity would."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query

from control.domain.estimates import PriceFunction, discounted
from control.services.lifecycle import show_account
from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.paging import Page, PagingOf
from orchestration.api.v1.problems import NotFoundError
from orchestration.api.v1.reader import Row
from orchestration.api.v1.schemas.fields import CurrencyCode, Identifier, Instant, PositiveText, decimal_text
from orchestration.api.v1.schemas.prices import Estimate, Price, Tier
from warehouse.errors import RefusedError
from warehouse.ticks import EPOCH, FOREVER

router = Resource("prices")

AccountQuery = Annotated[str | None, Query(description="Also contract prices of this account, where the key reaches it.")]

_PRICES = """
SELECT
    prices.price_id AS price_id, prices.sku_id AS sku_id, skus.service AS service, skus.name AS name, skus.unit AS unit,
    prices.account_id AS account_id, prices.currency_code AS currency_code, prices.model AS model,
    toString(prices.unit_price) AS unit_price, toString(prices.package_size) AS package_size,
    prices.valid_from AS valid_from, prices.valid_to AS valid_to, tiers.parts AS parts
FROM (SELECT * FROM ${staging}.stg_catalog__prices WHERE account_id = '' OR $reach) AS prices
LEFT ANY JOIN ${staging}.stg_catalog__skus AS skus ON prices.sku_id = skus.sku_id
LEFT ANY JOIN (
    SELECT price_id, arraySort(groupArray((tier, is_last, toString(up_to), toString(unit_price), toString(flat_fee)))) AS parts
    FROM ${staging}.stg_catalog__price_tiers
    GROUP BY price_id
) AS tiers ON prices.price_id = tiers.price_id
WHERE prices.price_id > {after:String}
    AND {sku_id:String} IN ('', prices.sku_id)
    AND ({account_id:String} = '' OR prices.account_id IN ('', {account_id:String}))
ORDER BY price_id
LIMIT {limit:UInt32}
"""
# The contract price first, where there is one.
_OFFERS = """
SELECT
    price_id, account_id, model, currency_code, toString(unit_price) AS unit_price, toString(package_size) AS package_size,
    arrayMap(each -> toString(each), lows) AS lows, arrayMap(each -> toString(each), bases) AS bases,
    arrayMap(each -> toString(each), slopes) AS slopes
FROM ${rating}.int_price_segments
WHERE (account_id = '' OR $reach) AND account_id IN ('', {account_id:String}) AND sku_id = {sku_id:String}
    AND currency_code = {currency_code:String}
    AND valid_from <= {at:DateTime64(3, 'UTC')} AND {at:DateTime64(3, 'UTC')} < valid_to
ORDER BY account_id DESC
"""
# The most specific scope, then the larger percent.
_DISCOUNTS = """
SELECT discount_id, toString(percent) AS percent
FROM ${staging}.stg_catalog__discounts
WHERE (account_id = '' OR $reach) AND account_id IN ('', {account_id:String})
    AND valid_from <= {at:DateTime64(3, 'UTC')} AND {at:DateTime64(3, 'UTC')} < valid_to
    AND (
        scope_type = 'all'
        OR (scope_type = 'service' AND scope_value = {service:String})
        OR (scope_type = 'sku' AND scope_value = {sku_id:String})
    )
ORDER BY indexOf(['sku', 'service', 'all'], toString(scope_type)), percent DESC, discount_id
LIMIT 1
"""
_SKU = """
SELECT sku_id, service, unit
FROM ${staging}.stg_catalog__skus
WHERE sku_id = {sku_id:String} AND sku_id IN (SELECT sku_id FROM ${staging}.stg_catalog__prices WHERE account_id = '' OR $reach)
"""
_SO_FAR = """
SELECT toString(sum(quantity)) AS quantity
FROM ${rating}.int_on_demand_daily
WHERE $reach AND account_id = {account_id:String} AND sku_id = {sku_id:String}
    AND charge_date >= toStartOfMonth(toDate({at:DateTime64(3, 'UTC')}))
    AND charge_date <= toLastDayOfMonth(toDate({at:DateTime64(3, 'UTC')}))
"""


@router.reads("/prices", scope="prices:read")
def list_prices(call: CallOf, paging: PagingOf, account_id: AccountQuery = None, sku_id: Identifier | None = None) -> Page[Price]:
    """Prices of the current catalog by id: list prices, and contract prices that the key reaches."""
    question = ["prices", account_id, sku_id]
    (after,) = paging.after(question, width=1) or [""]
    parameters = {"after": after, "sku_id": sku_id or "", "account_id": account_id or "", "limit": paging.limit + 1}
    rows = call.api.reader.rows(call.grant, _PRICES, parameters)
    return Page(**paging.page([_price(row) for row in rows], [[row["price_id"]] for row in rows], question))


@router.reads("/price-estimate", scope="prices:read")
def estimate_price(
    call: CallOf,
    *,
    sku_id: Identifier,
    quantity: Annotated[PositiveText, Query(description="In the SKU's unit.")],
    account_id: AccountQuery = None,
    currency_code: Annotated[CurrencyCode | None, Query(description="Where no account says it; default USD.")] = None,
    quantity_before: Annotated[
        PositiveText | None, Query(description="Running total of the month; of the account as it stands, or 0, where not given.")
    ] = None,
    at: Annotated[Instant | None, Query(description="The hour whose prices count; now where not given.")] = None,
) -> Estimate:
    """What a quantity costs by the rules that bills are made by: tiers, packages, contract prices and discounts."""
    account = account_id or call.grant.account_id
    currency = show_account(call.control, account).account.currency_code if account else currency_code or "USD"
    if currency_code not in (None, currency):
        raise RefusedError(f"account {account} is billed in {currency}")
    instant = (at or call.now).replace(minute=0, second=0, microsecond=0)
    asked = {"sku_id": sku_id, "account_id": account, "currency_code": currency, "at": instant}
    skus = call.api.reader.rows(call.grant, _SKU, asked)
    offers = [_function(row) for row in call.api.reader.rows(call.grant, _OFFERS, asked)] if skus else []
    if not offers:
        raise NotFoundError(f"price of {sku_id} in {currency} at that time")
    discounts = call.api.reader.rows(call.grant, _DISCOUNTS, asked | {"service": skus[0]["service"]})
    before = Decimal(quantity_before) if quantity_before is not None else _so_far(call, asked)
    amount = Decimal(quantity)
    percent = Decimal(discounts[0]["percent"]) if discounts else Decimal(0)
    applied, listed = offers[0], offers[-1]
    return Estimate(
        sku_id=sku_id,
        account_id=account,
        currency_code=currency,
        quantity=decimal_text(amount),
        quantity_before=decimal_text(before),
        unit=skus[0]["unit"],
        price_id=applied.price_id,
        price_model=applied.model,
        discount_id=discounts[0]["discount_id"] if discounts else "",
        discount_percent=decimal_text(percent),
        list_amount_unrounded=decimal_text(listed.step(before, amount)),
        amount_unrounded=decimal_text(discounted(applied.step(before, amount), percent)),
        at=instant,
    )


def _so_far(call: Call, asked: dict[str, Any]) -> Decimal:
    rows = call.api.reader.rows(call.grant, _SO_FAR, asked) if asked["account_id"] else []
    return Decimal(rows[0]["quantity"]) if rows else Decimal(0)


def _function(row: Row) -> PriceFunction:
    lists = {name: tuple(Decimal(each) for each in row[name]) for name in ("lows", "bases", "slopes")}
    return PriceFunction(
        price_id=row["price_id"],
        model=row["model"],
        currency_code=row["currency_code"],
        unit_price=Decimal(row["unit_price"]),
        package_size=Decimal(row["package_size"]),
        **lists,
    )


def _price(row: Row) -> Price:
    tiers = [
        Tier(up_to=None if is_last else up_to, unit_price=unit_price, flat_fee=flat_fee)
        for _, is_last, up_to, unit_price, flat_fee in row["parts"]
    ]
    bounds = {"valid_from": _bound(row["valid_from"]), "valid_to": _bound(row["valid_to"])}
    return Price(**({name: value for name, value in row.items() if name != "parts"} | bounds), tiers=tiers)


def _bound(at: datetime) -> datetime | None:
    return None if at.astimezone(UTC) in (EPOCH, FOREVER) else at
