"""Mails as rows: written with the decision that asks for them, sent afterwards by services/mail.py.

A mail's id is made of what it is about, so the same decision writes it once.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from control.store import revisions
from control.store.tables import mails

# How `about` begins where a mail is about overdue debt.
ABOUT_OVERDUE = "overdue:"
# How it begins where a mail carries a document; its invoice_id follows.
ABOUT_DOCUMENT = "document:"
PENDING, SENT, WITHDRAWN, GIVEN_UP = "pending", "sent", "withdrawn", "given_up"


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail as it was written. `about` names what makes it obsolete when it ends."""

    mail_id: str
    account_id: str
    template: str
    language: str
    about: str
    recipients: str  # separated by spaces
    subject: str
    plain_body: str
    html_body: str


@dataclass(frozen=True, kw_only=True)
class WaitingMail:
    """A mail that no server has taken yet."""

    mail: Mail
    tries: int
    created_at: datetime


def mail_id_of(*about: str) -> str:
    """The id of the mail about something; the same each time."""
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:32]


def enqueue(connection: Connection, mail: Mail, *, now: datetime) -> bool:
    """Put a mail into the queue; False where it was written before."""
    if is_written(connection, mail.mail_id):
        return False
    (revision,) = revisions.take(connection, 1)
    state: dict[str, Any] = {
        "status": PENDING,
        "tries": 0,
        "message": "",
        "created_at": now,
        "due_at": now,
        "sent_at": "",
        "revision": revision,
    }
    connection.execute(insert(mails), asdict(mail) | state)
    return True


def due(connection: Connection, *, now: datetime, limit: int) -> list[WaitingMail]:
    """Mails whose next try has come, oldest first."""
    found = select(mails).where(mails.c.status == PENDING, mails.c.due_at <= now).order_by(mails.c.due_at, mails.c.mail_id)
    return [_waiting(row) for row in connection.execute(found.limit(limit))]


def is_written(connection: Connection, mail_id: str) -> bool:
    """Whether there is such a mail, sent or not."""
    return connection.execute(select(mails.c.mail_id).where(mails.c.mail_id == mail_id)).first() is not None


def begin_try(connection: Connection, mail_id: str, *, tries: int) -> bool:
    """Count a try before it is made; False where somebody else tried, sent or withdrew the mail since `tries` was read."""
    return _change(connection, mail_id, mails.c.tries == tries, tries=tries + 1)


def sent(connection: Connection, mail_id: str, *, remark: str, now: datetime) -> None:
    """A server took it; `remark` says for whom it did not."""
    text = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    _change(connection, mail_id, status=SENT, sent_at=text, message=remark)


def put_off(connection: Connection, mail_id: str, *, reason: str, due_at: datetime | None) -> None:
    """No server took it: try again at `due_at`, or never where that is None."""
    values: dict[str, Any] = {"status": GIVEN_UP} if due_at is None else {"due_at": due_at}
    _change(connection, mail_id, message=reason, **values)


def withdraw(connection: Connection, account_id: str, *, kind: str, keep: str = "") -> int:
    """Withdraw the waiting mails of an account whose `about` begins with `kind`, but not those that begin with `keep`; how many."""
    obsolete = _waiting_about(connection, account_id, kind=kind, keep=keep)
    return sum(_change(connection, mail_id, status=WITHDRAWN, message="what it is about has ended") for mail_id in obsolete)


def are_waiting(connection: Connection, account_id: str, *, kind: str, keep: str = "") -> bool:
    """Whether `withdraw` would withdraw something."""
    return bool(_waiting_about(connection, account_id, kind=kind, keep=keep))


def _waiting_about(connection: Connection, account_id: str, *, kind: str, keep: str) -> list[str]:
    found = connection.execute(select(mails.c.mail_id, mails.c.about).where(mails.c.account_id == account_id, mails.c.status == PENDING))
    return [str(row.mail_id) for row in found if row.about.startswith(kind) and not (keep and row.about.startswith(keep))]


def list_mails(connection: Connection, account_id: str | None = None) -> list[dict[str, Any]]:
    """All mails, oldest first."""
    wanted = select(mails).order_by(mails.c.created_at, mails.c.revision)
    mine = wanted.where(mails.c.account_id == account_id) if account_id else wanted
    return [dict(row) for row in connection.execute(mine).mappings()]


def _change(connection: Connection, mail_id: str, *conditions: ColumnElement[bool], **values: Any) -> bool:  # noqa: ANN401 - columns
    (revision,) = revisions.take(connection, 1)
    mine = update(mails).where(mails.c.mail_id == mail_id, mails.c.status == PENDING, *conditions)
    return connection.execute(mine.values(revision=revision, **values)).rowcount == 1


def _waiting(row: Row[Any]) -> WaitingMail:
    names = ("mail_id", "account_id", "template", "language", "about", "recipients", "subject", "plain_body", "html_body")
    return WaitingMail(mail=Mail(**{name: getattr(row, name) for name in names}), tries=row.tries, created_at=row.created_at)
