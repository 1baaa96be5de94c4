"""Valid values with defaults; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain.accounts import AccountRow, BudgetRow, CreditRow
from control.domain.documents import CreditUse, Draft, IssuedInvoice, Kind, Line
from control.domain.money import Money
from control.domain.receipts import Receipt
from control.services.accounts import upsert_accounts, upsert_credits
from control.services.issue import issue_documents
from control.services.payment_methods import save_card
from tests.contract.fake_gateway import PAYS

NOW = datetime(2026, 2, 3, 10, tzinfo=UTC)
AS_OF = datetime(2026, 2, 2, tzinfo=UTC)
# Of the SKUs of `a_draft`.
SERVICES = {"sku-1": "compute", "sku-2": "storage"}


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def an_account(account_id: str = "acc-1", **values: Any) -> AccountRow:  # noqa: ANN401 - any field of the row
    texts: dict[str, Any] = {
        "name": f"Name of {account_id}",
        "currency_code": "USD",
        "country_code": "DE",
        "gateway": "fake",
        "payment_terms_days": 14,
    }
    return AccountRow(account_id=account_id, **(texts | values))


def a_credit(credit_id: str = "credit-1", amount: str = "10.00", **values: Any) -> CreditRow:  # noqa: ANN401 - any field of the row
    return CreditRow(credit_id=credit_id, amount=Decimal(amount), **({"account_id": "acc-1", "currency_code": "USD"} | values))


def a_budget(budget_id: str = "budget-1", amount: str = "10.00", **values: Any) -> BudgetRow:  # noqa: ANN401 - any field of the row
    defaults = {"account_id": "acc-1", "currency_code": "USD", "scope_type": "all", "scope_value": ""}
    return BudgetRow(budget_id=budget_id, amount=Decimal(amount), **(defaults | values))


def a_draft(
    account_id: str = "acc-1",
    *,
    amounts: Sequence[int] = (10_000,),
    currency: str = "USD",
    percent: str = "0",
    period: str = "2026-01",
    kind: Kind = Kind.INVOICE,
    adjusted_period: str = "",
    uses: Sequence[tuple[str, int]] = (),
    **values: Any,  # noqa: ANN401 - any field of the draft, to break it
) -> Draft:
    """A draft whose identities hold: a line for each amount (minor units), credit uses, tax of `percent`."""
    subtotal = Money(sum(amounts), currency)
    credit = Money(sum(amount for _, amount in uses), currency)
    tax = (subtotal - credit).percent(Decimal(percent))
    lines = tuple(
        Line(
            line_number=number,
            line_type="adjustment" if adjusted_period else "usage",
            sku_id=f"sku-{number}",
            price_id=f"price-{number}",
            quantity=Decimal("2.5"),
            unit="gib_hour",
            amount=Money(amount, currency),
        )
        for number, amount in enumerate(amounts, start=1)
    )
    draft = Draft(
        invoice_id=f"{account_id}:{period}:{kind}:{adjusted_period}",
        kind=kind,
        account_id=account_id,
        period=period,
        adjusted_period=adjusted_period,
        subtotal=subtotal,
        credit=credit,
        tax_percent=Decimal(percent),
        tax=tax,
        total=subtotal - credit + tax,
        tax_note="",
        lines=lines,
        credit_uses=tuple(
            CreditUse(credit_id=credit_id, use_order=order, amount=Money(amount, currency))
            for order, (credit_id, amount) in enumerate(uses, start=1)
        ),
    )
    return replace(draft, **values)


def a_credit_note(account_id: str = "acc-1", amount: int = -3_000) -> Draft:
    return a_draft(account_id, amounts=(amount,), kind=Kind.CREDIT_NOTE, adjusted_period="2025-12")


def given_invoices(control: Control, *drafts: Draft) -> list[IssuedInvoice]:
    """Issued documents without a warehouse. Their accounts must exist."""

    def work(connection: Connection) -> list[IssuedInvoice]:
        issued = []
        for draft in drafts:  # one after the other: numbers in the order given
            buyers = {draft.account_id: an_account(draft.account_id)}
            issued += issue_documents(connection, control.settings, [draft], buyers=buyers, services=SERVICES, issued_at=NOW)
        return issued

    return control.store.transact(work)


def given_account_with_card(control: Control, account_id: str = "acc-1", *, token: str = PAYS, **values: Any) -> None:  # noqa: ANN401 - any field
    upsert_accounts(control, [an_account(account_id, **values)])
    save_card(control, account_id, token)


def given_credit(control: Control, credit_id: str = "credit-1", amount: str = "10.00", account_id: str = "acc-1") -> None:
    upsert_credits(control, [a_credit(credit_id, amount, account_id=account_id)])


def a_receipt(receipt_id: str = "r-1", amount: int = 10_000, **values: Any) -> Receipt:  # noqa: ANN401 - any field
    plain = {"bank_account": "DE89", "booked_date": NOW.date(), "payer": "Payer Ltd", "remittance": "hello"}
    return Receipt(receipt_id=receipt_id, amount=usd(amount), **(plain | values))
