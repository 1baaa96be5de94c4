"""Compares our payments and refunds with a gateway's own lists. What is safe to mend is mended, all else is reported.

Safe is to write down what the gateway did and we did not hear of, since it names our document. Nothing is charged or given
back here: where we know of money that the gateway does not, or of other amounts, a person must look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from control.bootstrap import Control
from control.domain.ledger import Source
from control.domain.money import Money
from control.domain.payments import Payment
from control.domain.refunds import RefundStatus
from control.ports import GatewayPayment, GatewayRefund, GatewayRefundStatus
from control.services.differences import Difference, DifferenceKind, keep
from control.services.follow import follow_payment, follow_refund
from control.store import journal, refunds, revisions
from control.store.payments import payment_of
from control.store.tables import invoices
from control.store.tables import payments as payments_table
from control.store.tables import refunds as refunds_table

# Their clock and ours, and lists that a gateway completes late: how much further its lists are read than ours.
SLACK = timedelta(days=1)
# Of their payments, looked up among ours in one query.
AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What one comparison looked at and found."""

    gateway: str
    payments_compared: int
    refunds_compared: int
    differences: tuple[Difference, ...]


def reconcile(control: Control, gateway_name: str, *, since: datetime, until: datetime, now: datetime) -> Reconciliation:
    """Compare the payments and refunds of [since, until). Repeating it finds the same, or less where it was mended.

    Where the gateway's lists end before `until`, ours are compared as far as theirs tell for sure.

    Raises:
        GatewayUnavailableError, GatewayFaultError, GatewayRefusedError: the gateway gave no list.
        InputError: no such gateway.
    """
    gateway = control.gateway(gateway_name)
    listed = gateway.listed_until(now)
    theirs_until = until + SLACK if listed is None else min(until + SLACK, listed)
    theirs = _with_ours(control, gateway_name, list(gateway.list_payments(since - SLACK, theirs_until)))
    refunded = list(gateway.list_refunds(since - SLACK, theirs_until))
    found = [difference for seen in theirs if (difference := _compare(control, gateway_name, seen, now=now)) is not None]
    found += _missing_there(control, gateway_name, theirs, since=since, until=min(until, theirs_until - SLACK))
    found += _collected_twice(gateway_name, [seen for seen, _ in theirs])
    found += [difference for seen in refunded if (difference := _compare_refund(control, gateway_name, seen, now=now)) is not None]
    control.store.transact(lambda connection: keep(connection, found, now=now))
    return Reconciliation(gateway=gateway_name, payments_compared=len(theirs), refunds_compared=len(refunded), differences=tuple(found))


@dataclass(frozen=True, kw_only=True)
class _Ours:
    """What our attempts say of one payment of the gateway's: those with its id, and the one it names itself."""

    known: Money | None  # collected under the gateway's id; None: we do not know the id
    named: Payment | None  # the attempt whose payment_id the gateway tells
    named_id: str  # the gateway's id that stands on that attempt
    named_charged: Money | None


def _with_ours(control: Control, gateway: str, theirs: Sequence[GatewayPayment]) -> list[tuple[GatewayPayment, _Ours]]:
    """Each payment of theirs beside our attempts, and with our document where only the attempt tells it."""
    paired = []
    for start in range(0, len(theirs), AT_ONCE):
        part = theirs[start : start + AT_ONCE]
        is_theirs = payments_table.c.gateway_payment_id.in_([seen.gateway_payment_id for seen in part if seen.gateway_payment_id])
        is_named = payments_table.c.payment_id.in_([seen.payment_id for seen in part if seen.payment_id])
        with control.store.reading() as connection:
            rows = connection.execute(select(payments_table).where(payments_table.c.gateway == gateway, is_theirs | is_named)).all()
        paired += [(_with_document(seen, rows), _ours(seen, rows)) for seen in part]
    return paired


