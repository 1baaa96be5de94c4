"""Brings our books in line with what a gateway shows about one thing: a document, a payment, a refund, a dispute.

Nothing here is believed for its order: each function takes the present state, and taking it twice, or an older one after it,
changes nothing. Nothing here charges; money that a gateway holds without us knowing is written down.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice
from control.domain.ledger import Entry, Source, postings_of_fee, postings_of_lost_dispute
from control.domain.money import Money
from control.domain.payments import Collected, Payment, Settlement
from control.domain.refunds import RefundStatus
from control.domain.sagas import Saga
from control.domain.status import PaymentStatus, StatusError
from control.ports import (
    GatewayDispute,
    GatewayDisputeStatus,
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayRefundStatus,
    InvoicingGateway,
)
from control.services import refund as refund_flow
from control.services.charge import collected_at
from control.services.flows import drive
from control.store import journal, outbox, payments, refunds, revisions, sagas
from control.store.documents import load_documents
from control.store.outbox import Message
from control.store.tables import disputes, gateway_customers, invoices
from control.store.tables import payments as payments_table
from control.store.tables import refunds as refunds_table

# What a function answers where our books said it already.
NOTHING_NEW = "nothing new"


def follow_invoice(control: Control, gateway_name: str, invoice_id: str, *, now: datetime) -> str:
    """Take over what a gateway that keeps invoices shows about one of ours; one sentence on what came of it."""
    with control.store.reading() as connection:
        found = load_documents(connection, invoices.c.invoice_id == invoice_id)
        last = payments.last_payment(connection, invoice_id)
    if not found:
        return "no document of ours"
    gateway = control.gateway(gateway_name)
    if last is None or last.gateway != gateway_name or not isinstance(gateway, InvoicingGateway):
        return "no attempt of ours"
    look = gateway.find_invoice(last.customer_id, invoice_id)
    if look is None or look.status is not GatewayInvoiceStatus.PAID or look.paid_outside:
        return NOTHING_NEW
    return control.store.transact(lambda connection: _take_invoice(connection, found[0], gateway_name, look, now))


def _take_invoice(connection: Connection, invoice: IssuedInvoice, gateway: str, look: GatewayInvoice, now: datetime) -> str:
    revisions.take(connection, 0)
    if look.total != invoice.content.total:
        return f"{gateway} has {look.total} on {invoice.invoice_number}, which is over {invoice.content.total}: a person must look"
    found = Settlement(status=PaymentStatus.PAID, collected=collected_at(look), gateway_payment_id=look.gateway_payment_id)
    return _take(connection, invoice, gateway, found, now)


def follow_payment(control: Control, gateway_name: str, seen: GatewayPayment, *, now: datetime) -> str:
    """Take over what a gateway shows about a payment of ours, its fee included; one sentence on what came of it."""
    gateway = control.gateway(gateway_name)
    with control.store.reading() as connection:
        invoice_id = seen.invoice_id or _invoice_of(connection, gateway_name, seen.gateway_payment_id)
        found = load_documents(connection, invoices.c.invoice_id == invoice_id)
    if not found:
        return "no document of ours"
    (invoice,) = found
    taken = NOTHING_NEW
    if isinstance(gateway, InvoicingGateway):
        taken = follow_invoice(control, gateway_name, invoice_id, now=now)
    elif seen.status is GatewayPaymentStatus.PAID:
        nothing = Money(0, seen.paid.currency_code)
        paid = Settlement(
            status=PaymentStatus.PAID,
            collected=Collected(charged=seen.paid, from_balance=nothing),
            gateway_payment_id=seen.gateway_payment_id,
        )
        taken = control.store.transact(lambda connection: _take(connection, invoice, gateway_name, paid, now))
    elif seen.status is GatewayPaymentStatus.FAILED:
        failed = Settlement(status=PaymentStatus.DECLINED, reason_code=seen.code, message=seen.message)
        taken = control.store.transact(lambda connection: _take_failure(connection, invoice, seen, failed, now))
    if seen.status is GatewayPaymentStatus.PAID and seen.fee is not None and seen.fee:
        control.store.transact(lambda connection: _take_fee(connection, invoice, gateway_name, seen, now))
    return taken


def _take(connection: Connection, invoice: IssuedInvoice, gateway: str, found: Settlement, now: datetime) -> str:
    """Settle the attempt that is pending, or write down what came in without one."""
    revisions.take(connection, 0)
    last = payments.last_payment(connection, invoice.invoice_id)
    collected = found.collected
    if last is None or last.gateway != gateway or collected is None:
        return "no attempt of ours"
    known = payments.collected_by(connection, invoice.invoice_id, invoice.content.total.currency_code).get(gateway)
    if known is not None and known.sum == collected.sum and last.status is not PaymentStatus.PENDING:
        return NOTHING_NEW
    try:
        if last.status is PaymentStatus.PENDING:
            payments.settle(connection, last, invoice, found, now=now)
        else:
            nothing = Money(0, collected.sum.currency_code)
            before = known or Collected(charged=nothing, from_balance=nothing)
            more = Collected(charged=collected.charged - before.charged, from_balance=collected.from_balance - before.from_balance)
            customer = payments.GatewayCustomer(customer_id=last.customer_id, payment_method_id=last.payment_method_id)
            payments.record(
                connection,
                invoice,
                gateway=gateway,
                collected=more,
                gateway_payment_id=found.gateway_payment_id,
                customer=customer,
                now=now,
            )
    except StatusError as error:
        return f"{gateway} does not match {invoice.invoice_number}: {error}; a person must look"
    return f"{invoice.invoice_number} is paid at {gateway}"


def _take_failure(connection: Connection, invoice: IssuedInvoice, seen: GatewayPayment, failed: Settlement, now: datetime) -> str:
    """End the attempt that the gateway was still working on. Of an attempt that ended otherwise it says nothing."""
    revisions.take(connection, 0)
    last = payments.last_payment(connection, invoice.invoice_id)
    if last is None or last.status is not PaymentStatus.PENDING or (seen.payment_id and seen.payment_id != last.payment_id):
        return NOTHING_NEW
    payments.settle(connection, last, invoice, failed, now=now)
    return f"the payment of {invoice.invoice_number} failed"


def _take_fee(connection: Connection, invoice: IssuedInvoice, gateway: str, seen: GatewayPayment, now: datetime) -> None:
    revisions.take(connection, 0)
    source_id = f"{gateway}/{seen.gateway_payment_id}"
    if seen.fee is None or journal.is_posted(connection, Source.FEE, source_id):
        return
    entry = Entry(
        source=Source.FEE,
        source_id=source_id,
        posted_at=now,
        description=f"fee of {invoice.invoice_number}",
        postings=postings_of_fee(gateway=gateway, fee=seen.fee),
        account_id=invoice.content.account_id,
        invoice_id=invoice.invoice_id,
    )
    journal.post(connection, [entry])


def follow_refund(control: Control, seen: GatewayRefund, *, now: datetime) -> str:
    """Take over how a refund of ours ended at its gateway; one sentence on what came of it."""
    with control.store.reading() as connection:
        found = refunds.find(connection, refunds_table.c.refund_id == seen.refund_id)
    if not found:
        return "no refund of ours"
    (refund,) = found
    if refund.status is RefundStatus.SUCCEEDED and seen.status is GatewayRefundStatus.FAILED:
        control.store.transact(lambda connection: refund_flow.take_returned(connection, refund, message=seen.message or seen.code, now=now))
        return f"refund {refund.refund_id} came back"
    if refund.status is not RefundStatus.PENDING or seen.status is GatewayRefundStatus.PENDING:
        return NOTHING_NEW

    def wake(connection: Connection) -> Saga | None:
        saga = sagas.unfinished(connection, refund_flow.KIND, refund.refund_id)
        if saga is None:
            return None
        data = saga.data | {"gateway_status": seen.status.value}
        return sagas.change(connection, saga, now=now, data=data, due_at=now)

    saga = control.store.transact(wake)
    if saga is not None:
        drive(control, refund_flow.FLOW, saga.saga_id, now=now)
    return f"refund {refund.refund_id} {seen.status} at {refund.gateway}"


def follow_dispute(control: Control, gateway: str, seen: GatewayDispute, *, now: datetime) -> str:
    """Keep how a dispute stands; a lost one takes its money out of the books, once."""

    def work(connection: Connection) -> str:
        (revision,) = revisions.take(connection, 1)
        mine = (disputes.c.gateway == gateway, disputes.c.gateway_dispute_id == seen.gateway_dispute_id)
        stored = connection.execute(select(disputes).where(*mine)).one_or_none()
        if stored is not None and (stored.occurred_at > seen.occurred_at or stored.status == seen.status):
            return NOTHING_NEW
        invoice_id = _invoice_of(connection, gateway, seen.gateway_payment_id)
        row = {
            "gateway": gateway,
            "gateway_dispute_id": seen.gateway_dispute_id,
            "gateway_payment_id": seen.gateway_payment_id,
            "invoice_id": invoice_id,
            "currency_code": seen.amount.currency_code,
            "amount_minor": seen.amount.minor,
            "status": seen.status.value,
            "reason": seen.reason,
            "occurred_at": seen.occurred_at,
            "revision": revision,
        }
        connection.execute(delete(disputes).where(*mine))
        connection.execute(insert(disputes), row)
        return _post_dispute(connection, gateway, seen, invoice_id, now)

    return control.store.transact(work)


def _post_dispute(connection: Connection, gateway: str, seen: GatewayDispute, invoice_id: str, now: datetime) -> str:
    found = load_documents(connection, invoices.c.invoice_id == invoice_id)
    if not found:
        return "no payment of ours"
    (invoice,) = found
    source_id = f"{gateway}/{seen.gateway_dispute_id}"
    if seen.status is GatewayDisputeStatus.LOST and not journal.is_posted(connection, Source.DISPUTE, source_id):
        entry = Entry(
            source=Source.DISPUTE,
            source_id=source_id,
            posted_at=now,
            description=f"dispute of {invoice.invoice_number}",
            postings=postings_of_lost_dispute(gateway=gateway, amount=seen.amount),
            account_id=invoice.content.account_id,
            invoice_id=invoice.invoice_id,
        )
        journal.post(connection, [entry])
    data = {
        "account_id": invoice.content.account_id,
        "invoice_number": invoice.invoice_number,
        "status": seen.status.value,
        "reason": seen.reason,
        "currency_code": seen.amount.currency_code,
        "amount": format(seen.amount.amount, "f"),
    }
    message = Message(event_type=f"dispute.{seen.status}", subject=invoice.content.account_id, data=data)
    outbox.publish(connection, [message], now=now)
    return f"the dispute of {invoice.invoice_number} is {seen.status}"


def _invoice_of(connection: Connection, gateway: str, gateway_payment_id: str) -> str:
    """Our document behind a gateway's payment; empty where it is none of ours."""
    mine = select(payments_table.c.invoice_id).where(
        payments_table.c.gateway == gateway, payments_table.c.gateway_payment_id == gateway_payment_id
    )
    row = connection.execute(mine).first() if gateway_payment_id else None
    return "" if row is None else str(row.invoice_id)


def account_of(connection: Connection, gateway: str, customer_id: str) -> str:
    """Our account behind a gateway's customer; empty where it is none of ours."""
    mine = select(gateway_customers.c.account_id).where(
        gateway_customers.c.gateway == gateway, gateway_customers.c.gateway_customer_id == customer_id
    )
    row = connection.execute(mine).first() if customer_id else None
    return "" if row is None else str(row.account_id)


def pending_attempt(connection: Connection, invoice_id: str) -> Payment | None:
    """The attempt of a document that has no end yet."""
    last = payments.last_payment(connection, invoice_id)
    return last if last is not None and last.status is PaymentStatus.PENDING else None
