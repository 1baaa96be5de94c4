"""Compares our payments and refunds with a gateway's own lists. What is safe to mend is mended, all else is reported.

Safe is to write down what the gateway did and we did not hear of, since it names our document. Nothing is charged or given
back here: where we know of money that the gateway does not, or of other amounts, a person must look.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Row, insert, select, update

from control.bootstrap import Control
from control.domain.ledger import Source
from control.domain.money import Money
from control.domain.refunds import RefundStatus
from control.ports import GatewayPayment, GatewayRefund, GatewayRefundStatus
from control.services.follow import follow_payment, follow_refund
from control.store import journal, outbox, refunds, revisions
from control.store.outbox import Message
from control.store.tables import invoices, payment_differences
from control.store.tables import payments as payments_table
from control.store.tables import refunds as refunds_table

# Their clock and ours, and lists that a gateway completes late: how much further its lists are read than ours.
SLACK = timedelta(days=1)


class DifferenceKind(StrEnum):
    """What a reconciliation may find."""

    MISSING_HERE = "missing_here"  # collected for a document of ours, and we did not know: mended
    MISSING_THERE = "missing_there"  # we say collected, the gateway does not know of it
    AMOUNT_DIFFERS = "amount_differs"
    COLLECTED_TWICE = "collected_twice"  # two payments of one document
    UNKNOWN_PAYMENT = "unknown_payment"  # names a document that we do not have
    REFUND_DIFFERS = "refund_differs"  # ended there otherwise than here: mended
    UNKNOWN_REFUND = "unknown_refund"  # given back by hand at the gateway


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that the gateway says differently. `is_mended`: our books say it now too."""

    gateway: str
    kind: DifferenceKind
    invoice_id: str
    gateway_payment_id: str
    message: str
    is_mended: bool

    @property
    def difference_id(self) -> str:
        """The same for the same difference, however often it is found."""
        return hashlib.sha256("\0".join((self.gateway, self.kind, self.invoice_id, self.gateway_payment_id)).encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What one comparison looked at and found."""

    gateway: str
    payments_compared: int
    refunds_compared: int
    differences: tuple[Difference, ...]


def reconcile(control: Control, gateway_name: str, *, since: datetime, until: datetime, now: datetime) -> Reconciliation:
    """Compare the payments and refunds of [since, until). Repeating it finds the same, or less where it was mended.

    Raises:
        GatewayUnavailableError, GatewayFaultError, GatewayRefusedError: the gateway gave no list.
        InputError: no such gateway.
    """
    gateway = control.gateway(gateway_name)
    theirs = list(gateway.list_payments(since - SLACK, until + SLACK))
    refunded = list(gateway.list_refunds(since - SLACK, until + SLACK))
    known = _ours(control, gateway_name)
    found = [difference for seen in theirs if (difference := _compare(control, gateway_name, seen, known, now=now)) is not None]
    found += _missing_there(control, gateway_name, theirs, since=since, until=until)
    found += _collected_twice(gateway_name, theirs)
    found += [difference for seen in refunded if (difference := _compare_refund(control, gateway_name, seen, now=now)) is not None]
    control.store.transact(lambda connection: _keep(connection, found, now=now))
    return Reconciliation(gateway=gateway_name, payments_compared=len(theirs), refunds_compared=len(refunded), differences=tuple(found))


def open_differences(control: Control) -> list[Difference]:
    """What was reported and is not mended, oldest first."""
    rows = select(payment_differences).where(payment_differences.c.is_mended.is_(False))
    with control.store.reading() as connection:
        return [
            Difference(
                gateway=row.gateway,
                kind=DifferenceKind(row.kind),
                invoice_id=row.invoice_id,
                gateway_payment_id=row.gateway_payment_id,
                message=row.message,
                is_mended=row.is_mended,
            )
            for row in connection.execute(rows.order_by(payment_differences.c.found_at, payment_differences.c.difference_id))
        ]


def _ours(control: Control, gateway: str) -> dict[str, Money]:
    """What our attempts collected by card, by the gateway's id of the payment."""
    with control.store.reading() as connection:
        rows = connection.execute(select(payments_table).where(payments_table.c.gateway == gateway)).all()
    sums: dict[str, Money] = {}
    for row in rows:
        if row.gateway_payment_id and row.charged_minor:
            before = sums.get(row.gateway_payment_id, Money(0, row.currency_code))
            sums[row.gateway_payment_id] = before + Money(row.charged_minor, row.currency_code)
    return sums


def _compare(control: Control, gateway: str, seen: GatewayPayment, known: Mapping[str, Money], *, now: datetime) -> Difference | None:
    with control.store.reading() as connection:
        number = connection.execute(select(invoices.c.invoice_number).where(invoices.c.invoice_id == seen.invoice_id)).scalar_one_or_none()
    ours = known.get(seen.gateway_payment_id)

    def difference(kind: DifferenceKind, message: str, *, is_mended: bool = False) -> Difference:
        return Difference(
            gateway=gateway,
            kind=kind,
            invoice_id=seen.invoice_id,
            gateway_payment_id=seen.gateway_payment_id,
            message=message,
            is_mended=is_mended,
        )

    if ours is None and number is None:
        return difference(DifferenceKind.UNKNOWN_PAYMENT, f"{seen.paid} collected for a document that is not ours")
    message = _take(control, gateway, seen, now=now)
    if ours is not None:
        if ours == seen.paid:
            return None
        return difference(DifferenceKind.AMOUNT_DIFFERS, f"{seen.paid} collected there, {ours} here")
    is_mended = _ours(control, gateway).get(seen.gateway_payment_id) == seen.paid
    return difference(DifferenceKind.MISSING_HERE, f"{seen.paid} collected for {number}: {message}", is_mended=is_mended)


def _take(control: Control, gateway: str, seen: GatewayPayment, *, now: datetime) -> str:
    """Write down what the gateway did, its fee too; nothing to do where both are known."""
    with control.store.reading() as connection:
        has_fee = seen.fee is None or not seen.fee or journal.is_posted(connection, Source.FEE, f"{gateway}/{seen.gateway_payment_id}")
        mine = select(payments_table.c.payment_id).where(
            payments_table.c.gateway == gateway, payments_table.c.gateway_payment_id == seen.gateway_payment_id
        )
        is_known = connection.execute(mine).first() is not None
    return "" if has_fee and is_known else follow_payment(control, gateway, seen, now=now)


def _missing_there(
    control: Control, gateway: str, theirs: Sequence[GatewayPayment], *, since: datetime, until: datetime
) -> list[Difference]:
    there = {seen.gateway_payment_id for seen in theirs}
    mine = select(payments_table).where(
        payments_table.c.gateway == gateway, payments_table.c.updated_at >= since, payments_table.c.updated_at < until
    )
    with control.store.reading() as connection:
        rows: Sequence[Row[tuple[object, ...]]] = connection.execute(mine.order_by(payments_table.c.payment_id)).all()
    return [
        Difference(
            gateway=gateway,
            kind=DifferenceKind.MISSING_THERE,
            invoice_id=str(row.invoice_id),
            gateway_payment_id=str(row.gateway_payment_id),
            message=f"{Money(row.charged_minor, row.currency_code)} collected here, of which {gateway} does not know",
            is_mended=False,
        )
        for row in rows
        if row.charged_minor and row.gateway_payment_id not in there
    ]


def _collected_twice(gateway: str, theirs: Sequence[GatewayPayment]) -> list[Difference]:
    by_invoice: dict[str, list[GatewayPayment]] = defaultdict(list)
    for seen in theirs:
        if seen.invoice_id and seen.paid != seen.refunded:
            by_invoice[seen.invoice_id].append(seen)
    return [
        Difference(
            gateway=gateway,
            kind=DifferenceKind.COLLECTED_TWICE,
            invoice_id=invoice_id,
            gateway_payment_id=seen[-1].gateway_payment_id,
            message=f"{len(seen)} payments of one document; refund all but one",
            is_mended=False,
        )
        for invoice_id, seen in sorted(by_invoice.items())
        if len(seen) > 1
    ]


def _compare_refund(control: Control, gateway: str, seen: GatewayRefund, *, now: datetime) -> Difference | None:
    with control.store.reading() as connection:
        found = refunds.find(connection, refunds_table.c.refund_id == seen.refund_id)

    def difference(kind: DifferenceKind, message: str, *, is_mended: bool) -> Difference:
        invoice_id = found[0].invoice_id if found else ""
        return Difference(
            gateway=gateway,
            kind=kind,
            invoice_id=invoice_id,
            gateway_payment_id=seen.gateway_payment_id,
            message=message,
            is_mended=is_mended,
        )

    if not found:
        if seen.status is GatewayRefundStatus.FAILED:
            return None
        return difference(DifferenceKind.UNKNOWN_REFUND, f"{seen.amount} given back by hand at {gateway}", is_mended=False)
    if seen.status.value == found[0].status.value or seen.status is GatewayRefundStatus.PENDING:
        return None
    message = follow_refund(control, seen, now=now)
    with control.store.reading() as connection:
        after = refunds.load(connection, seen.refund_id)
    is_returned = after.status is RefundStatus.SUCCEEDED and seen.status is GatewayRefundStatus.FAILED
    if found[0] == after and is_returned:
        return None  # it came back after it had succeeded, and stands in the books as that
    is_mended = is_returned or after.status.value == seen.status.value
    return difference(DifferenceKind.REFUND_DIFFERS, f"{seen.status} there, {found[0].status} here: {message}", is_mended=is_mended)


def _keep(connection: Connection, found: Sequence[Difference], *, now: datetime) -> None:
    """Write differences down, and tell of those that are new and not mended."""
    for difference in found:
        (revision,) = revisions.take(connection, 1)
        mine = payment_differences.c.difference_id == difference.difference_id
        values = {"message": difference.message, "is_mended": difference.is_mended, "revision": revision}
        if connection.execute(update(payment_differences).where(mine).values(**values)).rowcount:
            continue
        row = {
            "difference_id": difference.difference_id,
            "gateway": difference.gateway,
            "kind": difference.kind.value,
            "invoice_id": difference.invoice_id,
            "gateway_payment_id": difference.gateway_payment_id,
            "found_at": now,
        }
        connection.execute(insert(payment_differences), row | values)
        if not difference.is_mended:
            data = row | {"message": difference.message, "found_at": now.isoformat()}
            outbox.publish(connection, [Message(event_type="payments.differ", subject=difference.gateway, data=data)], now=now)
