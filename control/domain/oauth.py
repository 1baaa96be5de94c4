"""Access tokens of the OAuth 2.0 client credentials grant: short-lived, signed, and no stronger than the API key behind them.

The client is an API key: its id is the client_id, its text the client_secret. A token names the key, and what the key may do
is asked of the store with each request, so a revoked key ends its tokens at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

ALGORITHM = "HS256"
AUDIENCE = "meterhouse-api"
LIFETIME = timedelta(minutes=15)
_REQUIRED = ["aud", "exp", "iat", "iss", "jti", "sub"]


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """What a token says: which key it was made from, and which of its scopes it carries."""

    key_id: str
    scopes: tuple[str, ...]


def issue(*, key_id: str, scopes: Sequence[str], issuer: str, secret: bytes, now: datetime) -> str:
    """The text of a token that is good from now on for `LIFETIME`."""
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": key_id,
        "scope": " ".join(scopes),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read(text: str, *, issuer: str, secret: bytes, now: datetime) -> AccessToken | None:
    """What a token says; None where it is none of ours, was changed, or ended."""
    options = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False}  # by our own clock, below
    try:
        claims = jwt.decode(text, secret, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=issuer, options=options)  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        return None
    at = now.timestamp()
    if not (isinstance(claims["exp"], int) and isinstance(claims["iat"], int) and claims["iat"] <= at + 1 and at < claims["exp"]):
        return None
    return AccessToken(key_id=str(claims["sub"]), scopes=tuple(str(claims.get("scope", "")).split()))
