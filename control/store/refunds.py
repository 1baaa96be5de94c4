"""Refunds as rows. What may be refunded is decided in domain/refunds.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from control.domain.money import Money
from control.domain.refunds import REFUND_TRANSITIONS, Refund, Refunded, RefundStatus
from control.domain.status import StatusError
from control.store import revisions
from control.store.tables import invoices, refunds


def add(connection: Connection, refund: Refund, *, now: datetime) -> None:
    """Write a refund down before the gateway is asked."""
    (revision,) = revisions.take(connection, 1)
    row = {
        "refund_id": refund.refund_id,
        "invoice_id": refund.invoice_id,
        "payment_id": refund.payment_id,
        "gateway": refund.gateway,
        "gateway_payment_id": refund.gateway_payment_id,
        "gateway_customer_id": refund.customer_id,
        "currency_code": refund.amount.currency_code,
        "amount_minor": refund.amount.minor,
        "reason": refund.reason,
        "actor": refund.actor,
        "status": refund.status.value,
        "gateway_refund_id": refund.gateway_refund_id,
        "note_id": refund.note_id,
        "message": refund.message,
        "asked_at": now,
        "updated_at": now,
        "revision": revision,
    }
    connection.execute(insert(refunds), row)


def load(connection: Connection, refund_id: str) -> Refund:
    """One refund."""
    return _refund(connection.execute(select(refunds).where(refunds.c.refund_id == refund_id)).one())


def find(connection: Connection, condition: ColumnElement[bool]) -> list[Refund]:
    """The refunds that meet the condition, oldest first."""
    rows = connection.execute(select(refunds).where(condition).order_by(refunds.c.asked_at, refunds.c.refund_id))
    return [_refund(row) for row in rows]


def change(connection: Connection, refund: Refund, *, now: datetime, status: RefundStatus | None = None, **values: Any) -> None:  # noqa: ANN401 - columns
    """Write on a refund how it went.

    Raises:
        StatusError: a change of status that does not exist: a defect of the caller.
    """
    if status is not None and status is not refund.status and status not in REFUND_TRANSITIONS[refund.status]:
        raise StatusError(f"a refund does not go from {refund.status} to {status}")
    (revision,) = revisions.take(connection, 1)
    if status is not None:
        values["status"] = status.value
    connection.execute(update(refunds).where(refunds.c.refund_id == refund.refund_id).values(updated_at=now, revision=revision, **values))


def by_payment(connection: Connection, invoice_id: str, currency_code: str) -> dict[str, Money]:
    """What is given back of each payment of a document, or is about to be."""
    sums: dict[str, Money] = {}
    for refund in find(connection, (refunds.c.invoice_id == invoice_id) & (refunds.c.status != RefundStatus.FAILED.value)):
        sums[refund.payment_id] = sums.get(refund.payment_id, Money(0, currency_code)) + refund.amount
    return sums


def noted(connection: Connection, invoice_id: str, currency_code: str) -> Refunded:
    """What the refund notes of a document took back so far."""
    notes: Sequence[str] = connection.execute(select(refunds.c.note_id).where(refunds.c.invoice_id == invoice_id)).scalars().all()
    rows = connection.execute(select(invoices).where(invoices.c.invoice_id.in_([note for note in notes if note]))).all()
    return Refunded(
        net=Money(-sum(row.subtotal_minor for row in rows), currency_code),
        gross=Money(-sum(row.total_minor for row in rows), currency_code),
    )


def _refund(row: Row[Any]) -> Refund:
    return Refund(
        refund_id=row.refund_id,
        invoice_id=row.invoice_id,
        payment_id=row.payment_id,
        gateway=row.gateway,
        gateway_payment_id=row.gateway_payment_id,
        customer_id=row.gateway_customer_id,
        amount=Money(row.amount_minor, row.currency_code),
        reason=row.reason,
        actor=row.actor,
        status=RefundStatus(row.status),
        gateway_refund_id=row.gateway_refund_id,
        note_id=row.note_id,
        message=row.message,
    )
