"""Idempotency keys as rows: the request that a key stands for, and the answer it got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from control.store.tables import idempotency_keys

IN_FLIGHT, ANSWERED, UNKNOWN = "in_flight", "answered", "unknown"


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """What is known under a key. `status` and `body` are those of the answer; 0 and empty until there is one."""

    fingerprint: str
    request_id: str
    state: str
    status: int
    body: str
    claimed_at: datetime


def find(connection: Connection, key_id: str, idempotency_key: str) -> KeyRow | None:
    """The request that a caller used the key for."""
    row = connection.execute(select(idempotency_keys).where(*_mine(key_id, idempotency_key))).one_or_none()
    if row is None:
        return None
    return KeyRow(
        fingerprint=row.fingerprint,
        request_id=row.request_id,
        state=row.state,
        status=row.status,
        body=row.body,
        claimed_at=row.claimed_at,
    )


def add(connection: Connection, key_id: str, idempotency_key: str, *, fingerprint: str, request_id: str, now: datetime) -> None:
    """Let a request have the key."""
    row = {"key_id": key_id, "idempotency_key": idempotency_key, "fingerprint": fingerprint, "request_id": request_id, "claimed_at": now}
    connection.execute(insert(idempotency_keys).values(**row, state=IN_FLIGHT, status=0, body=""))


def end(connection: Connection, key_id: str, idempotency_key: str, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Write down how the request ended."""
    connection.execute(update(idempotency_keys).where(*_mine(key_id, idempotency_key)).values(values))


def release(connection: Connection, key_id: str, idempotency_key: str) -> None:
    """Let the key be used again."""
    connection.execute(delete(idempotency_keys).where(*_mine(key_id, idempotency_key)))


def forget(connection: Connection, *, before: datetime) -> None:
    """Drop what was claimed before an instant."""
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.claimed_at < before))


def _mine(key_id: str, idempotency_key: str) -> tuple[Any, Any]:
    return idempotency_keys.c.key_id == key_id, idempotency_keys.c.idempotency_key == idempotency_key
