"""Closes a billing account: nothing new, the last documents issued and settled, cards forgotten, closed.

It may be taken back until the last documents are settled.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from control.bootstrap import Control
from control.domain.lifecycle import AccountState
from control.domain.sagas import Saga
from control.services.flows import Done, Flow, GatewayStep, Impossible, Result, StoreStep, Waits, drive
from control.services.lifecycle import unpaid_numbers
from control.services.payment_methods import list_methods, remove_card
from control.store import lifecycle, sagas
from control.store.tables import closed_periods
from warehouse.errors import RefusedError

KIND = "leave"


def close_account(control: Control, account_id: str, *, reason: str, actor: str, now: datetime) -> Saga:
    """Begin to close an account, and take the flow as far as it goes now.

    Raises:
        InputError: there is none of that id.
        RefusedError: no reason is given, or the account may not be closed from where it is.
    """
    if not reason.strip():
        raise RefusedError("a change of an account's state needs a reason; its history keeps it for ever")

    def work(connection: Connection) -> Saga:
        lifecycle.move(connection, account_id, AccountState.CLOSING, reason=reason.strip(), actor=actor, now=now)
        data = {"actor": actor, "month": f"{now:%Y-%m}"}
        return sagas.start(connection, KIND, account_id, step=FLOW.steps[0].name, data=data, now=now)

    saga = control.store.transact(work)
    control.reached(f"{KIND}.start")
    return drive(control, FLOW, saga.saga_id, now=now)


def _settled(connection: Connection, control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    """Wait for the close of the month in which the account stopped, and for the end of all its documents."""
    state = lifecycle.load(connection, saga.subject).state
    if state is not AccountState.CLOSING:
        return Impossible(reason=f"the account is {state} again")
    is_closed = connection.execute(select(closed_periods.c.period).where(closed_periods.c.period == saga.data["month"])).first()
    if is_closed is None:
        return Waits(reason=f"{saga.data['month']} is not closed yet")
    unpaid = unpaid_numbers(connection, saga.subject)
    if unpaid:
        return Waits(reason=f"{', '.join(unpaid)} not settled yet")
    return Done()


def _forget_cards(control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    for method in list_methods(control, saga.subject):
        remove_card(control, saga.subject, method.card.payment_method_id)
    return Done()


def _closed(connection: Connection, control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    lifecycle.move(connection, saga.subject, AccountState.CLOSED, reason="all is settled", actor=saga.data["actor"], now=now)
    return Done()


FLOW = Flow(
    kind=KIND,
    steps=(
        StoreStep(name="settled", act=_settled),
        GatewayStep(name="forget_cards", act=_forget_cards),
        StoreStep(name="closed", act=_closed),
    ),
)
