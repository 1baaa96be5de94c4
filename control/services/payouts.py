"""Transfers refunds of bank payments: exported for the bank, found again in its statement, or booked and cancelled by hand.

A pay-out is one step of its refund's flow (refund.py), which waits for its end; whoever ends it lets the flow go on.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, true

from control.bootstrap import Control
from control.domain.payouts import Payout, PayoutStatus
from control.domain.refunds import Refund, RefundStatus
from control.domain.sagas import UNFINISHED, Saga
from control.gateways.bank import StatementEntry
from control.gateways.bank.transfers import write_transfers
from control.services import refund as refund_flow
from control.services.flows import drive
from control.store import payouts, refunds, revisions, sagas
from control.store.tables import payouts as payouts_table
from control.store.tables import sagas as sagas_table
from warehouse.errors import InputError, RefusedError


@dataclass(frozen=True, kw_only=True)
class Export:
    """One message to the bank. Made from the rows, so it can be made again, the same to the byte."""

    export_id: str
    payouts: tuple[Payout, ...]
    content: bytes


def list_payouts(control: Control, status: PayoutStatus | None = None) -> list[Payout]:
    """All pay-outs, or those that stand so, oldest first."""
    with control.store.reading() as connection:
        found = payouts.find(connection, true())
    return [payout for payout in found if status is None or payout.status is status]


def export_payouts(control: Control, *, now: datetime) -> Export | None:
    """Put all that waits into a message for the bank; None where nothing waits.

    What was exported is never in another message. Where the file was lost, `export_again` makes it once more.
    """

    def work(connection: Connection) -> str:
        revisions.take(connection, 0)  # of two that export at once, one finds nothing
        waiting = payouts.find(connection, payouts_table.c.status == PayoutStatus.WAITING.value)
        export_id = uuid.uuid4().hex if waiting else ""
        for payout in waiting:
            payouts.change(connection, payout, PayoutStatus.EXPORTED, now=now, export_id=export_id, exported_at=now)
        return export_id

    export_id = control.store.transact(work)
    control.reached("payout.export")
    return export_again(control, export_id) if export_id else None


def export_again(control: Control, export_id: str) -> Export:
    """The message of an earlier export, with all that was in it.

    Raises:
        InputError: there is none of that id.
    """
    with control.store.reading() as connection:
        own = payouts.find(connection, (payouts_table.c.export_id == export_id) & (payouts_table.c.export_id != ""))
    exported_at = own[0].exported_at if own else None
    if exported_at is None:
        raise InputError(f"no pay-outs were exported as {export_id!r}; `meterhouse payout list` names the exports")
    debtor = control.settings.seller.legal_name or "Meterhouse"
    content = write_transfers(own, export_id=export_id, debtor=debtor, made_at=exported_at)
    return Export(export_id=export_id, payouts=tuple(own), content=content)


def take_entry(connection: Connection, entry: StatementEntry, *, now: datetime) -> str | None:
    """Book the pay-out that a statement's entry shows, or that came back with it; a sentence on it, None where it is none of ours.

    Raises:
        StatusError: somebody moved the pay-out meanwhile.
    """
    payout = payouts.load(connection, entry.end_to_end_id) if entry.end_to_end_id else None
    if payout is None:
        return None
    if entry.amount == -payout.amount and not entry.is_reversal:
        return _book(connection, payout, entry.entry_id, now=now)
    if entry.amount == payout.amount and (entry.is_reversal or entry.return_reason):
        return _come_back(connection, payout, entry.return_reason or "reversed", now=now)
    return f"it names pay-out {payout.payout_id} of {payout.amount}, but moves {entry.amount}: a person must look"


def mark_paid(control: Control, payout_id: str, *, reference: str, now: datetime) -> Refund:
    """Say that the money left by another way than an export, or that the statement does not name it.

    Raises:
        InputError: no such pay-out.
        RefusedError: no reference is given, or it has ended.
    """
    if not reference.strip():
        raise RefusedError("say how the money left: the bank's reference of the transfer; auditors ask for it")
    return _end(control, payout_id, PayoutStatus.BOOKED, now=now, entry_id=reference.strip())


def cancel(control: Control, payout_id: str, *, reason: str, is_rejected: bool, now: datetime) -> Refund:
    """Give a pay-out up; its refund fails, and no note is issued.

    Args:
        control: keeps it.
        payout_id: the refund's id.
        reason: stands on the refund.
        is_rejected: the bank refused the exported transfer. Without that an exported one may still be executed.
        now: when.

    Raises:
        InputError: no such pay-out.
        RefusedError: it was exported and nobody says that the bank refused it, or it has ended.
    """
    with control.store.reading() as connection:
        payout = payouts.load(connection, payout_id)
    if payout is not None and payout.status is PayoutStatus.EXPORTED and not is_rejected:
        raise RefusedError(f"pay-out {payout_id} is in export {payout.export_id} and may be executed; cancel it where the bank rejected it")
    return _end(control, payout_id, PayoutStatus.FAILED, now=now, message=reason.strip() or "cancelled")


def go_on(control: Control, *, now: datetime) -> int:
    """Let the refunds go on whose pay-outs have ended; how many did."""
    ended = payouts_table.c.status.in_([PayoutStatus.BOOKED.value, PayoutStatus.FAILED.value])
    is_open = sagas_table.c.status.in_([status.value for status in UNFINISHED])
    both = select(sagas_table.c.saga_id).join(payouts_table, payouts_table.c.payout_id == sagas_table.c.subject)
    wanted = both.where(sagas_table.c.kind == refund_flow.KIND, ended, is_open).order_by(sagas_table.c.started_at)
    with control.store.reading() as connection:
        waiting: Sequence[str] = connection.execute(wanted).scalars().all()
    for saga_id in waiting:
        drive(control, refund_flow.FLOW, saga_id, now=now)
    return len(waiting)


def _end(control: Control, payout_id: str, status: PayoutStatus, *, now: datetime, **values: str) -> Refund:
    def work(connection: Connection) -> None:
        revisions.take(connection, 0)
        payout = payouts.load(connection, payout_id)
        if payout is None:
            raise InputError(f"no pay-out {payout_id!r}; `meterhouse payout list` names them")
        if payout.status not in (PayoutStatus.WAITING, PayoutStatus.EXPORTED):
            raise RefusedError(f"pay-out {payout_id} is {payout.status} already")
        payouts.change(connection, payout, status, now=now, **values)
        _wake(connection, payout, now=now)

    control.store.transact(work)
    go_on(control, now=now)
    with control.store.reading() as connection:
        return refunds.load(connection, payout_id)


def _book(connection: Connection, payout: Payout, entry_id: str, *, now: datetime) -> str:
    if payout.status is PayoutStatus.BOOKED:
        twice = "" if entry_id == payout.entry_id else f", and {payout.amount} left again: a person must look"
        return f"pay-out {payout.payout_id} is booked already{twice}"
    if payout.status is PayoutStatus.FAILED:
        return f"pay-out {payout.payout_id} was given up, but {payout.amount} left: a person must look"
    payouts.change(connection, payout, PayoutStatus.BOOKED, now=now, entry_id=entry_id)
    _wake(connection, payout, now=now)
    return f"pay-out {payout.payout_id} to {payout.payee.name}"


def _come_back(connection: Connection, payout: Payout, reason: str, *, now: datetime) -> str:
    """The payee's bank sent it back. A refund that is settled stays, and the money is the customer's balance with us."""
    refund = refunds.load(connection, payout.payout_id)
    if refund.status is RefundStatus.SUCCEEDED:
        refund_flow.take_returned(connection, refund, message=reason, now=now)
    elif payout.status is not PayoutStatus.FAILED:
        payouts.change(connection, payout, PayoutStatus.FAILED, now=now, message=f"the bank sent it back: {reason}")
        _wake(connection, payout, now=now)
    return f"pay-out {payout.payout_id} came back: {reason}"


def _wake(connection: Connection, payout: Payout, *, now: datetime) -> Saga | None:
    """Make the refund's flow due, in the transaction that ends its pay-out: `work` goes on with it where we cannot."""
    saga = sagas.unfinished(connection, refund_flow.KIND, payout.payout_id)
    return None if saga is None else sagas.change(connection, saga, now=now, due_at=now)
