"""The outbox: what others shall know is written in the transaction that makes it true, and delivered afterwards.

Bodies are CloudEvents 1.0. Delivery is services/deliver.py's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from control.store import revisions, webhook_subscriptions
from control.store.tables import deployment, outbox

PENDING, DELIVERED, GIVEN_UP = "pending", "delivered", "given_up"


@dataclass(frozen=True, kw_only=True)
class Message:
    """Something that happened. `subject` is the account or document it happened to."""

    event_type: str
    subject: str
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A message that nobody has taken yet."""

    event_id: str
    event_type: str
    subject: str
    body: str
    tries: int


def publish(connection: Connection, messages: Sequence[Message], *, now: datetime) -> None:
    """Put messages into the outbox, and on their way to who subscribed."""
    if not messages:
        return
    deployment_id: str = connection.execute(select(deployment.c.deployment_id)).scalar_one()
    rows = [_row(message, deployment_id, now) for message in messages]
    for row, revision in zip(rows, revisions.take(connection, len(rows)), strict=True):
        row["revision"] = revision
    connection.execute(insert(outbox), rows)
    about = [str(message.data.get("account_id", "")) for message in messages]
    webhook_subscriptions.fan_out(connection, rows, about, now=now)


def due(connection: Connection, *, now: datetime, limit: int) -> list[Waiting]:
    """Messages whose next try has come, oldest first."""
    found = select(outbox).where(outbox.c.status == PENDING, outbox.c.due_at <= now).order_by(outbox.c.due_at, outbox.c.event_id)
    return [_waiting(row) for row in connection.execute(found.limit(limit))]


def delivered(connection: Connection, waiting: Waiting, *, now: datetime) -> None:
    """Somebody took it. Telling so twice changes nothing."""
    _change(connection, waiting, status=DELIVERED, delivered_at=_text(now), message="")


def put_off(connection: Connection, waiting: Waiting, *, reason: str, due_at: datetime | None) -> None:
    """Nobody took it: try again at `due_at`, or never where that is None."""
    values: dict[str, Any] = {"status": GIVEN_UP} if due_at is None else {"due_at": due_at}
    _change(connection, waiting, message=reason, tries=waiting.tries + 1, **values)


def _change(connection: Connection, waiting: Waiting, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    (revision,) = revisions.take(connection, 1)
    mine = update(outbox).where(outbox.c.event_id == waiting.event_id, outbox.c.status == PENDING)
    connection.execute(mine.values(revision=revision, **values))


def _row(message: Message, deployment_id: str, now: datetime) -> dict[str, Any]:
    event_id = uuid.uuid4().hex
    body = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/meterhouse/{deployment_id}",
        "type": message.event_type,
        "subject": message.subject,
        "time": _text(now),
        "datacontenttype": "application/json",
        "data": dict(message.data),
    }
    return {
        "event_id": event_id,
        "event_type": message.event_type,
        "subject": message.subject,
        "body": json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
        "status": PENDING,
        "tries": 0,
        "message": "",
        "created_at": now,
        "due_at": now,
        "delivered_at": "",
    }


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(event_id=row.event_id, event_type=row.event_type, subject=row.subject, body=row.body, tries=row.tries)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
