"""Goes on with everything that waits: events, attempts, flows, bank receipts, what follows from them, messages to others.

Killed anywhere and run again, it goes on where things stand. It begins no charge that nobody pushed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from control.bootstrap import Control
from control.domain.sagas import UNFINISHED
from control.services.bank import apply_waiting
from control.services.deliver import Post, deliver
from control.services.flows import drive
from control.services.lifecycle import review
from control.services.mail import send_mails
from control.services.payment_methods import remind_of_expiry
from control.services.push import WAIT_SECONDS, resume
from control.services.receive import handle_events
from control.services.recovery import recover
from control.services.registry import FLOWS
from control.services.webhook_subscriptions import deliver_webhooks
from control.store import inbox, mails, outbox, sagas
from control.store.tables import gateway_events, payments
from control.store.tables import mails as mails_table
from control.store.tables import outbox as outbox_table
from control.store.tables import sagas as sagas_table


@dataclass(frozen=True, kw_only=True)
class Worked:
    """What one round did, and what still waits for its time or for an answer."""

    events_handled: int
    attempts_resumed: int
    flows_driven: int
    receipts_applied: int
    accounts_moved: int
    reminders: int
    messages_sent: int
    mails_sent: int
    webhooks_sent: int
    events_waiting: int
    attempts_waiting: int
    flows_waiting: int
    messages_waiting: int
    messages_given_up: int
    mails_waiting: int
    mails_given_up: int

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, but for messages that nobody is to be sent to."""
        return not (self.events_waiting or self.attempts_waiting or self.flows_waiting)


def work(control: Control, *, now: datetime, post: Post | None = None, wait_seconds: float = WAIT_SECONDS) -> Worked:
    """One round.

    Args:
        control: whose work it is.
        now: decides what is due.
        post: delivers messages; default: over HTTP.
        wait_seconds: how long to wait for a push to end.

    Raises:
        RefusedError: a push goes on.
        StoreError: the store does not answer.
    """
    events = handle_events(control, now=now)
    attempts = resume(control, now=now, wait_seconds=wait_seconds)
    flows = _drive_due(control, now=now)
    receipts = apply_waiting(control, now=now)
    moved = review(control, now=now)
    recovered = recover(control, now=now)
    reminders = remind_of_expiry(control, now=now)
    delivered = deliver(control, now=now, post=post)
    mailed = send_mails(control, now=now)
    webhooks = deliver_webhooks(control, now=now, post=post)
    waiting = _waiting(control)
    return Worked(
        events_handled=events,
        attempts_resumed=len(attempts),
        flows_driven=flows,
        receipts_applied=receipts,
        accounts_moved=len(moved) + recovered,
        reminders=reminders,
        messages_sent=delivered.sent,
        mails_sent=mailed.sent,
        webhooks_sent=webhooks,
        events_waiting=waiting["events"],
        attempts_waiting=waiting["attempts"],
        flows_waiting=waiting["flows"],
        messages_waiting=waiting["messages"],
        messages_given_up=waiting["given_up"],
        mails_waiting=waiting["mails"],
        mails_given_up=waiting["mails_given_up"],
    )


def _drive_due(control: Control, *, now: datetime) -> int:
    with control.store.reading() as connection:
        due = sagas.due(connection, now=now)
        kinds = {saga_id: sagas.load(connection, saga_id).kind for saga_id in due}
    for saga_id in due:
        drive(control, FLOWS[kinds[saga_id]], saga_id, now=now)
    return len(due)


def _waiting(control: Control) -> Counter[str]:
    unfinished = [status.value for status in UNFINISHED]
    wanted = {
        "events": select(func.count()).select_from(gateway_events).where(gateway_events.c.status == inbox.PENDING),
        "attempts": select(func.count()).select_from(payments).where(payments.c.status == "pending"),
        "flows": select(func.count()).select_from(sagas_table).where(sagas_table.c.status.in_(unfinished)),
        "messages": select(func.count()).select_from(outbox_table).where(outbox_table.c.status == outbox.PENDING),
        "given_up": select(func.count()).select_from(outbox_table).where(outbox_table.c.status == outbox.GIVEN_UP),
        "mails": select(func.count()).select_from(mails_table).where(mails_table.c.status == mails.PENDING),
        "mails_given_up": select(func.count()).select_from(mails_table).where(mails_table.c.status == mails.GIVEN_UP),
    }
    with control.store.reading() as connection:
        return Counter({name: int(connection.execute(statement).scalar_one()) for name, statement in wanted.items()})
