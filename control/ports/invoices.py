"""Invoices, balances and credit notes that a gateway keeps itself. Not every gateway has them: see InvoicingGateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from control.domain.money import Money


@dataclass(frozen=True, kw_only=True)
class InvoiceRequestLine:
    """One line as the customer will read it. Credits used are negative lines, tax is a line."""

    description: str
    amount: Money


@dataclass(frozen=True, kw_only=True)
class InvoiceRequest:
    """A document to be charged. The lines add up to `total`, all in its currency; `total` is above zero.

    `asks_holder`: the card's holder is to authenticate (3-D Secure), whatever the card's bank would be content with.
    """

    invoice_id: str  # our id: the adapter stores it at the gateway and finds the invoice by it, among those of the customer
    invoice_number: str
    customer_id: str
    total: Money
    lines: tuple[InvoiceRequestLine, ...]
    due_date: date
    asks_holder: bool = False

    def __post_init__(self) -> None:
        if sum((line.amount for line in self.lines), start=Money(0, self.total.currency_code)) != self.total:
            raise ValueError(f"the lines of {self.invoice_number} do not add up to {self.total}")
        if self.total.minor <= 0:
            raise ValueError(f"{self.invoice_number} has nothing to charge: {self.total}")


class GatewayInvoiceStatus(StrEnum):
    """Where the gateway's own invoice stands."""

    DRAFT = "draft"
    OPEN = "open"
    PROCESSING = "processing"  # open, and a payment is under way at the gateway whose end is not known: do not start another
    PAID = "paid"
    VOID = "void"  # voided or written off at the gateway


@dataclass(frozen=True, kw_only=True)
class GatewayInvoice:
    """What a look at the gateway's invoice shows. All money in one currency.

    Of `total`, `paid` was collected, `from_balance` was taken from the customer's balance (credit notes go there), `credited`
    was taken off by credit notes while it was open, `paid_outside` reached us on another way, and `due` is what paying it now
    would collect; always `total == paid + from_balance + credited + paid_outside + due`, else the adapter raises
    GatewayMismatchError. On a draft `from_balance` is zero: the gateway decides it when it finalizes. A rest below the
    gateway's smallest charge that it carries forward as a debt on the balance counts as `from_balance`: the next invoice
    collects it.
    """

    gateway_invoice_id: str
    status: GatewayInvoiceStatus
    total: Money
    paid: Money
    from_balance: Money
    credited: Money
    paid_outside: Money
    due: Money
    gateway_payment_id: str = ""  # of the last successful payment; empty before, or where the balance covered everything
    url: str = ""  # page where the customer can pay or authenticate; empty where there is none


@dataclass(frozen=True, kw_only=True)
class CreditNoteRequest:
    """A credit note of ours on one invoice that the gateway keeps as well, so that both show the same claim.

    Where the invoice is open, less is due on it. Where it is paid, the amount goes to the customer's balance, or, with
    `gateway_refund_id`, it documents that refund, which must be of the same amount.
    """

    credit_note_id: str  # ours: the same id is one credit note, with whatever key
    credit_note_number: str
    gateway_invoice_id: str
    amount: Money  # above zero: what is taken off the invoice
    description: str
    gateway_refund_id: str = ""

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise ValueError(f"{self.credit_note_number} credits nothing: {self.amount}")


@dataclass(frozen=True, kw_only=True)
class GatewayCreditNote:
    """What a look at the gateway's credit note shows. `amount` is all of it, `to_balance` what the customer's balance got."""

    gateway_credit_note_id: str
    credit_note_id: str
    amount: Money
    to_balance: Money
    is_void: bool
