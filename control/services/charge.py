"""Brings one document to its gateway, once, and says how that ended. Writes nothing: push.py keeps the books.

At a gateway that keeps invoices, a charge goes through its one invoice of the document, and the look right before it decides
whether there is one. At any other, an attempt is one charge under one key until it has a definite end.
"""

from __future__ import annotations

from dataclasses import replace

from control.domain.documents import IssuedInvoice
from control.domain.money import Money, plain
from control.domain.payments import Collected, Payment, Settlement
from control.domain.status import PaymentStatus
from control.ports import (
    ChargeOutcome,
    ChargeRequest,
    Declined,
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayMismatchError,
    GatewayPaymentStatus,
    GatewayUnavailableError,
    InvoiceRequest,
    InvoiceRequestLine,
    InvoicingGateway,
    Paid,
    PaymentGateway,
    Processing,
    Refused,
    RequiresAction,
    Tried,
)


def settle_at_gateway(gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment, *, asks_holder: bool = False) -> Settlement:
    """Charge what an invoice asks for, or give a credit note to the customer's balance. The same attempt may be repeated.

    Only a gateway that keeps invoices keeps balances too: credit notes come to no other. With `asks_holder` the card's holder is to
    authenticate; a gateway that keeps invoices knows that of each from when it is made.

    Raises:
        GatewayUnavailableError, GatewayFaultError: there is no definite outcome yet.
        GatewayRefusedError, GatewayMismatchError: a person must act.
    """
    if not isinstance(gateway, InvoicingGateway):
        return _charge_card(gateway, invoice, payment, asks_holder=asks_holder)
    if invoice.content.total.minor < 0:
        return _credit(gateway, invoice, payment)
    return _charge(gateway, invoice, payment, asks_holder=asks_holder)


def may_give_up(gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment) -> bool:
    """Whether an attempt on which the gateway broke may end, so that a new one with new keys begins.

    The gateway repeats its error for the old keys for a day. They may go only where a look shows no payment done or under
    way. A credit needs no look here: `ensure_balance_credit` looks by reference.
    """
    if not isinstance(gateway, InvoicingGateway):
        tried = Tried(first_at=payment.started_at, last_at=payment.updated_at)
        found = gateway.find_payment(payment.customer_id, invoice.invoice_id, tried=tried)
        return found is None or found.status is GatewayPaymentStatus.FAILED
    if invoice.content.total.minor < 0:
        return True
    look = gateway.find_invoice(payment.customer_id, invoice.invoice_id)
    return look is None or look.status in (GatewayInvoiceStatus.DRAFT, GatewayInvoiceStatus.OPEN)


def _credit(gateway: InvoicingGateway, invoice: IssuedInvoice, payment: Payment) -> Settlement:
    total = invoice.content.total
    transaction_id = gateway.ensure_balance_credit(
        payment.customer_id,
        -total,
        reference=invoice.invoice_id,
        description=f"Credit note {invoice.invoice_number}",
        key=payment.key("credit"),
    )
    collected = Collected(charged=Money(0, total.currency_code), from_balance=total)
    return Settlement(status=PaymentStatus.PAID, collected=collected, gateway_payment_id=transaction_id)


def _charge(gateway: InvoicingGateway, invoice: IssuedInvoice, payment: Payment, *, asks_holder: bool) -> Settlement:
    look = gateway.find_invoice(payment.customer_id, invoice.invoice_id)
    if look is None or look.status is GatewayInvoiceStatus.DRAFT:
        draft = gateway.ensure_invoice(
            replace(request_for(invoice, customer_id=payment.customer_id), asks_holder=asks_holder), key=payment.key("invoice")
        )
        gateway.finalize_invoice(draft.gateway_invoice_id, key=payment.key("finalize"))
        look = gateway.find_invoice(payment.customer_id, invoice.invoice_id)
    if look is None or look.status is GatewayInvoiceStatus.DRAFT:
        raise GatewayUnavailableError(f"{gateway.name} does not show {invoice.invoice_number} as final yet")
    if look.total != invoice.content.total:
        raise GatewayMismatchError(f"{gateway.name} has {look.total} on {invoice.invoice_number}, which is over {invoice.content.total}")
    return _by_look(gateway, invoice, look) or _by_payment(gateway, payment, look)


