"""Agreements about debt that a person makes: promises to pay, claims that are held while somebody looks, terms of an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain.debt import Promise, PromiseStatus
from control.domain.documents import IssuedInvoice
from control.domain.dunning import Policy
from control.domain.money import Money
from control.domain.status import PUSHABLE
from control.mail import languages
from control.services.customers import load_account
from control.services.looks import RESOLUTION
from control.store import agreements, debt, lifecycle, revisions
from control.store.agreements import DebtTerms
from control.store.documents import load_documents
from control.store.tables import invoices
from warehouse.errors import InputError, RefusedError

LONGEST_GRACE_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class PromiseView:
    """A promise and how it stands."""

    promise: Promise
    status: PromiseStatus


def make_promise(
    control: Control, policy: Policy, account_id: str, *, amount: Money | None, promised_for: date, actor: str, now: datetime
) -> Promise:
    """Take a customer's word that an amount is paid until the end of a day. Until then no step is taken.

    Args:
        control: whose account it is.
        policy: says which promises are taken.
        account_id: who promises.
        amount: default: all that is overdue.
        promised_for: a UTC day.
        actor: who took it.
        now: when.

    Raises:
        InputError: no such account.
        RefusedError: nothing is overdue, the day or the amount is out of bounds, one runs already, or too many ended before.
    """
    today = now.astimezone(UTC).date()

    def work(connection: Connection) -> Promise:
        revisions.take(connection, 0)
        lifecycle.load(connection, account_id)
        account = load_account(connection, account_id)
        position = debt.load_debts(connection, account_id)[account_id].position(before=now + RESOLUTION, today=today)
        anchor = position.anchor(today)
        overdue = position.overdue_amount(today)
        if anchor is None:
            raise RefusedError(f"account {account_id} has nothing overdue that could be promised")
        if position.promise is not None:
            running = position.promise
            raise RefusedError(f"account {account_id} has promised {running.amount} for {running.promised_for} already; withdraw it first")
        if not today <= promised_for <= today + timedelta(days=policy.promises.max_days):
            raise RefusedError(f"the policy takes promises for today and {policy.promises.max_days} days more, not for {promised_for}")
        if position.round(anchor) >= policy.promises.max_ended:
            raise RefusedError(f"account {account_id} promised {position.round(anchor)} times and still owes; the policy takes no more")
        promised = overdue if amount is None else amount
        if promised.currency_code != account.currency_code or not 0 < promised.minor <= overdue.minor:
            raise RefusedError(f"{overdue} is overdue on account {account_id}; a promise is above zero and at most that, not {promised}")
        promise = Promise(promise_id="", account_id=account_id, amount=promised, promised_for=promised_for, made_at=now, actor=actor)
        return agreements.add_promise(connection, promise)

    return control.store.transact(work)


def withdraw_promise(control: Control, promise_id: str, *, now: datetime) -> None:
    """Take a promise out: steps go on as if it had not been made.

    Raises:
        InputError: there is none of that id that runs.
    """
    if not control.store.transact(lambda connection: agreements.withdraw_promise(connection, promise_id, now=now)):
        raise InputError(f"no promise {promise_id!r} that could be withdrawn; `meterhouse debt promises` lists them")


def list_promises(control: Control, account_id: str | None = None, *, now: datetime) -> list[PromiseView]:
    """Promises, oldest first, with how they stand."""
    today = now.astimezone(UTC).date()
    with control.store.reading() as connection:
        promises = agreements.load_promises(connection, account_id)
        debts = {one: debt.load_debts(connection, one)[one] for one in sorted({promise.account_id for promise in promises})}
    return [
        PromiseView(promise=promise, status=debts[promise.account_id].status(promise, before=now + RESOLUTION, today=today))
        for promise in promises
    ]


def hold_claim(control: Control, invoice_number: str, *, reason: str, actor: str, now: datetime) -> IssuedInvoice:
    """Let a claim not count while its customer says that it is wrong. Repeating it changes nothing.

    Raises:
        InputError: no such document.
        RefusedError: no reason is given, or it asks for nothing any more.
    """
    if not reason.strip():
        raise RefusedError("a held claim needs a reason; who looks at it later wants to know")

    def work(connection: Connection) -> IssuedInvoice:
        invoice = _document(connection, invoice_number)
        if invoice.status not in PUSHABLE or invoice.open.minor <= 0:
            raise RefusedError(f"{invoice_number} is {invoice.status} with {invoice.open} open: there is nothing to hold")
        agreements.place_hold(connection, invoice.invoice_id, reason=reason.strip(), actor=actor, now=now)
        return invoice

    return control.store.transact(work)


def release_claim(control: Control, invoice_number: str, *, now: datetime) -> IssuedInvoice:
    """Let a held claim count again, from its own due date on.

    Raises:
        InputError: no such document.
        RefusedError: nothing holds it.
    """

    def work(connection: Connection) -> IssuedInvoice:
        invoice = _document(connection, invoice_number)
        if not agreements.lift_hold(connection, invoice.invoice_id, now=now):
            raise RefusedError(f"{invoice_number} is not held")
        return invoice

    return control.store.transact(work)


def show_terms(control: Control, account_id: str) -> DebtTerms:
    """What was agreed with an account.

    Raises:
        InputError: no such account.
    """
    with control.store.reading() as connection:
        lifecycle.load(connection, account_id)
        return agreements.load_terms(connection, account_id)


def set_terms(control: Control, terms: DebtTerms, *, actor: str, now: datetime) -> DebtTerms:
    """Set what was agreed with an account.

    Raises:
        InputError: no such account, language or currency.
    """
    if terms.language not in languages():
        raise InputError(f"there are no mails in {terms.language!r}; there are {', '.join(languages())}")
    if not 0 <= terms.grace_days <= LONGEST_GRACE_DAYS:
        raise InputError(f"grace is 0 to {LONGEST_GRACE_DAYS} days, not {terms.grace_days}")

    def work(connection: Connection) -> DebtTerms:
        revisions.take(connection, 0)
        account = load_account(connection, terms.account_id)
        for amount in (terms.credit_limit, terms.prepaid_minimum):
            if amount is not None and (amount.currency_code != account.currency_code or amount.minor < 0):
                raise InputError(f"{amount} is no limit of account {account.account_id}, which pays in {account.currency_code}")
        agreements.save_terms(connection, terms, currency_code=account.currency_code, actor=actor, now=now)
        return terms

    return control.store.transact(work)


def _document(connection: Connection, invoice_number: str) -> IssuedInvoice:
    found = load_documents(connection, invoices.c.invoice_number == invoice_number)
    if not found:
        raise InputError(f"no issued invoice has the number {invoice_number!r}; `meterhouse invoice list` names those that exist")
    return found[0]
