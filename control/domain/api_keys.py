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
from dataclasses import dataclass
from datetime import datetime

from warehouse.errors import InputError

EVENTS_WRITE = "events:write"
# What a key may be allowed. A scope is `<what>:<read or write>`.
SCOPES = (EVENTS_WRITE,)

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
    revoked_at: datetime | None = None

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id}, name={self.name!r})"

    def allows(self, scope: str) -> bool:
        """Whether it may be used for this."""
        return self.revoked_at is None and scope in self.scopes

    def is_proved_by(self, token: str) -> bool:
        """Whether the text is this key. Takes as long for a near miss as for a far one."""
        return hmac.compare_digest(_hash(token), self.secret_hash)


def make(name: str, *, scopes: Sequence[str], now: datetime) -> tuple[ApiKey, str]:
    """A new key, and its text, which is kept nowhere.

    Raises:
        InputError: the name or a scope is not allowed.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name of a key; use up to 100 letters, digits, spaces and ._/-, beginning with a letter or digit")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InputError(f"a key needs scopes out of {', '.join(SCOPES)}{f'; {unknown[0]!r} is none' if unknown else ''}")
    key_id = secrets.token_hex(8)
    token = f"mh_{key_id}_{secrets.token_urlsafe(32)}"
    kept = ApiKey(key_id=key_id, name=name, scopes=tuple(sorted(set(scopes))), secret_hash=_hash(token), created_at=now)
    return kept, token


def key_id_of(token: str) -> str | None:
    """The id in the text of a key; None where it is no such text."""
    found = _KEY.fullmatch(token)
    return found.group(1) if found else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
