"""Payment attempts as rows: the intent before the gateway is asked, the outcome after, with what it does to the document."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from control.domain.documents import IssuedInvoice
from control.domain.ledger import Entry, Source, postings_of_settlement, postings_of_write_off
from control.domain.money import Money
from control.domain.payments import WITHOUT_GATEWAY, Collected, Payment, Settlement
from control.domain.status import InvoiceStatus, PaymentStatus, after_collecting, end
from control.store import journal, outbox, revisions
from control.store.outbox import Message
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
    """The latest attempt of a document at a gateway; the only one that may be pending."""
    mine = select(payments).where(payments.c.invoice_id == invoice_id, payments.c.gateway.not_in(WITHOUT_GATEWAY))
    row = connection.execute(mine.order_by(payments.c.attempt.desc()).limit(1)).one_or_none()
    return None if row is None else payment_of(row)


def start(connection: Connection, invoice: IssuedInvoice, *, gateway: str, customer: GatewayCustomer, now: datetime) -> Payment:
    """Write the intent: a pending attempt over what is open. One that is pending already is that attempt."""
    last = last_payment(connection, invoice.invoice_id)
    if last is not None and last.status is PaymentStatus.PENDING:
        return last
    return _insert(connection, invoice, gateway=gateway, customer=customer, now=now)


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
    (revision,) = revisions.take(connection, 1)
    stored = connection.execute(select(payments).where(payments.c.payment_id == payment.payment_id)).one()
    if stored.status != PaymentStatus.PENDING:
        return payment_of(stored)
    before = _collected_by_others(connection, payment)
    now_collected = settlement.collected or before
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
    _apply(connection, payment, invoice, charged=charged, from_balance=from_balance, now=now)
    ended = payment_of(connection.execute(select(payments).where(payments.c.payment_id == payment.payment_id)).one())
    _tell(connection, invoice, ended, now=now)
    return ended


def record(
    connection: Connection,
    invoice: IssuedInvoice,
    *,
    gateway: str,
    collected: Collected,
    gateway_payment_id: str,
    customer: GatewayCustomer | None = None,
    now: datetime,
) -> Payment:
    """Write down what was collected without an attempt of ours: from the own balance, by bank, on a page of the gateway.

    Raises:
        StatusError: it is more than the document asks for. Nothing is written.
    """
    nobody = GatewayCustomer(customer_id="", payment_method_id="")
    payment = _insert(
        connection,
        invoice,
        gateway=gateway,
        customer=customer or nobody,
        now=now,
        status=PaymentStatus.PAID,
        collected=collected,
        gateway_payment_id=gateway_payment_id,
    )
    _apply(connection, payment, invoice, charged=collected.charged, from_balance=collected.from_balance, now=now)
    _tell(connection, invoice, payment, now=now)
    return payment


def settle_nothing_due(connection: Connection, invoice: IssuedInvoice) -> None:
    """A document over zero is paid without any payment. Repeating it changes nothing."""
    (revision,) = revisions.take(connection, 1)
    mine = update(invoices).where(invoices.c.invoice_id == invoice.invoice_id, invoices.c.status == InvoiceStatus.ISSUED.value)
    connection.execute(mine.values(status=InvoiceStatus.PAID.value, revision=revision))


def collected_by(connection: Connection, invoice_id: str, currency_code: str) -> dict[str, Collected]:
    """What stands against a document, by gateway or way."""
    sums: dict[str, list[int]] = {}
    for row in connection.execute(select(payments).where(payments.c.invoice_id == invoice_id)):
        place = sums.setdefault(row.gateway, [0, 0])
        place[0] += row.charged_minor
        place[1] += row.balance_minor
    return {
        gateway: Collected(charged=Money(charged, currency_code), from_balance=Money(from_balance, currency_code))
        for gateway, (charged, from_balance) in sums.items()
    }


def payment_of(row: Row[Any]) -> Payment:
    """An attempt from its row."""
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
        started_at=row.started_at,
        updated_at=row.updated_at,
    )


def _insert(
    connection: Connection,
    invoice: IssuedInvoice,
    *,
    gateway: str,
    customer: GatewayCustomer,
    now: datetime,
    status: PaymentStatus = PaymentStatus.PENDING,
    collected: Collected | None = None,
    gateway_payment_id: str = "",
) -> Payment:
    (revision,) = revisions.take(connection, 1)
    of_invoice: Sequence[int] = (
        connection.execute(select(payments.c.attempt).where(payments.c.invoice_id == invoice.invoice_id)).scalars().all()
    )
    paid_minor: int = connection.execute(select(invoices.c.paid_minor).where(invoices.c.invoice_id == invoice.invoice_id)).scalar_one()
    row = {
        "payment_id": uuid.uuid4().hex,
        "invoice_id": invoice.invoice_id,
        "attempt": max(of_invoice, default=0) + 1,
        "gateway": gateway,
        "gateway_customer_id": customer.customer_id,
        "payment_method_id": customer.payment_method_id,
        "currency_code": invoice.content.total.currency_code,
        "amount_minor": invoice.content.total.minor - paid_minor,
        "charged_minor": collected.charged.minor if collected else 0,
        "balance_minor": collected.from_balance.minor if collected else 0,
        "status": status.value,
        "gateway_payment_id": gateway_payment_id,
        "reason_code": "",
        "message": "",
        "started_at": now,
        "updated_at": now,
        "revision": revision,
    }
    connection.execute(insert(payments), row)
    return payment_of(connection.execute(select(payments).where(payments.c.payment_id == row["payment_id"])).one())


def _apply(connection: Connection, payment: Payment, invoice: IssuedInvoice, *, charged: Money, from_balance: Money, now: datetime) -> None:
    """Move the document and the ledger by what an attempt collected."""
    row = connection.execute(select(invoices.c.status, invoices.c.paid_minor).where(invoices.c.invoice_id == payment.invoice_id)).one()
    before = Money(row.paid_minor, invoice.content.total.currency_code)
    after = before + charged + from_balance
    status = after_collecting(InvoiceStatus(row.status), total=invoice.content.total, before=before, collected=after)
    if not (charged or from_balance):
        return
    (revision,) = revisions.take(connection, 1)
    changed = {"status": status.value, "paid_minor": after.minor, "revision": revision}
    connection.execute(update(invoices).where(invoices.c.invoice_id == payment.invoice_id).values(changed))
    about = {"description": invoice.invoice_number, "account_id": invoice.content.account_id, "invoice_id": invoice.invoice_id}
    entry = Entry(
        source=Source.PAYMENT,
        source_id=payment.payment_id,
        posted_at=now,
        postings=postings_of_settlement(gateway=payment.gateway, charged=charged, from_balance=from_balance),
        **about,
    )
    entries = [entry]
    if row.status == InvoiceStatus.UNCOLLECTIBLE:
        # Somebody pays what was written off: it is owed again, and then what is collected is taken off it.
        owed = postings_of_write_off(before - invoice.content.total)
        source_id = f"{invoice.invoice_id}/{payment.payment_id}"
        entries.insert(0, Entry(source=Source.WRITE_OFF, source_id=source_id, posted_at=now, postings=owed, **about))
    journal.post(connection, entries)


def _tell(connection: Connection, invoice: IssuedInvoice, payment: Payment, *, now: datetime) -> None:
    """Publish the end of an attempt, where somebody else than us has something to do or to know."""
    word = {
        PaymentStatus.PAID: "payment.succeeded",
        PaymentStatus.DECLINED: "payment.declined",
        PaymentStatus.REQUIRES_ACTION: "payment.requires_action",
    }.get(payment.status)
    if word is None or invoice.content.total.minor < 0:
        return
    data = {
        "account_id": invoice.content.account_id,
        "invoice_number": invoice.invoice_number,
        "payment_id": payment.payment_id,
        "gateway": payment.gateway,
        "currency_code": payment.amount.currency_code,
        "amount": format(payment.amount.amount, "f"),
        "reason_code": payment.reason_code,
        "message": payment.message,
    }
    outbox.publish(connection, [Message(event_type=word, subject=invoice.content.account_id, data=data)], now=now)


def _is_pending(payment: Payment) -> Any:  # noqa: ANN401 - a SQL condition
    return (payments.c.payment_id == payment.payment_id) & (payments.c.status == PaymentStatus.PENDING.value)


def _collected_by_others(connection: Connection, payment: Payment) -> Collected:
    """What other attempts at the same gateway collected: a gateway shows what it holds over all of them."""
    others = select(payments).where(
        payments.c.invoice_id == payment.invoice_id, payments.c.gateway == payment.gateway, payments.c.payment_id != payment.payment_id
    )
    rows = connection.execute(others).all()
    currency = payment.amount.currency_code
    return Collected(
        charged=Money(sum(row.charged_minor for row in rows), currency),
        from_balance=Money(sum(row.balance_minor for row in rows), currency),
    )
