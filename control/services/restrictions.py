"""Restricts accounts for a cause and frees them; what every mail about debt may name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from control.bootstrap import Control
from control.domain.debt import Claim
from control.domain.money import Money
from control.store import agreements, outbox
from control.store.outbox import Message
from control.store.tables import accounts


def impose(connection: Connection, account_id: str, cause: str, *, reason: str, now: datetime) -> int:
    """Restrict an account for a cause, and tell others where it was free before; as store.agreements.restrict."""
    is_first = not agreements.active_restrictions(connection, account_id)
    number = agreements.restrict(connection, account_id, cause, reason=reason, now=now)
    if number and is_first:
        data = {"account_id": account_id, "cause": cause, "reason": reason}
        outbox.publish(connection, [Message(event_type="account.restricted", subject=account_id, data=data)], now=now)
    return number


def lift(connection: Connection, account_id: str, cause: str, *, reason: str, now: datetime) -> bool:
    """Lift a restriction, and tell others where nothing restricts the account any more; whether there was one."""
    if not agreements.unrestrict(connection, account_id, cause, now=now):
        return False
    if not agreements.active_restrictions(connection, account_id):
        data = {"account_id": account_id, "cause": cause, "reason": reason}
        outbox.publish(connection, [Message(event_type="account.unrestricted", subject=account_id, data=data)], now=now)
    return True


def letter(connection: Connection, control: Control, account_id: str, claims: Sequence[Claim], amount: Money) -> dict[str, Any]:
    """What every mail may name."""
    row = connection.execute(select(accounts.c.name, accounts.c.legal_name).where(accounts.c.account_id == account_id)).one()
    return {
        "name": " ".join((row.legal_name or row.name).split()),
        "amount": str(amount),
        "claims": [
            {"invoice_number": claim.invoice_number, "amount": str(claim.open), "due_date": claim.due_date.isoformat()} for claim in claims
        ],
        "pay_url": control.settings.pay_url,
        "seller": control.settings.seller_legal_name,
    }
