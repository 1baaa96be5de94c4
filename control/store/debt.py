"""What debt is computed from and what was done about it, as rows. What follows from it is decided in domain/dunning.py."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, delete, insert, select, true, update

from control.domain.debt import AccountDebt, DebtDocument, Hold, LedgerLine, Promise
from control.domain.documents import Kind
from control.domain.dunning import ENTER, Decision, Policy, Progress
from control.domain.ledger import LedgerAccount, Source
from control.domain.lifecycle import AccountState
from control.domain.money import Money
from control.domain.status import PUSHABLE, PaymentStatus
from control.store import revisions
from control.store.mails import PENDING
from control.store.tables import (
    account_changes,
    accounts,
    billing_accounts,
    claim_holds,
    debt_terms,
    dunning_steps,
    invoices,
    journal_entries,
    journal_postings,
    mails,
    payments,
    promises,
    restrictions,
)

# Causes of a restriction.
OVERDUE, CREDIT_LIMIT, PREPAID = "overdue", "credit_limit", "prepaid"
_ABOUT_DEBT = tuple(account.value for account in (LedgerAccount.RECEIVABLE, LedgerAccount.CUSTOMER_BALANCE, LedgerAccount.BAD_DEBT))


@dataclass(frozen=True, kw_only=True)
class DebtTerms:
    """What was agreed with an account. None: no limit; does not pay before."""

    account_id: str
    grace_days: int = 0
    language: str = "en"
    credit_limit: Money | None = None
    prepaid_minimum: Money | None = None


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
    holds: dict[str, list[Hold]] = defaultdict(list)
    held = select(claim_holds, invoices.c.account_id).join(invoices, invoices.c.invoice_id == claim_holds.c.invoice_id)
    for row in connection.execute(held.where(own(invoices.c.account_id))):
        holds[row.account_id].append(Hold(invoice_id=row.invoice_id, placed_at=row.placed_at, lifted_at=_instant(row.lifted_at)))
    promised: dict[str, list[Promise]] = defaultdict(list)
    for promise in load_promises(connection, account_id):
        promised[promise.account_id].append(promise)
    pending = select(payments.c.invoice_id).where(payments.c.status == PaymentStatus.PENDING.value)
    under_way = frozenset(str(row.invoice_id) for row in connection.execute(pending))
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


def load_terms(connection: Connection, account_id: str) -> DebtTerms:
    """What was agreed with an account."""
    row = connection.execute(select(debt_terms).where(debt_terms.c.account_id == account_id)).one_or_none()
    return DebtTerms(account_id=account_id) if row is None else _terms(row)


def all_terms(connection: Connection) -> dict[str, DebtTerms]:
    """The terms of accounts that have some."""
    return {row.account_id: _terms(row) for row in connection.execute(select(debt_terms).order_by(debt_terms.c.account_id))}


def save_terms(connection: Connection, terms: DebtTerms, *, currency_code: str, actor: str, now: datetime) -> None:
    """Set the terms of an account."""
    (revision,) = revisions.take(connection, 1)
    connection.execute(delete(debt_terms).where(debt_terms.c.account_id == terms.account_id))
    row = {
        "account_id": terms.account_id,
        "grace_days": terms.grace_days,
        "language": terms.language,
        "currency_code": currency_code,
        "credit_limit_minor": terms.credit_limit.minor if terms.credit_limit else None,
        "prepaid_minimum_minor": terms.prepaid_minimum.minor if terms.prepaid_minimum is not None else None,
        "actor": actor,
        "updated_at": now,
        "revision": revision,
    }
    connection.execute(insert(debt_terms), row)


def _terms(row: Row[Any]) -> DebtTerms:
    limit, minimum = row.credit_limit_minor, row.prepaid_minimum_minor
    return DebtTerms(
        account_id=row.account_id,
        grace_days=row.grace_days,
        language=row.language,
        credit_limit=None if limit is None else Money(limit, row.currency_code),
        prepaid_minimum=None if minimum is None else Money(minimum, row.currency_code),
    )


def load_promises(connection: Connection, account_id: str | None = None) -> list[Promise]:
    """Promises, oldest first."""
    mine = select(promises).where(promises.c.account_id == account_id if account_id else true())
    return [
        Promise(
            promise_id=row.promise_id,
            account_id=row.account_id,
            amount=Money(row.amount_minor, row.currency_code),
            promised_for=row.promised_for,
            made_at=row.made_at,
            actor=row.actor,
            withdrawn_at=_instant(row.withdrawn_at),
        )
        for row in connection.execute(mine.order_by(promises.c.made_at, promises.c.promise_id))
    ]


def add_promise(connection: Connection, promise: Promise) -> Promise:
    """Write a promise down; it gets its id."""
    (revision,) = revisions.take(connection, 1)
    made = replace(promise, promise_id=uuid.uuid4().hex)
    row = {
        "promise_id": made.promise_id,
        "account_id": made.account_id,
        "currency_code": made.amount.currency_code,
        "amount_minor": made.amount.minor,
        "promised_for": made.promised_for,
        "made_at": made.made_at,
        "actor": made.actor,
        "withdrawn_at": "",
        "revision": revision,
    }
    connection.execute(insert(promises), row)
    return made


def withdraw_promise(connection: Connection, promise_id: str, *, now: datetime) -> bool:
    """End a promise; whether it was there and not ended so before."""
    (revision,) = revisions.take(connection, 1)
    mine = update(promises).where(promises.c.promise_id == promise_id, promises.c.withdrawn_at == "")
    return connection.execute(mine.values(withdrawn_at=written(now), revision=revision)).rowcount == 1


def place_hold(connection: Connection, invoice_id: str, *, reason: str, actor: str, now: datetime) -> bool:
    """Hold a claim; False where it is held already."""
    (revision,) = revisions.take(connection, 1)
    known = connection.execute(select(claim_holds).where(claim_holds.c.invoice_id == invoice_id)).all()
    if any(not row.lifted_at for row in known):
        return False
    row = {"invoice_id": invoice_id, "number": len(known) + 1, "reason": reason, "actor": actor, "placed_at": now, "lifted_at": ""}
    connection.execute(insert(claim_holds), row | {"revision": revision})
    return True


def lift_hold(connection: Connection, invoice_id: str, *, now: datetime) -> bool:
    """Let a claim count again; False where nothing holds it."""
    (revision,) = revisions.take(connection, 1)
    mine = update(claim_holds).where(claim_holds.c.invoice_id == invoice_id, claim_holds.c.lifted_at == "")
    return connection.execute(mine.values(lifted_at=written(now), revision=revision)).rowcount == 1


def active_restrictions(connection: Connection, account_id: str | None = None) -> dict[str, dict[str, str]]:
    """Account to the causes that restrict it now, each with its reason."""
    mine = select(restrictions).where(restrictions.c.lifted_at == "", restrictions.c.account_id == account_id if account_id else true())
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(mine.order_by(restrictions.c.account_id, restrictions.c.cause)):
        found[row.account_id][row.cause] = row.reason
    return dict(found)


def restrict(connection: Connection, account_id: str, cause: str, *, reason: str, now: datetime) -> int:
    """Restrict an account for a cause; the number of this restriction, 0 where it was there already."""
    (revision,) = revisions.take(connection, 1)
    mine = (restrictions.c.account_id == account_id, restrictions.c.cause == cause)
    known = connection.execute(select(restrictions).where(*mine)).all()
    if any(not row.lifted_at for row in known):
        return 0
    row = {"account_id": account_id, "cause": cause, "number": len(known) + 1, "reason": reason, "since_at": now, "lifted_at": ""}
    connection.execute(insert(restrictions), row | {"revision": revision})
    return len(known) + 1


def unrestrict(connection: Connection, account_id: str, cause: str, *, now: datetime) -> bool:
    """Lift a restriction; whether there was one."""
    (revision,) = revisions.take(connection, 1)
    mine = update(restrictions).where(
        restrictions.c.account_id == account_id, restrictions.c.cause == cause, restrictions.c.lifted_at == ""
    )
    return connection.execute(mine.values(lifted_at=written(now), revision=revision)).rowcount == 1


def written(instant: datetime) -> str:
    """An instant in a column that may be empty."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def accounts_to_look_at(connection: Connection, today: date, *, actor: str) -> list[str]:
    """Accounts about which a look may have something to do, by id: overdue documents, or something of `actor` still in force."""
    asks = invoices.c.kind.in_([Kind.INVOICE.value, Kind.DEBIT_NOTE.value])
    is_open = invoices.c.status.in_([status.value for status in PUSHABLE])
    overdue = select(invoices.c.account_id).where(asks, is_open, invoices.c.due_date < today)
    restricted = select(restrictions.c.account_id).where(restrictions.c.lifted_at == "", restrictions.c.cause == OVERDUE)
    latest = (account_changes.c.account_id == billing_accounts.c.account_id) & (account_changes.c.number == billing_accounts.c.changes)
    suspended = (
        select(billing_accounts.c.account_id)
        .join(account_changes, latest)
        .where(billing_accounts.c.state == AccountState.SUSPENDED.value, account_changes.c.actor == actor)
    )
    waiting = select(mails.c.account_id).where(mails.c.status == PENDING)
    found: set[str] = set()
    for statement in (overdue, restricted, suspended, waiting):
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
