"""Shows the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from control.bootstrap import Control
from control.domain.api_keys import WHOLE_DEPLOYMENT
from control.store import paging
from control.store.tables import audit_log


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """A request to change something, and how it ended. `status` is 0 where its process died before it answered."""

    request_id: str
    asked_at: datetime
    key_id: str
    key_name: str
    account_id: str
    action: str
    path: str
    idempotency_key: str
    outcome: str
    status: int
    problem: str


def list_audit(
    control: Control, *, account_id: str = WHOLE_DEPLOYMENT, after: tuple[datetime, str] | None = None, limit: int
) -> list[AuditEntry]:
    """The log, the latest first.

    Args:
        control: whose log.
        account_id: only what is about this account; default: all.
        after: `asked_at` and `request_id` of an entry; only older ones.
        limit: at most so many.
    """
    found = select(audit_log).order_by(audit_log.c.asked_at.desc(), audit_log.c.request_id.desc()).limit(limit)
    if account_id != WHOLE_DEPLOYMENT:
        found = found.where(audit_log.c.account_id == account_id)
    if after is not None:
        found = found.where(paging.after((audit_log.c.asked_at, audit_log.c.request_id), after, is_descending=True))
    with control.store.reading() as connection:
        return [AuditEntry(**row) for row in connection.execute(found).mappings()]
