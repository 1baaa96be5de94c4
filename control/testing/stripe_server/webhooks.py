"""How Stripe posts an event: signed with the endpoint's secret. Delivery itself is in control/testing/deliveries.py."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from control.testing.deliveries import Message
from control.testing.store import public

Json = dict[str, Any]


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header: https://docs.stripe.com/webhooks#verify-manually."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def message(event: Json, endpoint: Json) -> Message:
    """The event as this endpoint gets it now."""
    payload = json.dumps(public(event)).encode()
    headers = {"User-Agent": "Stripe/1.0 (test double)", "Stripe-Signature": signature(payload, endpoint["_secret"], int(time.time()))}
    return Message(url=endpoint["url"], body=payload, headers=headers)
