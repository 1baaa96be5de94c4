"""Charges declined cards again when the policy says so. What was never pushed is not charged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from control.bootstrap import Control
from control.domain.debt import Claim
from control.domain.payments import PushOutcome
from control.domain.retries import DeclinedTry, RetryPolicy, next_retry
from control.domain.status import PaymentStatus
from control.services import push
from control.store import payments
from control.store.tables import accounts
from control.store.tables import payments as payments_table


def retry_cards(control: Control, policy: RetryPolicy, account_id: str, claims: Sequence[Claim], *, now: datetime) -> list[PushOutcome]:
    """Charge an account's card for those of its claims whose next try has come; what came of each.

    Raises:
        RefusedError: a push goes on, which would charge the same card.
    """
    with control.store.reading() as connection:
        gateway: str = connection.execute(select(accounts.c.gateway).where(accounts.c.account_id == account_id)).scalar_one()
        customer = payments.find_customer(connection, account_id, gateway) if gateway else None
        if customer is None or not customer.payment_method_id:
            return []
        due = [claim.invoice_id for claim in claims if _is_due(connection, policy, customer.payment_method_id, claim, now=now)]
    return push.retry(control, due, now=now)


def _is_due(connection: Connection, policy: RetryPolicy, payment_method_id: str, claim: Claim, *, now: datetime) -> bool:
    last = payments.last_payment(connection, claim.invoice_id)
    if last is None or last.status is not PaymentStatus.DECLINED:
        return False
    mine = select(payments_table).where(
        payments_table.c.invoice_id == claim.invoice_id, payments_table.c.status == PaymentStatus.DECLINED.value
    )
    tries = [
        DeclinedTry(at=row.updated_at, code=row.reason_code, payment_method_id=row.payment_method_id)
        for row in connection.execute(mine.order_by(payments_table.c.attempt))
    ]
    at = next_retry(policy, tries, payment_method_id=payment_method_id)
    return at is not None and at <= now
