"""Who shows what: an API key or an access token, and what either allows now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from control.bootstrap import Control
from control.domain import oauth
from control.domain.api_keys import WHOLE_DEPLOYMENT, ApiKey
from control.server_key import derived
from control.services.api_keys import recognise
from control.store import api_keys as rows
from control.store.tables import deployment
from warehouse.errors import InputError, RefusedError


class UnknownClientError(RefusedError):
    """The client is unknown or revoked, or its secret is wrong."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What somebody may do who showed a credential. `account_id` is the only account it reaches; empty: all."""

    key_id: str
    name: str
    account_id: str
    scopes: tuple[str, ...]

    @property
    def is_staff(self) -> bool:
        """Whether it reaches all accounts."""
        return self.account_id == WHOLE_DEPLOYMENT

    def reaches(self, account_id: str) -> bool:
        """Whether it may be used on this account."""
        return self.account_id in (WHOLE_DEPLOYMENT, account_id)


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A token that was just made."""

    text: str = ""
    scopes: tuple[str, ...]
    expires_in_seconds: int


def issue_token(control: Control, client_id: str, client_secret: str, *, scopes: Sequence[str], now: datetime) -> Issued:
    """Trade a key for a token with some of its scopes, or with all where none are named.

    Raises:
        UnknownClientError: the client is unknown or revoked, or its secret is wrong.
        InputError: a scope that the key does not have.
    """
    key = recognise(control, client_secret, now=now)
    if key is None or key.key_id != client_id or key.revoked_at is not None:
        raise UnknownClientError("the client is unknown or revoked, or its secret is wrong")
    beyond = sorted(set(scopes) - set(key.scopes))
    if beyond:
        raise InputError(f"the client may not {', '.join(beyond)}; it has {', '.join(key.scopes)}")
    wanted = tuple(sorted(set(scopes))) or key.scopes
    issuer, secret = _signing(control)
    text = oauth.issue(key_id=key.key_id, scopes=wanted, issuer=issuer, secret=secret, now=now)
    return Issued(text=text, scopes=wanted, expires_in_seconds=int(oauth.LIFETIME.total_seconds()))


def grant_of(control: Control, credential: str, *, now: datetime) -> Grant | None:
    """What a key or token allows; None where it is none of ours, ended, or its key is revoked."""
    key = recognise(control, credential, now=now)
    if key is not None:
        return _grant(key, key.scopes)
    if credential.count(".") != 2:
        return None
    issuer, secret = _signing(control)
    token = oauth.read(credential, issuer=issuer, secret=secret, now=now)
    if token is None:
        return None
    with control.store.reading() as connection:
        owner = rows.find(connection, token.key_id)
    return None if owner is None else _grant(owner, [scope for scope in token.scopes if scope in owner.scopes])


def _grant(key: ApiKey, scopes: Sequence[str]) -> Grant | None:
    if key.revoked_at is not None:
        return None
    return Grant(key_id=key.key_id, name=key.name, account_id=key.account_id, scopes=tuple(scopes))


def _signing(control: Control) -> tuple[str, bytes]:
    """Who issues, and the secret: a token of one deployment is none of another that shares the key."""
    with control.store.reading() as connection:
        deployment_id: str = connection.execute(select(deployment.c.deployment_id)).scalar_one()
    return deployment_id, derived(control.server_key(), "access-token")
