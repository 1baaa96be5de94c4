"""Pay-outs as rows. What may be paid out, and to whom, is decided in the services."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from control.domain.money import Money
from control.domain.payouts import PAYOUT_TRANSITIONS, Payee, Payout, PayoutStatus
from control.domain.status import StatusError
from control.store import revisions
from control.store.tables import payouts


def add(connection: Connection, payout: Payout, *, now: datetime) -> None:
    """Write a pay-out down, in the transaction that reserves its refund."""
    (revision,) = revisions.take(connection, 1)
    row = {
        "payout_id": payout.payout_id,
        "bank_account": payout.bank_account,
        "creditor_name": payout.payee.name,
        "creditor_account": payout.payee.account,
        "currency_code": payout.amount.currency_code,
        "amount_minor": payout.amount.minor,
        "remittance": payout.remittance,
        "status": payout.status.value,
        "export_id": payout.export_id,
        "entry_id": payout.entry_id,
        "message": payout.message,
        "made_at": now,
        "updated_at": now,
        "exported_at": payout.exported_at,
        "revision": revision,
    }
    connection.execute(insert(payouts), row)


def find(connection: Connection, condition: ColumnElement[bool]) -> list[Payout]:
    """The pay-outs that meet the condition, oldest first."""
    rows = connection.execute(select(payouts).where(condition).order_by(payouts.c.made_at, payouts.c.payout_id))
    return [_payout(row) for row in rows]


def load(connection: Connection, payout_id: str) -> Payout | None:
    """One pay-out; None where the refund is given back by a gateway."""
    found = find(connection, payouts.c.payout_id == payout_id)
    return found[0] if found else None


def change(connection: Connection, payout: Payout, status: PayoutStatus, *, now: datetime, **values: object) -> None:
    """Move a pay-out.

    Raises:
        StatusError: it does not go there: somebody moved it meanwhile, or a defect of the caller.
    """
    if status not in PAYOUT_TRANSITIONS[payout.status]:
        raise StatusError(f"a pay-out does not go from {payout.status} to {status}")
    (revision,) = revisions.take(connection, 1)
    mine = update(payouts).where(payouts.c.payout_id == payout.payout_id, payouts.c.status == payout.status.value)
    moved = connection.execute(mine.values(status=status.value, updated_at=now, revision=revision, **values))
    if moved.rowcount != 1:
        raise StatusError(f"pay-out {payout.payout_id} was moved by somebody else meanwhile; look at it and repeat")


def _payout(row: Row[Any]) -> Payout:
    return Payout(
        payout_id=row.payout_id,
        bank_account=row.bank_account,
        payee=Payee(name=row.creditor_name, account=row.creditor_account),
        amount=Money(row.amount_minor, row.currency_code),
        remittance=row.remittance,
        status=PayoutStatus(row.status),
        export_id=row.export_id,
        entry_id=row.entry_id,
        message=row.message,
        exported_at=row.exported_at,
    )
