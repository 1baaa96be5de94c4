"""Makes, lists, rotates, revokes and recognises API keys: one mechanism for event producers and for the public API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain import api_keys
from control.domain.api_keys import WHOLE_DEPLOYMENT, ApiKey
from control.services.customers import load_account
from control.store import api_keys as rows
from warehouse.errors import InputError, RefusedError

# How long the old secret is still good after a rotation, unless somebody says otherwise: a working day to change over.
GRACE = timedelta(days=1)
LONGEST_GRACE = timedelta(days=30)


def create_key(
    control: Control, name: str, *, scopes: Sequence[str], now: datetime, account_id: str = WHOLE_DEPLOYMENT
) -> tuple[ApiKey, str]:
    """Make a key; returns it and its text, which nobody can get again.

    Two keys may have one name, so that a producer can change over before its old key is revoked.

    Args:
        control: where it is kept.
        name: of the program that will hold it.
        scopes: what it may do.
        now: when it was made.
        account_id: the only account that it reaches; default: all.

    Raises:
        InputError: the name or a scope is not allowed, or there is no such account.
    """
    key, token = api_keys.make(name, scopes=scopes, now=now, account_id=account_id)

    def work(connection: Connection) -> None:
        if account_id != WHOLE_DEPLOYMENT:
            load_account(connection, account_id)
        rows.add(connection, key)

    control.store.transact(work)
    return key, token


def list_keys(control: Control) -> list[ApiKey]:
    """All keys, revoked ones included, oldest first."""
    with control.store.reading() as connection:
        return rows.every(connection)


def find_key(control: Control, key_id: str) -> ApiKey:
    """One key, revoked or not.

    Raises:
        InputError: there is no such key.
    """
    with control.store.reading() as connection:
        return _required(rows.find(connection, key_id), key_id)


def rotate_key(control: Control, key_id: str, *, now: datetime, grace: timedelta = GRACE) -> tuple[ApiKey, str]:
    """Give a key a new secret; returns it and its new text. The old text is good for the grace, the one before it no longer.

    Raises:
        InputError: there is no such key, or the grace is none.
        RefusedError: it is revoked.
    """
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise InputError(f"the old secret of a key may be good for up to {LONGEST_GRACE.days} days, not for {grace}")

    def work(connection: Connection) -> tuple[ApiKey, str]:
        key = _required(rows.find(connection, key_id), key_id)
        if key.revoked_at is not None:
            raise RefusedError(f"API key {key_id} is revoked; make a new one")
        fresh, token = api_keys.rotated(key, previous_until=now + grace)
        rows.rotate(connection, fresh)
        return fresh, token

    return control.store.transact(work)


def revoke_key(control: Control, key_id: str, *, now: datetime) -> ApiKey:
    """End a key, and the access tokens that were made from it; repeating it changes nothing.

    Raises:
        InputError: there is no such key.
    """

    def work(connection: Connection) -> ApiKey:
        rows.revoke(connection, key_id, now=now)
        return _required(rows.find(connection, key_id), key_id)

    return control.store.transact(work)


def recognise(control: Control, token: str, *, now: datetime) -> ApiKey | None:
    """The key that a caller showed, revoked or not; None where it is none of ours."""
    key_id = api_keys.key_id_of(token)
    if key_id is None:
        return None
    with control.store.reading() as connection:
        key = rows.find(connection, key_id)
    return key if key is not None and key.is_proved_by(token, now=now) else None


def note_uses(control: Control, uses: Mapping[str, datetime]) -> None:
    """Note when keys were last used."""
    if uses:
        control.store.transact(lambda connection: rows.note_uses(connection, uses))


def _required(key: ApiKey | None, key_id: str) -> ApiKey:
    if key is None:
        raise InputError(f"there is no API key {key_id!r}; `meterhouse key list` shows the ids")
    return key
