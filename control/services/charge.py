"""Brings one document to its gateway, once, and says how that ended. Writes nothing: push.py keeps the books.

A charge goes through the one gateway invoice of the document, and the look right before it decides whether there is one.
"""

from __future__ import annotations

from control.domain.documents import IssuedInvoice
from control.domain.money import Money, plain
from control.domain.payments import Collected, Payment, Settlement
from control.domain.status import PaymentStatus
from control.ports import (
    Declined,
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayMismatchError,
    GatewayUnavailableError,
    InvoiceRequest,
    InvoiceRequestLine,
    Paid,
    PaymentGateway,
    Refused,
    RequiresAction,
)


def settle_at_gateway(gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment) -> Settlement:
    """Charge what an invoice asks for, or give a credit note to the customer's balance. The same attempt may be repeated.

    Raises:
        GatewayUnavailableError, GatewayFaultError: there is no definite outcome yet.
        GatewayRefusedError, GatewayMismatchError: a person must act.
    """
    if invoice.content.total.minor < 0:
        return _credit(gateway, invoice, payment)
    return _charge(gateway, invoice, payment)


def may_give_up(gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment) -> bool:
    """Whether an attempt on which the gateway broke may end, so that a new one with new keys begins.

    The gateway repeats its error for the old keys for a day. They may go only where a look shows no payment done or under
    way. A credit needs no look here: `ensure_balance_credit` looks by reference.
    """
    if invoice.content.total.minor < 0:
        return True
    look = gateway.find_invoice(payment.customer_id, invoice.invoice_id)
    return look is None or look.status in (GatewayInvoiceStatus.DRAFT, GatewayInvoiceStatus.OPEN)


def _credit(gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment) -> Settlement:
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


def _charge(gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment) -> Settlement:
    look = gateway.find_invoice(payment.customer_id, invoice.invoice_id)
    if look is None or look.status is GatewayInvoiceStatus.DRAFT:
        draft = gateway.ensure_invoice(request_for(invoice, customer_id=payment.customer_id), key=payment.key("invoice"))
        gateway.finalize_invoice(draft.gateway_invoice_id, key=payment.key("finalize"))
        look = gateway.find_invoice(payment.customer_id, invoice.invoice_id)
    if look is None or look.status is GatewayInvoiceStatus.DRAFT:
        raise GatewayUnavailableError(f"{gateway.name} does not show {invoice.invoice_number} as final yet")
    if look.total != invoice.content.total:
        raise GatewayMismatchError(f"{gateway.name} has {look.total} on {invoice.invoice_number}, which is over {invoice.content.total}")
    return _by_look(gateway, invoice, look) or _by_payment(gateway, payment, look)


def _by_look(gateway: PaymentGateway, invoice: IssuedInvoice, look: GatewayInvoice) -> Settlement | None:
    """What the look alone decides; None where the invoice is open and must be paid."""
    match look.status:
        case GatewayInvoiceStatus.PAID:
            return Settlement(status=PaymentStatus.PAID, collected=_collected(look), gateway_payment_id=look.gateway_payment_id)
        case GatewayInvoiceStatus.PROCESSING:
            raise GatewayUnavailableError(f"{gateway.name} still works on a payment of {invoice.invoice_number}")
        case GatewayInvoiceStatus.VOID:
            message = f"{invoice.invoice_number} was voided or written off at {gateway.name}; settle it there or write it off here"
            return Settlement(status=PaymentStatus.REFUSED, collected=_collected(look), reason_code="void", message=message)
    return None


def _by_payment(gateway: PaymentGateway, payment: Payment, look: GatewayInvoice) -> Settlement:
    before = _collected(look)
    match gateway.pay_invoice(look.gateway_invoice_id, payment.payment_method_id, key=payment.key("pay")):
        case Paid() as paid:
            after = Collected(charged=paid.charged, from_balance=paid.from_balance)
            if after.sum != look.total:
                raise GatewayMismatchError(f"{gateway.name} calls {look.total} paid, of which it collected {after.sum}")
            return Settlement(status=PaymentStatus.PAID, collected=after, gateway_payment_id=paid.gateway_payment_id)
        case Declined() as declined:
            status, code, message = PaymentStatus.DECLINED, declined.code, declined.message
        case RequiresAction() as action:
            status, code = PaymentStatus.REQUIRES_ACTION, "requires_action"
            message = f"{action.message}: {action.url}" if action.url else action.message
        case Refused() as refused:
            status, code, message = PaymentStatus.REFUSED, "refused", refused.reason
    return Settlement(status=status, collected=before, reason_code=code, message=message)


def _collected(look: GatewayInvoice) -> Collected:
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
