"""API keys as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from control.domain.api_keys import ApiKey
from control.store.tables import api_keys


def add(connection: Connection, key: ApiKey) -> None:
    """Keep a new key."""
    connection.execute(
        insert(api_keys).values(
            key_id=key.key_id,
            name=key.name,
            scopes=" ".join(key.scopes),
            secret_hash=key.secret_hash,
            created_at=key.created_at,
            account_id=key.account_id,
            revoked_at=key.revoked_at,
            previous_hash=key.previous_hash,
            previous_until=key.previous_until,
            last_used_at=key.last_used_at,
        )
    )


def find(connection: Connection, key_id: str) -> ApiKey | None:
    """The key of an id, revoked or not."""
    row = connection.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
    return None if row is None else _key(row)


def every(connection: Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id))]


def revoke(connection: Connection, key_id: str, *, now: datetime) -> None:
    """Note when a key ended; a key that has ended keeps its instant."""
    connection.execute(update(api_keys).where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now))


def rotate(connection: Connection, key: ApiKey) -> None:
    """Keep the secrets of a key that was rotated."""
    secrets = {"secret_hash": key.secret_hash, "previous_hash": key.previous_hash, "previous_until": key.previous_until}
    connection.execute(update(api_keys).where(api_keys.c.key_id == key.key_id).values(secrets))


def note_uses(connection: Connection, uses: Mapping[str, datetime]) -> None:
    """Note when keys were last used; an earlier use than the noted one changes nothing."""
    for key_id, used_at in uses.items():
        is_later = api_keys.c.last_used_at.is_(None) | (api_keys.c.last_used_at < used_at)
        connection.execute(update(api_keys).where(api_keys.c.key_id == key_id, is_later).values(last_used_at=used_at))


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        secret_hash=row.secret_hash,
        created_at=row.created_at,
        account_id=row.account_id,
        revoked_at=row.revoked_at,
        previous_hash=row.previous_hash,
        previous_until=row.previous_until,
        last_used_at=row.last_used_at,
    )
