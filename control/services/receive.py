"""Takes in what gateways tell: verified, stored once, then handled by reading the present state of what it is about.

`receive` is all that a webhook's answer waits for. `handle_events` may come at once, later, or again after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from control.bootstrap import Control
from control.errors import StoreError
from control.ports import BindingFailed, Bound, EventSubject, GatewayDispute, GatewayEvent, GatewayPayment, GatewayRefund
from control.services.follow import NOTHING_NEW, account_of, follow_dispute, follow_invoice, follow_payment, follow_refund
from control.services.fraud import screen_card
from control.services.payment_methods import attempt_id_of, forget, keep, list_methods
from control.store import inbox
from control.store.fraud import CardAttempt
from warehouse.errors import MeterhouseError

# An event that cannot be handled is tried again after 1, 2, 4 … minutes, at most this much later.
LONGEST_PAUSE_MINUTES = 240


def receive(control: Control, gateway_name: str, body: bytes, headers: Mapping[str, str], *, now: datetime) -> int:
    """Verify a webhook and store its events; how many were new. Answer 2xx only when this returned.

    Raises:
        WebhookRefusedError: its signature is wrong or old; answer 400.
        InputError: no such gateway.
    """
    events = control.gateway(gateway_name).read_webhook(body, headers)
    new = control.store.transact(lambda connection: inbox.add(connection, events, now=now))
    control.reached("receive.store")
    return new


def handle_events(control: Control, *, now: datetime) -> int:
    """Handle the events that wait; how many were handled. One that cannot be handled holds up no other."""
    with control.store.reading() as connection:
        waiting = inbox.due(connection, now=now)
    count = 0
    for event, tries in waiting:
        try:
            message = _handle(control, event, now=now)
        except StoreError:
            raise
        except MeterhouseError as error:
            _put_off(control, event, tries=tries + 1, reason=str(error), now=now)
            continue
        _done(control, event, message, now=now)
        control.reached("receive.handle")
        count += 1
    return count


def _put_off(control: Control, event: GatewayEvent, *, tries: int, reason: str, now: datetime) -> None:
    due_at = now + timedelta(minutes=min(2 ** (tries - 1), LONGEST_PAUSE_MINUTES))
    control.store.transact(lambda connection: inbox.put_off(connection, event, tries=tries, reason=reason, due_at=due_at))


def _done(control: Control, event: GatewayEvent, message: str, *, now: datetime) -> None:
    control.store.transact(lambda connection: inbox.handled(connection, event, message=message, now=now))


def _handle(control: Control, event: GatewayEvent, *, now: datetime) -> str:
    """Look at what the event is about; one sentence on what came of it."""
    if event.subject is EventSubject.OTHER:
        return "nothing that we keep"
    if event.subject is EventSubject.INVOICE:
        return follow_invoice(control, event.gateway, event.invoice_id, now=now)
    if event.subject is EventSubject.CARD:
        return _follow_cards(control, event)
    return _follow_state(control, event, now=now)


def _follow_state(control: Control, event: GatewayEvent, *, now: datetime) -> str:
    match control.gateway(event.gateway).state_of(event):
        case GatewayPayment() as payment:
            message = follow_payment(control, event.gateway, payment, now=now)
        case GatewayRefund() as refund:
            message = follow_refund(control, refund, now=now)
        case GatewayDispute() as dispute:
            message = follow_dispute(control, event.gateway, dispute, now=now)
        case Bound() as bound:
            message = _follow_binding(control, event, bound, now=now)
        case BindingFailed() as failed:
            message = _follow_failed_binding(control, event, failed, now=now)
        case None:
            message = "the object is gone"
    return message


def _follow_binding(control: Control, event: GatewayEvent, bound: Bound, *, now: datetime) -> str:
    with control.store.reading() as connection:
        account_id = account_of(connection, event.gateway, event.customer_id)
    if not account_id:
        return "no customer of ours"
    # An event that comes again must not take the default from a card that was chosen since.
    if any(method.card.payment_method_id == bound.card.payment_method_id for method in list_methods(control, account_id)):
        return NOTHING_NEW
    control.store.transact(lambda connection: keep(connection, account_id, event.gateway, bound.card, now=now))
    attempt_id = attempt_id_of(event.gateway, bound.card)
    screen_card(control, CardAttempt(attempt_id=attempt_id, account_id=account_id, gateway=event.gateway, tried_at=now, card=bound.card))
    return f"account {account_id} bound a card"


def _follow_failed_binding(control: Control, event: GatewayEvent, failed: BindingFailed, *, now: datetime) -> str:
    with control.store.reading() as connection:
        account_id = account_of(connection, event.gateway, event.customer_id)
    if not account_id:
        return "no customer of ours"
    attempt_id = f"{event.gateway}/{event.event_id}"
    screen_card(control, CardAttempt(attempt_id=attempt_id, account_id=account_id, gateway=event.gateway, tried_at=now, code=failed.code))
    return f"no card was bound: {failed.message}"


def _follow_cards(control: Control, event: GatewayEvent) -> str:
    """A card was detached at the gateway: it can be charged no more. What the gateway has more, its bindings tell."""
    with control.store.reading() as connection:
        account_id = account_of(connection, event.gateway, event.customer_id)
    if not account_id:
        return "no customer of ours"
    there = {card.payment_method_id for card in control.gateway(event.gateway).list_cards(event.customer_id)}
    here = [method.card.payment_method_id for method in list_methods(control, account_id) if method.gateway == event.gateway]
    gone = [payment_method_id for payment_method_id in here if payment_method_id not in there]

    def work(connection: Connection) -> None:
        for payment_method_id in gone:
            forget(connection, account_id, event.gateway, payment_method_id)

    control.store.transact(work)
    return f"{len(gone)} cards of account {account_id} are gone" if gone else NOTHING_NEW
