"""`/v1/invoices`: drafts and issued documents, their lines, and what stands behind them."""

from __future__ import annotations

from decimal import Decimal
from string import Template
from typing import Annotated, Any

from fastapi import Path, Query

from control.domain.money import Money
from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.paging import Page, PagingOf
from orchestration.api.v1.problems import NotFoundError
from orchestration.api.v1.reader import Row
from orchestration.api.v1.schemas.fields import Period
from orchestration.api.v1.schemas.invoices import DocumentKind, Explanation, Invoice, InvoiceLine, Status
from orchestration.explain import STATEMENT
from warehouse.settings import LAYERS

router = Resource("invoices")

Document = Annotated[str, Path(description="An invoice_id, or the number of an issued document.")]

_MONEY = ("subtotal_amount", "credit_amount", "tax_amount", "total_amount", "paid_amount")
_COLUMNS = (
    "invoice_id, invoice_number, kind, account_id, period, adjusted_period, status, currency_code,"
    " toString(subtotal_amount) AS subtotal_amount, toString(credit_amount) AS credit_amount, toString(tax_percent) AS tax_percent,"
    " toString(tax_amount) AS tax_amount, toString(total_amount) AS total_amount, toString(documents.paid_amount) AS paid_amount,"
    " tax_note, issued_at, due_date"
)
# Drafts and issued documents are two halves of one view, which both are read for: an order that any subset keeps.
_ORDER = ("period", "account_id", "kind", "adjusted_period", "invoice_id")
_EXPLAINED = ("sku_id", "price_id", "line_type", "hour", "project_id", "resource_id", "region", "charge_type")


@router.reads("/invoices", scope="invoices:read")
def list_invoices(
    call: CallOf,
    paging: PagingOf,
    *,
    account_id: Annotated[str | None, Query(description="Only this account's.")] = None,
    period: Annotated[Period | None, Query(description="Only of this month, `2026-01`.")] = None,
    status: Status | None = None,
    kind: DocumentKind | None = None,
) -> Page[Invoice]:
    """Documents by month, account and kind."""
    only = {"account_id": account_id, "period": period, "status": status, "kind": kind}
    question = ["invoices", only]
    parameters: dict[str, Any] = {"limit": paging.limit + 1} | {name: value for name, value in only.items() if value is not None}
    conditions = ["$reach", *(f"documents.{name} = {{{name}:String}}" for name, value in only.items() if value is not None)]
    conditions += _after(paging.after(question, width=len(_ORDER)), _ORDER, "documents.", parameters)
    rows = call.api.reader.rows(
        call.grant,
        f"SELECT {_COLUMNS} FROM ${{invoicing}}.invoices AS documents WHERE {' AND '.join(conditions)}"
        f" ORDER BY {', '.join(_ORDER)} LIMIT {{limit:UInt32}}",
        parameters,
    )
    return Page(**paging.page([_invoice(row) for row in rows], [[row[name] for name in _ORDER] for row in rows], question))


@router.reads("/invoices/{document}", scope="invoices:read")
def show_invoice(call: CallOf, document: Document) -> Invoice:
    """One document."""
    return _invoice(find_document(call, document))


@router.reads("/invoices/{document}/lines", scope="invoices:read")
def list_invoice_lines(call: CallOf, document: Document, paging: PagingOf) -> Page[InvoiceLine]:
    """The lines of a document in their order."""
    invoice_id = find_document(call, document)["invoice_id"]
    question = ["lines", invoice_id]
    (after,) = paging.after(question, width=1) or ["0"]
    rows = call.api.reader.rows(
        call.grant,
        "SELECT invoice_id, line_number, account_id, period, kind, adjusted_period, line_type, sku_id, price_id,"
        " toString(quantity) AS quantity, unit, currency_code, toString(amount) AS amount FROM ${invoicing}.invoice_lines AS of_line"
        " WHERE $reach AND of_line.invoice_id = {invoice_id:String}"
        " AND of_line.line_number > {after:UInt32} ORDER BY line_number LIMIT {limit:UInt32}",
        {"invoice_id": invoice_id, "after": _number(after), "limit": paging.limit + 1},
    )
    items = [InvoiceLine(**(row | {"amount": _money(row["amount"], row["currency_code"])})) for row in rows]
    return Page(**paging.page(items, [[str(item.line_number)] for item in items], question))


@router.reads("/invoices/{document}/explanation", scope="invoices:read")
def explain_invoice(
    call: CallOf,
    document: Document,
    paging: PagingOf,
    sku_id: Annotated[str, Query(max_length=255, description="Only lines of this SKU.")] = "",
) -> Page[Explanation]:
    """The hours, resources, prices and events behind a document's lines."""
    found = find_document(call, document)
    question = ["explanation", found["invoice_id"], sku_id]
    parameters: dict[str, Any] = {"document": found["invoice_id"], "sku": sku_id, "limit": paging.limit + 1}
    places = ", ".join("formatDateTime(hour_at, '%Y-%m-%dT%H:%i:%S')" if name == "hour" else f"toString({name})" for name in _EXPLAINED)
    after = paging.after(question, width=len(_EXPLAINED))
    bounds = ["$reach"]
    if after is not None:
        parameters |= {f"after_{number}": text for number, text in enumerate(after)}
        bounds.append(f"({places}) > ({', '.join(f'{{after_{number}:String}}' for number in range(len(after)))})")
    names = {layer: call.api.settings.database(layer) for layer in LAYERS}
    inner = Template(STATEMENT.read_text()).substitute(names)
    rows = call.api.reader.rows(
        call.grant,
        f"SELECT * FROM ({inner}) WHERE {' AND '.join(bounds)} ORDER BY ({places}) LIMIT {{limit:UInt32}}",
        parameters,
    )
    ordered = [[f"{row['hour_at']:%Y-%m-%dT%H:%M:%S}" if name == "hour" else str(row[name]) for name in _EXPLAINED] for row in rows]
    return Page(**paging.page([Explanation(**row) for row in rows], ordered, question))


def find_document(call: Call, document: str) -> Row:
    """The document of an id or number.

    Raises:
        NotFoundError: there is none that the caller reaches.
    """
    rows = call.api.reader.rows(
        call.grant,
        f"SELECT {_COLUMNS} FROM ${{invoicing}}.invoices AS documents"
        " WHERE $reach AND {document:String} IN (documents.invoice_id, documents.invoice_number) AND {document:String} != ''",
        {"document": document},
    )
    if not rows:
        raise NotFoundError("such document")
    return rows[0]


def _invoice(row: Row) -> Invoice:
    is_draft = row["status"] == "draft"
    dates = {"issued_at": None if is_draft else row["issued_at"], "due_date": None if is_draft else row["due_date"]}
    return Invoice(**(row | dates | {name: _money(row[name], row["currency_code"]) for name in _MONEY}))


def _money(text: str, currency_code: str) -> str:
    return f"{Money.from_decimal(Decimal(text), currency_code).amount:f}"


def _after(place: list[str] | None, order: tuple[str, ...], prefix: str, parameters: dict[str, Any]) -> list[str]:
    if place is None:
        return []
    parameters |= {f"after_{number}": text for number, text in enumerate(place)}
    columns = ", ".join(f"toString({prefix}{name})" for name in order)
    return [f"({columns}) > ({', '.join(f'{{after_{number}:String}}' for number in range(len(place)))})"]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
