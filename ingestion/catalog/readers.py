"""One function a file: a line to a typed row. Here stands which cells must be set, and what an empty one means.

A row knows only its own line; what it owes other rows and files is checked in references.py, validity.py and tiers.py.
"""

from __future__ import annotations

from decimal import Decimal

from ingestion.catalog import cells
from ingestion.catalog.limits import DIVISOR, PERCENT, PRICE, QUANTITY, budget_amount, credit_amount
from ingestion.catalog.lines import Line
from ingestion.catalog.rows import Account, Budget, Commitment, Credit, Discount, Price, PriceTier, Sku, Tax
from warehouse.currencies import MINOR_UNITS

DEFAULT_PAYMENT_TERMS_DAYS = 30
DEFAULT_THRESHOLDS = (Decimal(100),)

_NONE = Decimal(0)
_WIDEST_MINOR_UNITS = max(MINOR_UNITS.values())


def read_account(line: Line) -> Account:
    """A line of accounts.csv."""
    account_id = line.identifier("account_id")
    gateway = line.choice("gateway", cells.GATEWAYS, default=cells.BANK_TRANSFER)
    return Account(
        account_id=account_id,
        name=line.text("name", default=account_id),
        currency_code=line.currency("currency_code"),
        country_code=line.country("country_code", default=""),
        tax_id=line.identifier("tax_id", default=""),
        is_tax_exempt=line.boolean("is_tax_exempt", default=False),
        email=line.email("email"),
        gateway="" if gateway == cells.BANK_TRANSFER else gateway,
        payment_terms_days=line.integer("payment_terms_days", lowest=0, highest=365, default=DEFAULT_PAYMENT_TERMS_DAYS),
        legal_name=line.text("legal_name"),
        address=line.text("address"),
        postal_code=line.identifier("postal_code", default=""),
        city=line.text("city"),
    )


def read_sku(line: Line) -> Sku:
    """A line of skus.csv."""
    sku_id = line.identifier("sku_id")
    aggregation = line.choice("aggregation", cells.AGGREGATIONS)
    if aggregation and aggregation != "time_weighted":
        line.must_be_empty("billed_when", "only a time_weighted SKU is billed for a state of its resource")
    return Sku(
        sku_id=sku_id,
        service=line.identifier("service"),
        name=line.text("name", default=sku_id),
        metric=line.identifier("metric"),
        region=line.identifier("region", default=""),
        unit=line.identifier("unit"),
        aggregation=aggregation,
        billed_when=line.choice("billed_when", cells.BILLED_WHEN, default="running") if aggregation == "time_weighted" else "running",
        divisor=line.decimal("divisor", DIVISOR, default=Decimal(1)),
    )


def read_price(line: Line) -> Price:
    """A line of prices.csv."""
    model = line.choice("model", cells.MODELS)
    unit_price = package_size = _NONE
    if model in cells.TIERED_MODELS:
        line.must_be_empty("unit_price", f"the unit prices of a {model} price are in price_tiers.csv")
    elif model:
        unit_price = line.decimal("unit_price", PRICE)
    if model == "package":
        package_size = line.decimal("package_size", QUANTITY)
    elif model:
        line.must_be_empty("package_size", f"a {model} price has no packages")
    valid_from, valid_to = line.hours()
    return Price(
        price_id=line.identifier("price_id"),
        sku_id=line.identifier("sku_id"),
        account_id=line.identifier("account_id", default=""),
        currency_code=line.currency("currency_code"),
        model=model,
        unit_price=unit_price,
        package_size=package_size,
        valid_from=valid_from,
        valid_to=valid_to,
    )


def read_price_tier(line: Line) -> PriceTier:
    """A line of price_tiers.csv."""
    return PriceTier(
        price_id=line.identifier("price_id"),
        tier=line.integer("tier", lowest=1, highest=1000),
        up_to=line.decimal("up_to", QUANTITY) if line.cell("up_to") else None,
        unit_price=line.decimal("unit_price", PRICE),
        flat_fee=line.decimal("flat_fee", PRICE, default=_NONE),
    )


def read_discount(line: Line) -> Discount:
    """A line of discounts.csv."""
    scope_type = line.choice("scope_type", cells.DISCOUNT_SCOPES)
    valid_from, valid_to = line.hours()
    return Discount(
        discount_id=line.identifier("discount_id"),
        account_id=line.identifier("account_id", default=""),
        scope_type=scope_type,
        scope_value=_scope_value(line, scope_type),
        percent=line.decimal("percent", PERCENT),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def read_commitment(line: Line) -> Commitment:
    """A line of commitments.csv."""
    valid_from, valid_to = line.hours(is_from_required=True)
    return Commitment(
        commitment_id=line.identifier("commitment_id"),
        account_id=line.identifier("account_id"),
        sku_id=line.identifier("sku_id"),
        quantity_per_hour=line.decimal("quantity_per_hour", QUANTITY),
        unit_price=line.decimal("unit_price", PRICE),
        currency_code=line.currency("currency_code"),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def read_credit(line: Line) -> Credit:
    """A line of credits.csv."""
    currency_code = line.currency("currency_code")
    valid_from, valid_to = line.instants()
    return Credit(
        credit_id=line.identifier("credit_id"),
        account_id=line.identifier("account_id"),
        amount=line.decimal("amount", credit_amount(MINOR_UNITS.get(currency_code, _WIDEST_MINOR_UNITS))),
        currency_code=currency_code,
        valid_from=valid_from,
        valid_to=valid_to,
    )


def read_tax(line: Line) -> Tax:
    """A line of taxes.csv."""
    valid_from, valid_to = line.hours()
    return Tax(
        country_code=line.country("country_code"),
        tax_name=line.identifier("tax_name"),
        percent=line.decimal("percent", PERCENT),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def read_budget(line: Line) -> Budget:
    """A line of budgets.csv."""
    scope_type = line.choice("scope_type", cells.BUDGET_SCOPES, default="all")
    currency_code = line.currency("currency_code")
    return Budget(
        budget_id=line.identifier("budget_id"),
        account_id=line.identifier("account_id"),
        scope_type=scope_type,
        scope_value=_scope_value(line, scope_type),
        amount=line.decimal("amount", budget_amount(MINOR_UNITS.get(currency_code, _WIDEST_MINOR_UNITS))),
        currency_code=currency_code,
        thresholds=line.thresholds("thresholds", default=DEFAULT_THRESHOLDS),
    )


def _scope_value(line: Line, scope_type: str) -> str:
    if scope_type == "all":
        line.must_be_empty("scope_value", "the scope all has no value")
        return ""
    return line.identifier("scope_value", default=None if scope_type else "")
