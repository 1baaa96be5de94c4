"""API keys: what their text looks like, what they allow, and how one is recognised without being kept.

A key is `mh_<key_id>_<secret>`. The id names it in lists and logs; the secret is shown once, when the key is made. What is
kept is a hash: the secret has 256 random bits, so a plain SHA-256 cannot be guessed backwards, and costs a request nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from warehouse.errors import InputError

EVENTS_WRITE = "events:write"
# What a key of a customer may be allowed, and what only one of the operator may. A scope is `<what>:<read, write or admin>`.
ACCOUNT_SCOPES = (
    "accounts:read", "accounts:write", "audit:read", "invoices:read", "payments:read", "payments:write", "prices:read", "usage:read",
    "webhooks:read", "webhooks:write",
)  # fmt: skip
# Events name the accounts they are billed to, and the door does not look into them: who may send some may send any.
STAFF_SCOPES = ("accounts:admin", EVENTS_WRITE, "keys:admin", "refunds:write")
SCOPES = (*ACCOUNT_SCOPES, *STAFF_SCOPES)
# The account of a key that is bound to none: the operator's.
WHOLE_DEPLOYMENT = ""

_KEY = re.compile(r"mh_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as it is kept."""

    key_id: str
    name: str  # of the producer or program that holds it
    scopes: tuple[str, ...]
    secret_hash: str
    created_at: datetime
    account_id: str = WHOLE_DEPLOYMENT
    revoked_at: datetime | None = None
    previous_hash: str = ""  # of the secret before the last rotation
    previous_until: datetime | None = None
    last_used_at: datetime | None = None

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id}, name={self.name!r})"

    def allows(self, scope: str) -> bool:
        """Whether it may be used for this."""
        return self.revoked_at is None and scope in self.scopes

    def is_proved_by(self, token: str, *, now: datetime) -> bool:
        """Whether the text is this key, or was it until a rotation that still gives it time. A near miss takes as long as a far one."""
        shown = _hash(token)
        is_current = hmac.compare_digest(shown, self.secret_hash)
        was_before = hmac.compare_digest(shown, self.previous_hash)
        return is_current or (was_before and self.previous_until is not None and now < self.previous_until)


def make(name: str, *, scopes: Sequence[str], now: datetime, account_id: str = WHOLE_DEPLOYMENT) -> tuple[ApiKey, str]:
    """A new key, and its text, which is kept nowhere.

    Raises:
        InputError: the name or a scope is not allowed.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name of a key; use up to 100 letters, digits, spaces and ._/-, beginning with a letter or digit")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InputError(f"a key needs scopes out of {', '.join(SCOPES)}{f'; {unknown[0]!r} is none' if unknown else ''}")
    staff = [scope for scope in scopes if scope in STAFF_SCOPES]
    if staff and account_id != WHOLE_DEPLOYMENT:
        raise InputError(f"a key of one account cannot have {', '.join(staff)}, which reaches others; leave the scope or the account out")
    key_id = secrets.token_hex(8)
    token = _token(key_id)
    kept = ApiKey(
        key_id=key_id, name=name, scopes=tuple(sorted(set(scopes))), secret_hash=_hash(token), created_at=now, account_id=account_id
    )
    return kept, token


def rotated(key: ApiKey, *, previous_until: datetime) -> tuple[ApiKey, str]:
    """The key with a new secret, and its new text. The old text is good until `previous_until`; one before that no longer."""
    token = _token(key.key_id)
    return replace(key, secret_hash=_hash(token), previous_hash=key.secret_hash, previous_until=previous_until), token


def key_id_of(token: str) -> str | None:
    """The id in the text of a key; None where it is no such text."""
    found = _KEY.fullmatch(token)
    return found.group(1) if found else None


def _token(key_id: str) -> str:
    return f"mh_{key_id}_{secrets.token_urlsafe(32)}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