def _by_look(gateway: InvoicingGateway, invoice: IssuedInvoice, look: GatewayInvoice) -> Settlement | None:
    """What the look alone decides; None where the invoice is open and must be paid."""
    match look.status:
        case GatewayInvoiceStatus.PAID:
            return Settlement(status=PaymentStatus.PAID, collected=collected_at(look), gateway_payment_id=look.gateway_payment_id)
        case GatewayInvoiceStatus.PROCESSING:
            raise GatewayUnavailableError(f"{gateway.name} still works on a payment of {invoice.invoice_number}")
        case GatewayInvoiceStatus.VOID:
            message = f"{invoice.invoice_number} was voided or written off at {gateway.name}; settle it there or write it off here"
            return Settlement(status=PaymentStatus.REFUSED, collected=collected_at(look), reason_code="void", message=message)
    return None


def _by_payment(gateway: InvoicingGateway, payment: Payment, look: GatewayInvoice) -> Settlement:
    outcome = gateway.pay_invoice(look.gateway_invoice_id, payment.payment_method_id, key=payment.key("pay"))
    if isinstance(outcome, Paid):
        after = Collected(charged=outcome.charged, from_balance=outcome.from_balance)
        if after.sum != look.total:
            raise GatewayMismatchError(f"{gateway.name} calls {look.total} paid, of which it collected {after.sum}")
        return Settlement(status=PaymentStatus.PAID, collected=after, gateway_payment_id=outcome.gateway_payment_id)
    return _without_money(outcome, before=collected_at(look))


def _charge_card(gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment, *, asks_holder: bool) -> Settlement:
    request = ChargeRequest(
        payment_id=payment.payment_id,
        invoice_id=invoice.invoice_id,
        invoice_number=invoice.invoice_number,
        customer_id=payment.customer_id,
        payment_method_id=payment.payment_method_id,
        amount=payment.amount,
        asks_holder=asks_holder,
    )
    outcome: ChargeOutcome = gateway.charge(request, key=payment.key("charge"))
    match outcome:
        case Processing():
            raise GatewayUnavailableError(f"{gateway.name} still works on a payment of {invoice.invoice_number}")
        case Paid(gateway_payment_id=gateway_payment_id, charged=charged):
            if charged != payment.amount:
                raise GatewayMismatchError(f"{gateway.name} calls {payment.amount} paid, of which it collected {charged}")
            collected = Collected(charged=charged, from_balance=Money(0, charged.currency_code))
            return Settlement(status=PaymentStatus.PAID, collected=collected, gateway_payment_id=gateway_payment_id)
        case Declined() | RequiresAction() | Refused():
            return _without_money(outcome, before=None)


def _without_money(outcome: Declined | RequiresAction | Refused, *, before: Collected | None) -> Settlement:
    """A definite end that collected nothing more than stood `before`."""
    match outcome:
        case Declined() as declined:
            status, code, message = PaymentStatus.DECLINED, declined.code, declined.message
        case RequiresAction() as action:
            status, code = PaymentStatus.REQUIRES_ACTION, "requires_action"
            message = f"{action.message}: {action.url}" if action.url else action.message
        case Refused() as refused:
            status, code, message = PaymentStatus.REFUSED, "refused", refused.reason
    return Settlement(status=status, collected=before, reason_code=code, message=message)


def collected_at(look: GatewayInvoice) -> Collected:
    """What a gateway's invoice holds of the document."""
    return Collected(charged=look.paid, from_balance=look.from_balance)


def request_for(invoice: IssuedInvoice, *, customer_id: str) -> InvoiceRequest:
    """The document as a gateway shows it: its lines, credits used as a negative line, tax as a line; the sum is its total."""
    content = invoice.content
    lines = [
        InvoiceRequestLine(description=_describe(line.sku_id, line.line_type, plain(line.quantity), line.unit), amount=line.amount)
        for line in content.lines
    ]
    lines.append(InvoiceRequestLine(description="Credits", amount=-content.credit))
    lines.append(InvoiceRequestLine(description=f"Tax {plain(content.tax_percent)} %", amount=content.tax))
    return InvoiceRequest(
        invoice_id=invoice.invoice_id,
        invoice_number=invoice.invoice_number,
        customer_id=customer_id,
        total=content.total,
        lines=tuple(line for line in lines if line.amount),
        due_date=invoice.due_date,
    )


def _describe(sku_id: str, line_type: str, quantity: str, unit: str) -> str:
    what = sku_id if line_type == "usage" else f"{sku_id} ({line_type})"
    return f"{what}: {quantity} {unit}".rstrip()
