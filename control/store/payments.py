"""Payment attempts as rows: the intent before the gateway is asked, the outcome after, with what it does to the document."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from control.domain.documents import IssuedInvoice
from control.domain.ledger import Entry, Source, postings_of_settlement
from control.domain.money import Money
from control.domain.payments import Collected, Payment, Settlement
from control.domain.status import InvoiceStatus, PaymentStatus, after_collecting, end
from control.store import journal, revisions
from control.store.tables import gateway_customers, invoices, payments


@dataclass(frozen=True, kw_only=True)
class GatewayCustomer:
    """An account at a gateway. `payment_method_id` is empty until a card is saved."""

    customer_id: str
    payment_method_id: str


def find_customer(connection: Connection, account_id: str, gateway: str) -> GatewayCustomer | None:
    """Who the account is at the gateway, if it was ever there."""
    row = connection.execute(
        select(gateway_customers).where(gateway_customers.c.account_id == account_id, gateway_customers.c.gateway == gateway)
    ).one_or_none()
    return None if row is None else GatewayCustomer(customer_id=row.gateway_customer_id, payment_method_id=row.payment_method_id)


def last_payment(connection: Connection, invoice_id: str) -> Payment | None:
    """The latest attempt of a document; the only one that may be pending."""
    row = connection.execute(
        select(payments).where(payments.c.invoice_id == invoice_id).order_by(payments.c.attempt.desc()).limit(1)
    ).one_or_none()
    return None if row is None else _payment(row)


def start(connection: Connection, invoice: IssuedInvoice, *, gateway: str, customer: GatewayCustomer, now: datetime) -> Payment:
    """Write the intent: a pending attempt over what is open. One that is pending already is that attempt."""
    last = last_payment(connection, invoice.invoice_id)
    if last is not None and last.status is PaymentStatus.PENDING:
        return last
    (revision,) = revisions.take(connection, 1)
    payment = Payment(
        payment_id=uuid.uuid4().hex,
        invoice_id=invoice.invoice_id,
        attempt=last.attempt + 1 if last else 1,
        gateway=gateway,
        customer_id=customer.customer_id,
        payment_method_id=customer.payment_method_id,
        amount=invoice.open,
        status=PaymentStatus.PENDING,
        reason_code="",
        message="",
    )
    row = {
        "payment_id": payment.payment_id,
        "invoice_id": payment.invoice_id,
        "attempt": payment.attempt,
        "gateway": payment.gateway,
        "gateway_customer_id": payment.customer_id,
        "payment_method_id": payment.payment_method_id,
        "currency_code": payment.amount.currency_code,
        "amount_minor": payment.amount.minor,
        "charged_minor": 0,
        "balance_minor": 0,
        "status": payment.status.value,
        "gateway_payment_id": "",
        "reason_code": "",
        "message": "",
        "started_at": now,
        "updated_at": now,
        "revision": revision,
    }
    connection.execute(insert(payments), row)
    return payment


def note(connection: Connection, payment: Payment, *, reason_code: str, message: str, now: datetime) -> None:
    """Write on a pending attempt why it has no outcome yet. One that has ended meanwhile stays as it is."""
    (revision,) = revisions.take(connection, 1)
    values = {"reason_code": reason_code, "message": message, "updated_at": now, "revision": revision}
    connection.execute(update(payments).where(_is_pending(payment)).values(values))


def settle(connection: Connection, payment: Payment, invoice: IssuedInvoice, settlement: Settlement, *, now: datetime) -> Payment:
    """End a pending attempt, and move the document's status, paid amount and ledger by what it collected.

    Returns the attempt as it stands then. One that somebody else ended first stays as that one left it.

    Raises:
        StatusError: less was collected than stood before, or more than the document asks for. Nothing is written.
    """
    (revision, next_revision) = revisions.take(connection, 2)
    stored = connection.execute(select(payments).where(payments.c.payment_id == payment.payment_id)).one()
    if stored.status != PaymentStatus.PENDING:
        return _payment(stored)
    before = _collected_by_others(connection, payment)
    now_collected = settlement.collected or before
    row = connection.execute(select(invoices.c.status, invoices.c.paid_minor).where(invoices.c.invoice_id == payment.invoice_id)).one()
    status = after_collecting(
        InvoiceStatus(row.status),
        total=invoice.content.total,
        before=Money(row.paid_minor, invoice.content.total.currency_code),
        collected=now_collected.sum,
    )
    charged, from_balance = now_collected.charged - before.charged, now_collected.from_balance - before.from_balance
    values = {
        "status": end(PaymentStatus(stored.status), settlement.status).value,
        "charged_minor": charged.minor,
        "balance_minor": from_balance.minor,
        "gateway_payment_id": settlement.gateway_payment_id,
        "reason_code": settlement.reason_code,
        "message": settlement.message,
        "updated_at": now,
        "revision": revision,
    }
    connection.execute(update(payments).where(_is_pending(payment)).values(values))
    if charged or from_balance:
        changed = {"status": status.value, "paid_minor": now_collected.sum.minor, "revision": next_revision}
        connection.execute(update(invoices).where(invoices.c.invoice_id == payment.invoice_id).values(changed))
        entry = Entry(
            source=Source.PAYMENT,
            source_id=payment.payment_id,
            posted_at=now,
            description=invoice.invoice_number,
            postings=postings_of_settlement(gateway=payment.gateway, charged=charged, from_balance=from_balance),
            account_id=invoice.content.account_id,
            invoice_id=invoice.invoice_id,
        )
        journal.post(connection, [entry])
    return _payment(connection.execute(select(payments).where(payments.c.payment_id == payment.payment_id)).one())


def settle_nothing_due(connection: Connection, invoice: IssuedInvoice) -> None:
    """A document over zero is paid without any payment. Repeating it changes nothing."""
    (revision,) = revisions.take(connection, 1)
    mine = update(invoices).where(invoices.c.invoice_id == invoice.invoice_id, invoices.c.status == InvoiceStatus.ISSUED.value)
    connection.execute(mine.values(status=InvoiceStatus.PAID.value, revision=revision))


def _is_pending(payment: Payment) -> Any:  # noqa: ANN401 - a SQL condition
    return (payments.c.payment_id == payment.payment_id) & (payments.c.status == PaymentStatus.PENDING.value)


def _collected_by_others(connection: Connection, payment: Payment) -> Collected:
    others = select(payments).where(payments.c.invoice_id == payment.invoice_id, payments.c.payment_id != payment.payment_id)
    rows = connection.execute(others).all()
    currency = payment.amount.currency_code
    return Collected(
        charged=Money(sum(row.charged_minor for row in rows), currency),
        from_balance=Money(sum(row.balance_minor for row in rows), currency),
    )


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        payment_id=row.payment_id,
        invoice_id=row.invoice_id,
        attempt=row.attempt,
        gateway=row.gateway,
        customer_id=row.gateway_customer_id,
        payment_method_id=row.payment_method_id,
        amount=Money(row.amount_minor, row.currency_code),
        status=PaymentStatus(row.status),
        reason_code=row.reason_code,
        message=row.message,
    )
