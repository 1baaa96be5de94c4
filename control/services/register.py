"""Registers customers: account, customer at the gateway, card, first state, as one flow that ends whole or is taken back.

Where the card is refused, the account stays `new` and may bind another one. A trial needs no card: it lives on a credit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.domain.lifecycle import AccountState, AccountType
from control.domain.members import Contact, Role, checked_email
from control.domain.money import Money
from control.domain.sagas import Saga
from control.domain.taxids import checked_tax_id
from control.services import fraud
from control.services.customers import ensure_customer, load_account
from control.services.flows import Done, Flow, GatewayStep, Result, StoreStep, drive
from control.services.members import put_contact, put_member
from control.services.payment_methods import detach, forget, save_card
from control.store import lifecycle, payments, revisions, sagas
from control.store.lifecycle import Beginning
from control.store.tables import accounts, credits_
from warehouse.currencies import minor_units
from warehouse.errors import InputError, RefusedError

KIND = "register"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a trial gives: a credit, for as many days."""

    amount: Money
    days: int


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Who wants to become a customer. `card_token` empty: no card is bound yet."""

    account: AccountRow
    account_type: AccountType
    owner_email: str
    contacts: tuple[Contact, ...] = ()
    card_token: str = field(default="", repr=False)
    trial: Trial | None = None


def register(control: Control, registration: Registration, *, actor: str, now: datetime) -> Saga:
    """Register a customer, and take the flow as far as it goes now. An id that registered already goes on with its flow.

    Raises:
        InputError: no such currency or country, a wrong tax id or address.
        RefusedError: the id belongs to an account that is past its registration, or a trial is in another currency.
    """
    checked = _checked(registration)
    data = {"card_token": checked.card_token, "to_state": _first_state(checked).value, "actor": actor}

    def work(connection: Connection) -> Saga:
        revisions.take(connection, 0)
        account_id = checked.account.account_id
        stored = connection.execute(select(accounts.c.account_id).where(accounts.c.account_id == account_id)).first()
        if stored is None:
            _insert(connection, checked, actor=actor, now=now)
        elif lifecycle.load(connection, account_id).state is not AccountState.NEW:
            raise RefusedError(f"account {account_id} is registered already; choose another id, or change that account")
        return sagas.start(connection, KIND, account_id, step=FLOW.steps[0].name, data=data, now=now)

    saga = control.store.transact(work)
    control.reached(f"{KIND}.start")
    return drive(control, FLOW, saga.saga_id, now=now)


def _checked(registration: Registration) -> Registration:
    account = registration.account
    if not account.account_id or not account.name:
        raise InputError("an account needs an id and a name")
    minor_units(account.currency_code)
    if not (len(account.country_code) == 2 and account.country_code.isalpha() and account.country_code.isupper()):
        raise InputError(f"{account.country_code!r} is not a country code of two capital letters such as DE")
    if registration.account_type is AccountType.INDIVIDUAL and account.tax_id:
        raise InputError("an individual has no tax id; register a company, or leave it empty")
    if registration.trial is not None:
        if registration.trial.amount.currency_code != account.currency_code:
            raise RefusedError(f"a trial of {registration.trial.amount} does not fit an account in {account.currency_code}")
        if registration.trial.amount.minor <= 0 or registration.trial.days <= 0:
            raise InputError("a trial gives more than nothing, for at least a day")
    return replace(
        registration,
        account=replace(account, tax_id=checked_tax_id(account.country_code, account.tax_id)),
        owner_email=checked_email(registration.owner_email),
    )


def _first_state(registration: Registration) -> AccountState:
    """Who pays by card is active once it is bound; who pays by bank, at once; who has neither, after the trial."""
    if registration.trial is not None and not registration.card_token:
        return AccountState.TRIAL
    if registration.card_token or not registration.account.gateway:
        return AccountState.ACTIVE
    return AccountState.NEW


def _insert(connection: Connection, registration: Registration, *, actor: str, now: datetime) -> None:
    account = registration.account
    (revision,) = revisions.take(connection, 1)
    connection.execute(insert(accounts), asdict(account) | {"revision": revision})
    beginning = Beginning(account_id=account.account_id, account_type=registration.account_type, state=AccountState.NEW)
    lifecycle.begin(connection, [beginning], reason="registered", actor=actor, now=now)
    put_member(connection, account.account_id, registration.owner_email, Role.OWNER, actor=actor, now=now)
    for contact in registration.contacts:
        put_contact(connection, account.account_id, contact)
    if registration.trial is not None:
        (revision,) = revisions.take(connection, 1)
        row = {
            "credit_id": f"trial-{account.account_id}",
            "account_id": account.account_id,
            "amount_minor": registration.trial.amount.minor,
            "used_minor": 0,
            "currency_code": account.currency_code,
            "valid_from": now,
            "valid_to": now + timedelta(days=registration.trial.days),
            "revision": revision,
        }
        connection.execute(insert(credits_), row)


def _customer(control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    with control.store.reading() as connection:
        account = load_account(connection, saga.subject)
    if account.gateway:
        ensure_customer(control, control.gateway(account.gateway), account)
    return Done()


def _card(control: Control, saga: Saga, now: datetime) -> Result:
    if not saga.data.get("card_token"):
        return Done()
    card = save_card(control, saga.subject, saga.data["card_token"], now=now)
    return Done(data={"payment_method_id": card.payment_method_id})


def _forget_card(control: Control, saga: Saga, now: datetime) -> None:  # noqa: ARG001 - of every step
    payment_method_id = saga.data.get("payment_method_id", "")
    if not payment_method_id:
        return
    with control.store.reading() as connection:
        account = load_account(connection, saga.subject)
        customer = payments.find_customer(connection, saga.subject, account.gateway)
    if customer is not None:
        detach(control.gateway(account.gateway), customer, payment_method_id)
        control.store.transact(lambda connection: forget(connection, saga.subject, account.gateway, payment_method_id))


def _activate(connection: Connection, control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    to = AccountState(saga.data["to_state"])
    if to is not AccountState.NEW:
        lifecycle.move(connection, saga.subject, to, reason="registration complete", actor=saga.data["actor"], now=now)
        fraud.enforce(connection, saga.subject, now=now)
    return Done(data={"card_token": ""})


# The customer at the gateway is not taken back: a next try finds it again.
FLOW = Flow(
    kind=KIND,
    steps=(
        GatewayStep(name="customer", act=_customer),
        GatewayStep(name="card", act=_card, undo=_forget_card),
        StoreStep(name="activate", act=_activate),
    ),
)
