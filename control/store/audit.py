"""The audit log: who asked for which change, and how it ended. A row is written in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, insert, select, update

from control.store.engine import Store
from control.store.tables import audit_log

T = TypeVar("T")

# What a request did: it changed something, a rule forbade it, or it failed before it changed anything.
COMMITTED, REFUSED, FAILED = "committed", "refused", "failed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A request to change something. `account_id` is empty where it is about no single account."""

    request_id: str
    key_id: str
    key_name: str
    account_id: str
    action: str
    path: str
    idempotency_key: str
    asked_at: datetime


class AuditedStore(Store):
    """A store for one request: the first transaction that commits takes the request's row of the audit log with it."""

    def __init__(self, store: Store, entry: Callable[[], Entry]) -> None:
        super().__init__(store._engine)
        self._entry = entry
        self.has_committed = False

    def transact(self, work: Callable[[Connection], T]) -> T:
        """As of any store."""

        def noted(connection: Connection) -> T:
            result = work(connection)
            if not self.has_committed:
                add(connection, self._entry(), COMMITTED)
            return result

        result = super().transact(noted)
        self.has_committed = True
        return result


def add(connection: Connection, entry: Entry, outcome: str) -> None:
    """Write the row of a request. Two transactions of one request may come to it at once; the second finds it done."""
    known = select(audit_log.c.request_id).where(audit_log.c.request_id == entry.request_id)
    if connection.execute(known).first() is None:
        connection.execute(insert(audit_log).values(**vars(entry), outcome=outcome, status=0, problem=""))


def answered(connection: Connection, request_id: str, *, account_id: str, status: int, problem: str) -> None:
    """Complete a row by what the caller was told, and by the account where only the change itself told it."""
    values = {"status": status, "problem": problem} | ({"account_id": account_id} if account_id else {})
    connection.execute(update(audit_log).where(audit_log.c.request_id == request_id, audit_log.c.status == 0).values(values))


def has_committed(connection: Connection, request_id: str) -> bool:
    """Whether a request changed anything."""
    mine = select(audit_log.c.request_id).where(audit_log.c.request_id == request_id, audit_log.c.outcome == COMMITTED)
    return connection.execute(mine).first() is not None
