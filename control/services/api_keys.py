"""Makes, lists, revokes and recognises API keys: one mechanism for event producers and for the public API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain import api_keys
from control.domain.api_keys import ApiKey
from control.store import api_keys as rows
from warehouse.errors import InputError


def create_key(control: Control, name: str, *, scopes: Sequence[str], now: datetime) -> tuple[ApiKey, str]:
    """Make a key; returns it and its text, which nobody can get again.

    Two keys may have one name, so that a producer can change over before its old key is revoked.

    Raises:
        InputError: the name or a scope is not allowed.
    """
    key, token = api_keys.make(name, scopes=scopes, now=now)
    control.store.transact(lambda connection: rows.add(connection, key))
    return key, token


def list_keys(control: Control) -> list[ApiKey]:
    """All keys, revoked ones included, oldest first."""
    with control.store.reading() as connection:
        return rows.every(connection)


def revoke_key(control: Control, key_id: str, *, now: datetime) -> ApiKey:
    """End a key; repeating it changes nothing.

    Raises:
        InputError: there is no such key.
    """

    def work(connection: Connection) -> ApiKey | None:
        rows.revoke(connection, key_id, now=now)
        return rows.find(connection, key_id)

    key = control.store.transact(work)
    if key is None:
        raise InputError(f"there is no API key {key_id!r}; `meterhouse key list` shows the ids")
    return key


def recognise(control: Control, token: str) -> ApiKey | None:
    """The key that a caller showed, revoked or not; None where it is none of ours."""
    key_id = api_keys.key_id_of(token)
    if key_id is None:
        return None
    with control.store.reading() as connection:
        key = rows.find(connection, key_id)
    return key if key is not None and key.is_proved_by(token) else None
