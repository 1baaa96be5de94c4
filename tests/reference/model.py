"""The whole model in one function: a world goes in, the public tables come out.

Every table of the result is a dict from the table's grain to its other columns. `as_rows` gives the same as plain rows under the public
column names, to be compared with what SQL returns. All values are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from tests.reference.catalog import Catalog
from tests.reference.documents import Books, Document, InvoiceKey, Line
from tests.reference.events import Accounting, Batch, load
from tests.reference.instants import to_datetime
from tests.reference.invoicing import MonthLines, draft, month_lines
from tests.reference.metering import Consumption, ConsumptionKey, UnratedKey, meter
from tests.reference.numbers import QUANTITY_PLACES, UNROUNDED_PLACES, exact_decimal
from tests.reference.rating import Charge, ChargeKey, rate

AMOUNT_PLACES = 4


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything a bill depends on but the books: the catalog, all batches in the order of loading, as-of in milliseconds."""

    catalog: Catalog
    batches: tuple[Batch, ...]
    as_of: int
    seller_country: str = "DE"


class DailyKey(NamedTuple):
    account_id: str
    project_id: str
    resource_id: str
    region: str
    sku_id: str
    charge_date: date
    charge_type: str
    price_id: str


class InvoiceLineKey(NamedTuple):
    account_id: str
    period: str
    kind: str
    adjusted_period: str
    line_type: str
    sku_id: str
    price_id: str


class CreditUseKey(NamedTuple):
    account_id: str
    period: str
    kind: str
    adjusted_period: str
    credit_id: str


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """`number` is the place in the series of all documents; 0 for a draft."""

    number: int
    status: str
    currency_code: str
    subtotal_amount: Fraction
    credit_amount: Fraction
    tax_percent: Fraction
    tax_amount: Fraction
    total_amount: Fraction
    is_reverse_charge: bool


@dataclass(frozen=True, kw_only=True)
class InvoiceLine:
    quantity: Fraction
    unit: str
    currency_code: str
    amount: Fraction


@dataclass(frozen=True, kw_only=True)
class CreditUse:
    """`use_order` counts from 1 within a document; the amount is negative where the credit gets it back."""

    use_order: int
    amount: Fraction


@dataclass(frozen=True, kw_only=True)
class Result:
    """The public tables. Drafts and issued documents stand side by side in the three invoicing tables.

    `month_lines` are the lines of every month as if none was closed, what a rebuild of all invoices would give.
    """

    world: World
    month_lines: MonthLines = field(repr=False)
    drafts: tuple[Document, ...] = field(repr=False)
    event_accounting: tuple[Accounting, ...]
    consumption_hourly: dict[ConsumptionKey, Consumption]
    charges_hourly: dict[ChargeKey, Charge]
    unrated_consumption: dict[UnratedKey, Consumption]
    invoices: dict[InvoiceKey, Invoice]
    invoice_lines: dict[InvoiceLineKey, InvoiceLine]
    credit_uses: dict[CreditUseKey, CreditUse]

    @cached_property
    def charges_daily(self) -> dict[DailyKey, Charge]:
        """The hourly charges added up by day."""
        return _daily(self.charges_hourly)


def bill(world: World, books: Books | None = None) -> Result:
    """Compute every public table from scratch. The books are read, never changed."""
    loaded = load(world.batches)
    metered = meter(world.catalog, loaded.usage, loaded.states, world.as_of)
    rated = rate(world.catalog, metered.consumption, world.as_of)
    unbilled = Result(
        world=world,
        month_lines=month_lines(rated.charges),
        drafts=(),
        event_accounting=loaded.accounting,
        consumption_hourly=metered.consumption,
        charges_hourly=rated.charges,
        unrated_consumption={**metered.misfits, **rated.unrated},
        invoices={},
        invoice_lines={},
        credit_uses={},
    )
    return invoice(unbilled, books or Books())


def invoice(result: Result, books: Books) -> Result:
    """The same result with its invoicing tables made anew, which is all that a close changes."""
    catalog = result.world.catalog
    drafts = draft(catalog, result.world.seller_country, result.month_lines, books)
    documents = (*books.issued, *drafts)
    return replace(
        result,
        drafts=drafts,
        invoices={document.key: _invoice(document) for document in documents},
        invoice_lines={
            InvoiceLineKey(*document.key, *line_key): _line(document, line, catalog, line_key.sku_id)
            for document in documents
            for line_key, line in document.lines.items()
        },
        credit_uses={
            CreditUseKey(*document.key, credit_id): CreditUse(use_order=place, amount=amount)
            for document in documents
            for place, (credit_id, amount) in enumerate(document.credit_uses, start=1)
        },
    )


def close(result: Result, books: Books, period: str) -> tuple[Document, ...]:
    """Issue the drafts of a month; `invoice` or `bill` again afterwards to see them as issued.

    Raises:
        RefusedError: the contract refuses this close.
    """
    return books.close(result.world.catalog, result.drafts, period, result.world.as_of)


def _daily(charges: Mapping[ChargeKey, Charge]) -> dict[DailyKey, Charge]:
    daily: dict[DailyKey, Charge] = {}
    for key, charge in charges.items():
        day = DailyKey(*key[:5], to_datetime(key.hour_at).date(), key.charge_type, key.price_id)
        so_far = daily.get(day)
        if so_far is None:
            daily[day] = replace(charge, labels=(), discount_id="")
            continue
        daily[day] = replace(
            so_far,
            quantity=so_far.quantity + charge.quantity,
            list_amount_unrounded=so_far.list_amount_unrounded + charge.list_amount_unrounded,
            amount_unrounded=so_far.amount_unrounded + charge.amount_unrounded,
        )
    return daily


def _invoice(document: Document) -> Invoice:
    return Invoice(
        number=document.number,
        status="issued" if document.number else "draft",
        currency_code=document.currency_code,
        subtotal_amount=document.subtotal_amount,
        credit_amount=document.credit_amount,
        tax_percent=document.tax_percent,
        tax_amount=document.tax_amount,
        total_amount=document.total_amount,
        is_reverse_charge=document.is_reverse_charge,
    )


def _line(document: Document, line: Line, catalog: Catalog, sku_id: str) -> InvoiceLine:
    sku = catalog.sku_by_id.get(sku_id)
    return InvoiceLine(quantity=line.quantity, unit=sku.unit if sku else "", currency_code=document.currency_code, amount=line.amount)


# Decimals of the numeric columns, as the public tables keep them.
_PLACES = {
    "quantity": QUANTITY_PLACES,
    "list_amount_unrounded": UNROUNDED_PLACES,
    "amount_unrounded": UNROUNDED_PLACES,
    "tax_percent": 6,
}

Row = dict[str, object]


def as_rows(table: Mapping[Any, Any]) -> list[Row]:
    """A table of the result as rows in the order of its grain: instants as datetimes, numbers as Decimals, labels as dicts."""
    return [_row(key, table[key]) for key in sorted(table)]


def _row(key: Any, value: Any) -> Row:  # noqa: ANN401  # every table has its own key and value types
    return {name: _public(name, cell) for name, cell in {**key._asdict(), **vars(value)}.items()}


def _public(name: str, cell: object) -> object:
    if name.endswith("_at") and isinstance(cell, int):
        return to_datetime(cell)
    if name == "labels" and isinstance(cell, tuple):
        return dict(cell)
    if isinstance(cell, Fraction):
        return exact_decimal(cell, _PLACES.get(name, AMOUNT_PLACES))
    return cell
