"""What debt is computed from and what was done about it, as rows. What follows from it is decided in domain/dunning.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, insert, select, true

from control.domain.debt import AccountDebt, DebtDocument, LedgerLine, Promise
from control.domain.documents import Kind
from control.domain.dunning import ENTER, Decision, Policy, Progress
from control.domain.ledger import LedgerAccount, Source
from control.domain.lifecycle import AccountState
from control.domain.money import Money
from control.domain.status import PUSHABLE, PaymentStatus
from control.store import revisions
from control.store.agreements import OVERDUE, load_holds, load_promises
from control.store.mails import PENDING
from control.store.tables import (
    account_changes,
    accounts,
    billing_accounts,
    dunning_steps,
    invoices,
    journal_entries,
    journal_postings,
    mails,
    payments,
    restrictions,
)

_ABOUT_DEBT = tuple(account.value for account in (LedgerAccount.RECEIVABLE, LedgerAccount.CUSTOMER_BALANCE, LedgerAccount.BAD_DEBT))


def load_debts(connection: Connection, account_id: str | None = None) -> dict[str, AccountDebt]:
    """Everything that positions are read from, of all accounts that ever had a document or a balance, or of one account."""

    def own(column: Column[str]) -> ColumnElement[bool]:
        return column == account_id if account_id else true()

    documents: dict[str, dict[str, DebtDocument]] = defaultdict(dict)
    for row in connection.execute(
        _columns(invoices, "invoice_id", "invoice_number", "account_id", "kind", "due_date", "currency_code").where(
            own(invoices.c.account_id)
        )
    ):
        documents[row.account_id][row.invoice_id] = DebtDocument(
            invoice_id=row.invoice_id,
            invoice_number=row.invoice_number,
            account_id=row.account_id,
            kind=Kind(row.kind),
            due_date=row.due_date,
            currency_code=row.currency_code,
        )
    lines: dict[str, list[LedgerLine]] = defaultdict(list)
    for line in _lines(connection, own(journal_entries.c.account_id)):
        lines[line.account_id].append(line)
    holds = load_holds(connection, account_id)
    promised: dict[str, list[Promise]] = defaultdict(list)
    for promise in load_promises(connection, account_id):
        promised[promise.account_id].append(promise)
    pending = select(payments.c.invoice_id).join(invoices, invoices.c.invoice_id == payments.c.invoice_id)
    open_attempts = pending.where(payments.c.status == PaymentStatus.PENDING.value, own(invoices.c.account_id))
    under_way = frozenset(str(row.invoice_id) for row in connection.execute(open_attempts))
    currencies = {
        str(row.account_id): str(row.currency_code)
        for row in connection.execute(_columns(accounts, "account_id", "currency_code").where(own(accounts.c.account_id)))
    }
    wanted = [account_id] if account_id else sorted(set(documents) | set(lines))
    return {
        one: AccountDebt(
            account_id=one,
            currency_code=currencies[one],
            documents=documents[one],
            lines=lines[one],
            holds=holds[one],
            promises=promised[one],
            under_way=under_way,
        )
        for one in wanted
    }


def _columns(table: Any, *names: str) -> Any:  # noqa: ANN401 - SQLAlchemy's own types depend on the columns
    return select(*(table.c[name] for name in names))


def _lines(connection: Connection, condition: ColumnElement[bool]) -> list[LedgerLine]:
    both = select(
        *(journal_postings.c.ledger_account, journal_postings.c.amount_minor, journal_entries.c.posted_at, journal_entries.c.account_id),
        *(journal_entries.c.invoice_id, journal_entries.c.source, journal_entries.c.currency_code),
    ).join(journal_entries, journal_entries.c.entry_id == journal_postings.c.entry_id)
    mine = both.where(condition, journal_postings.c.ledger_account.in_(_ABOUT_DEBT), journal_entries.c.account_id != "")
    return [
        LedgerLine(
            posted_at=row.posted_at,
            account_id=row.account_id,
            invoice_id=row.invoice_id,
            ledger_account=LedgerAccount(row.ledger_account),
            source=Source(row.source),
            amount=Money(row.amount_minor, row.currency_code),
        )
        for row in connection.execute(mine.order_by(journal_entries.c.posted_at, journal_postings.c.revision))
    ]


def load_progress(connection: Connection, account_id: str) -> dict[date, Progress]:
    """What was done for each anchor of an account."""
    done: dict[date, set[tuple[int, str, str]]] = defaultdict(set)
    entered: dict[date, dict[str, date]] = defaultdict(dict)
    rows = select(dunning_steps).where(dunning_steps.c.account_id == account_id).order_by(dunning_steps.c.taken_at)
    for row in connection.execute(rows):
        done[row.anchor_date].add((row.round, row.state, row.step))
        if row.step == ENTER:
            entered[row.anchor_date].setdefault(row.state, row.taken_at.astimezone(UTC).date())
    return {anchor: Progress(done=frozenset(steps), entered=entered[anchor]) for anchor, steps in done.items()}


def record_steps(
    connection: Connection, account_id: str, policy: Policy, decision: Decision, steps: Sequence[str], *, now: datetime
) -> None:
    """Write down steps in the transaction that takes them. One that is there already makes the database refuse the transaction."""
    if decision.anchor is None or decision.state is None or not steps:
        return
    rows = [
        {
            "account_id": account_id,
            "anchor_date": decision.anchor,
            "round": decision.round,
            "state": decision.state.name,
            "step": step,
            "policy": policy.name,
            "policy_hash": policy.content_hash,
            "days_overdue": decision.days_overdue,
            "currency_code": decision.amount.currency_code,
            "amount_minor": decision.amount.minor,
            "invoice_numbers": " ".join(claim.invoice_number for claim in decision.claims),
            "taken_at": now,
            "revision": revision,
        }
        for step, revision in zip(steps, revisions.take(connection, len(steps)), strict=True)
    ]
    connection.execute(insert(dunning_steps), rows)


def steps_taken(connection: Connection, account_id: str | None = None) -> list[dict[str, Any]]:
    """All steps, oldest first; amounts in major units."""
    mine = select(dunning_steps).where(dunning_steps.c.account_id == account_id if account_id else true())
    rows = connection.execute(mine.order_by(dunning_steps.c.taken_at, dunning_steps.c.revision)).mappings()
    return [dict(row) | {"amount": Money(row["amount_minor"], row["currency_code"]).amount} for row in rows]


def accounts_to_look_at(connection: Connection, today: date, *, actor: str) -> list[str]:
    """Accounts about which a look may have something to do, by id: overdue documents, or something of `actor` still in force."""
    asks = invoices.c.kind.in_([Kind.INVOICE.value, Kind.DEBIT_NOTE.value])
    is_open = invoices.c.status.in_([status.value for status in PUSHABLE])
    overdue = select(invoices.c.account_id).where(asks, is_open, invoices.c.due_date < today).distinct()
    return sorted({*connection.execute(overdue).scalars(), *accounts_in_force(connection, actor=actor)})


def accounts_in_force(connection: Connection, *, actor: str) -> list[str]:
    """Accounts on which something that overdue debt brought is in force, by id: suspended by `actor`, restricted, mails that wait."""
    restricted = select(restrictions.c.account_id).where(restrictions.c.lifted_at == "", restrictions.c.cause == OVERDUE)
    latest = (account_changes.c.account_id == billing_accounts.c.account_id) & (account_changes.c.number == billing_accounts.c.changes)
    suspended = (
        select(billing_accounts.c.account_id)
        .join(account_changes, latest)
        .where(billing_accounts.c.state == AccountState.SUSPENDED.value, account_changes.c.actor == actor)
    )
    waiting = select(mails.c.account_id).where(mails.c.status == PENDING)
    found: set[str] = set()
    for statement in (restricted, suspended, waiting):
        found.update(connection.execute(statement.distinct()).scalars())
    return sorted(found)


def accounts_with_claims(connection: Connection) -> set[str]:
    """Accounts with a document that asks for money and is not settled or given up."""
    asks = invoices.c.kind.in_([Kind.INVOICE.value, Kind.DEBIT_NOTE.value])
    is_open = invoices.c.status.in_([status.value for status in PUSHABLE])
    return set(connection.execute(select(invoices.c.account_id).where(asks, is_open).distinct()).scalars())


def suspended_by(connection: Connection, account_id: str) -> str:
    """Who suspended an account that is suspended now; empty where it is not."""
    latest = (account_changes.c.account_id == billing_accounts.c.account_id) & (account_changes.c.number == billing_accounts.c.changes)
    mine = select(account_changes.c.actor).join(billing_accounts, latest)
    is_suspended = billing_accounts.c.state == AccountState.SUSPENDED.value
    actor = connection.execute(mine.where(billing_accounts.c.account_id == account_id, is_suspended)).scalar_one_or_none()
    return "" if actor is None else str(actor)
