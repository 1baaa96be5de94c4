"""What people agreed on about debt, as rows: terms of accounts, promises, held claims; and what restricts an account now."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, true, update

from control.domain.debt import Hold, Promise
from control.domain.money import Money
from control.store import revisions
from control.store.tables import claim_holds, debt_terms, invoices, promises, restrictions

# Causes of a restriction.
OVERDUE, CREDIT_LIMIT, PREPAID, FRAUD = "overdue", "credit_limit", "prepaid", "fraud"


@dataclass(frozen=True, kw_only=True)
class DebtTerms:
    """What was agreed with an account. None: no limit; does not pay before."""

    account_id: str
    grace_days: int = 0
    language: str = "en"
    credit_limit: Money | None = None
    prepaid_minimum: Money | None = None


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


def load_holds(connection: Connection, account_id: str | None = None) -> dict[str, list[Hold]]:
    """Account to the holds on its claims, lifted ones too."""
    held = select(claim_holds, invoices.c.account_id).join(invoices, invoices.c.invoice_id == claim_holds.c.invoice_id)
    found: dict[str, list[Hold]] = defaultdict(list)
    for row in connection.execute(held.where(invoices.c.account_id == account_id if account_id else true())):
        found[row.account_id].append(Hold(invoice_id=row.invoice_id, placed_at=row.placed_at, lifted_at=_instant(row.lifted_at)))
    return found


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
