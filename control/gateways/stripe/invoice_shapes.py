"""Stripe's invoices as we see them and our lines as Stripe takes them. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import stripe

from control.domain.money import Money
from control.gateways.stripe import units
from control.gateways.stripe.calls import LINE, TOTAL, metadata, mismatch, money_of
from control.ports import (
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayUnavailableError,
    InvoiceRequest,
    InvoiceRequestLine,
    Paid,
    PaymentOutcome,
    Refused,
)

if TYPE_CHECKING:
    from stripe.params import InvoiceAddLinesParamsLine

# https://docs.stripe.com/changelog/2016-02-22/no-more-than-250-invoice-items
_MOST_LINES = 250
# Shows an invoice with what paid it, or is paying it, in one answer.
WITH_PAYMENTS = ["payments.data.payment.payment_intent"]

_STATUS = {
    "draft": GatewayInvoiceStatus.DRAFT,
    "open": GatewayInvoiceStatus.OPEN,
    "paid": GatewayInvoiceStatus.PAID,
    "void": GatewayInvoiceStatus.VOID,
    "uncollectible": GatewayInvoiceStatus.VOID,
}


def shown(invoice: stripe.Invoice) -> GatewayInvoice:
    """What an invoice with its payments shows, if its amounts agree with each other.

    Raises:
        GatewayMismatchError: they do not.
    """

    def money(count: int) -> Money:
        return money_of(count, invoice.currency, invoice.id)

    status, nothing = _STATUS[invoice.status or "draft"], money(0)
    if status is GatewayInvoiceStatus.DRAFT:
        total = money(invoice.total)
        return GatewayInvoice(
            gateway_invoice_id=invoice.id,
            status=status,
            total=total,
            paid=nothing,
            from_balance=nothing,
            credited=nothing,
            paid_outside=nothing,
            due=total,
        )
    check_total(invoice)
    ending = invoice.ending_balance or 0
    rows = [(row, row.payment.payment_intent) for row in (invoice.payments.data if invoice.payments else ())]
    intents = [(row.status, intent) for row, intent in rows if isinstance(intent, stripe.PaymentIntent)]
    if status is GatewayInvoiceStatus.OPEN and any(intent.status == "processing" for _, intent in intents):
        status = GatewayInvoiceStatus.PROCESSING
    outside, credited = getattr(invoice, "amount_paid_off_stripe", None) or 0, invoice.pre_payment_credit_notes_amount
    collected = invoice.total - (ending - invoice.starting_balance) - credited - invoice.amount_remaining - outside
    seen = GatewayInvoice(
        gateway_invoice_id=invoice.id,
        status=status,
        total=money(invoice.total),
        paid=money(collected),
        from_balance=money(ending - invoice.starting_balance),
        credited=money(credited),
        paid_outside=money(outside),
        due=money(invoice.amount_remaining),
        gateway_payment_id=next((intent.id for row_status, intent in intents if row_status == "paid"), ""),
        url=invoice.hosted_invoice_url or "",
    )
    # A balance above zero is a debt that Stripe carried from, or to, another invoice. What was paid outside of Stripe may or may
    # not be part of what Stripe calls paid: its document does not say.
    if ending > 0 or seen.from_balance.minor < 0 or invoice.amount_paid not in (collected, collected + outside):
        said = f"total {seen.total}, paid {money(invoice.amount_paid)}, from balance {seen.from_balance}, due {seen.due}"
        raise mismatch(invoice.id, f"its amounts do not add up, or carry a debt of another invoice ({said})")
    return seen


def check_total(invoice: stripe.Invoice) -> None:
    """Compare with the total that we wrote beside the invoice when we made it."""
    expected = metadata(invoice).get(TOTAL)
    if expected is not None and str(invoice.total) != expected:
        raise mismatch(invoice.id, f"its total there is {invoice.total} in minor units, not {expected}")


def wanted_lines(request: InvoiceRequest) -> list[InvoiceAddLinesParamsLine]:
    """The lines as Stripe takes them. Past its limit the last one sums up the rest, so that the total stays exact."""
    lines = list(request.lines)
    if len(lines) > _MOST_LINES:
        rest = lines[_MOST_LINES - 1 :]
        total = sum((line.amount for line in rest), start=Money(0, request.total.currency_code))
        text = f"{len(rest)} further lines, listed on invoice {request.invoice_number}"
        lines = [*lines[: _MOST_LINES - 1], InvoiceRequestLine(description=text, amount=total)]
    return [
        {"amount": units.to_units(line.amount), "description": line.description, "metadata": {LINE: str(number)}}
        for number, line in enumerate(lines, start=1)
    ]


def settled(seen: GatewayInvoice) -> PaymentOutcome:
    """The outcome for an invoice that is not open."""
    if seen.status is GatewayInvoiceStatus.PAID:
        return Paid(gateway_payment_id=seen.gateway_payment_id, charged=seen.paid, from_balance=seen.from_balance)
    if seen.status is GatewayInvoiceStatus.PROCESSING:
        raise GatewayUnavailableError(f"a payment of {seen.gateway_invoice_id} is under way at Stripe; push again later")
    if seen.status is GatewayInvoiceStatus.DRAFT:
        return Refused(reason=f"{seen.gateway_invoice_id} is a draft at Stripe; finalize it first")
    return Refused(reason=f"{seen.gateway_invoice_id} was voided or written off at Stripe")
