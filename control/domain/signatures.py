"""How the events we send are signed, and how a receiver checks them.

The header reads `t=<Unix seconds>,v1=<hex>`, where v1 is HMAC-SHA256 of `<t>.<body>`: the time is signed too, so an old
message cannot be sent again.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Meterhouse-Signature"
# How far a receiver's clock may be off, and how long a message may travel.
TOLERANCE_SECONDS = 300


def sign(body: bytes, secret: str, *, timestamp: int) -> str:
    """The header of a message that is sent at `timestamp`."""
    return f"t={timestamp},v1={_digest(body, secret, timestamp)}"


def is_signed(body: bytes, header: str, secret: str, *, now: int, tolerance_seconds: int = TOLERANCE_SECONDS) -> bool:
    """Whether a message is ours and fresh: what a receiver must ask before it believes one."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    given, at = parts.get("v1", ""), parts.get("t", "")
    if not (at.isascii() and at.isdigit()) or abs(now - int(at)) > tolerance_seconds:
        return False
    return hmac.compare_digest(given, _digest(body, secret, int(at)))


def _digest(body: bytes, secret: str, timestamp: int) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
