"""How Adyen posts a notification: one item a message, signed by itself. Delivery itself is in control/testing/deliveries.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from control.testing.deliveries import Message

Json = dict[str, Any]

# https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures
_SIGNED = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "value", "currency", "eventCode", "success")


def signature(item: Json, hmac_key: str) -> str:
    """The HMAC of an item."""
    values = item | {"value": item["amount"]["value"], "currency": item["amount"]["currency"]}
    text = ":".join(str(values.get(name, "")) for name in _SIGNED)
    return base64.b64encode(hmac.new(bytes.fromhex(hmac_key), text.encode(), hashlib.sha256).digest()).decode()


def body_of(notification: Json, hmac_key: str) -> bytes:
    """The message that carries a notification."""
    item = notification["item"]
    more = item["additionalData"] | {"hmacSignature": signature(item, hmac_key)}
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item | {"additionalData": more}}]}).encode()


def message(notification: Json, url: str, hmac_key: str) -> Message:
    """What is posted to a URL."""
    return Message(url=url, body=body_of(notification, hmac_key), headers={})