def _with_document(seen: GatewayPayment, rows: Sequence[Row[Any]]) -> GatewayPayment:
    own = [row.invoice_id for row in rows if row.payment_id == seen.payment_id or row.gateway_payment_id == seen.gateway_payment_id]
    return seen if seen.invoice_id or not own else replace(seen, invoice_id=own[0])


def _ours(seen: GatewayPayment, rows: Sequence[Row[Any]]) -> _Ours:
    same = [row for row in rows if row.gateway_payment_id == seen.gateway_payment_id and row.charged_minor]
    named = next((row for row in rows if row.payment_id == seen.payment_id), None)
    return _Ours(
        known=Money(sum(row.charged_minor for row in same), same[0].currency_code) if same else None,
        named=payment_of(named) if named is not None else None,
        named_id=named.gateway_payment_id if named is not None else "",
        named_charged=Money(named.charged_minor, named.currency_code) if named is not None else None,
    )


def _compare(control: Control, gateway: str, pair: tuple[GatewayPayment, _Ours], *, now: datetime) -> Difference | None:
    seen, ours = pair
    with control.store.reading() as connection:
        number = connection.execute(select(invoices.c.invoice_number).where(invoices.c.invoice_id == seen.invoice_id)).scalar_one_or_none()

    def difference(kind: DifferenceKind, message: str, *, is_mended: bool = False) -> Difference:
        return Difference(
            gateway=gateway,
            kind=kind,
            invoice_id=seen.invoice_id,
            gateway_payment_id=seen.gateway_payment_id,
            message=message,
            is_mended=is_mended,
        )

    if ours.known is None and number is None:
        return difference(DifferenceKind.UNKNOWN_PAYMENT, f"{seen.paid} collected for a document that is not ours")
    if ours.known is None and ours.named is not None and ours.named_charged == seen.paid:
        # Counted already: the attempt that the gateway names collected this, only its id there is not ours.
        is_mended = not ours.named_id and _learn_id(control, ours.named, seen, now=now)
        message = f"payment {seen.payment_id} of {number} is {seen.gateway_payment_id} there, {ours.named_id or 'without an id'} here"
        return difference(DifferenceKind.REFERENCE_DIFFERS, message, is_mended=is_mended)
    message = _take(control, gateway, seen, now=now)
    if ours.known is not None:
        if ours.known == seen.paid:
            return None
        return difference(DifferenceKind.AMOUNT_DIFFERS, f"{seen.paid} collected there, {ours.known} here")
    ((_, after),) = _with_ours(control, gateway, [seen])
    return difference(DifferenceKind.MISSING_HERE, f"{seen.paid} collected for {number}: {message}", is_mended=after.known == seen.paid)


def _learn_id(control: Control, payment: Payment, seen: GatewayPayment, *, now: datetime) -> bool:
    """Write the gateway's id on an attempt of ours that has none."""

    def work(connection: Connection) -> bool:
        (revision,) = revisions.take(connection, 1)
        mine = update(payments_table).where(payments_table.c.payment_id == payment.payment_id, payments_table.c.gateway_payment_id == "")
        values = {"gateway_payment_id": seen.gateway_payment_id, "updated_at": now, "revision": revision}
        return connection.execute(mine.values(**values)).rowcount == 1

    return control.store.transact(work)


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
    control: Control, gateway: str, theirs: Sequence[tuple[GatewayPayment, _Ours]], *, since: datetime, until: datetime
) -> list[Difference]:
    there = {seen.gateway_payment_id for seen, _ in theirs}
    named = {seen.payment_id for seen, _ in theirs}
    mine = select(payments_table).where(
        payments_table.c.gateway == gateway, payments_table.c.updated_at >= since, payments_table.c.updated_at < until
    )
    with control.store.reading() as connection:
        rows: Sequence[Row[Any]] = connection.execute(mine.order_by(payments_table.c.payment_id)).all()
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
        if row.charged_minor and row.gateway_payment_id not in there and row.payment_id not in named
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
