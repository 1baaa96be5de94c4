"""How a call to a gateway goes wrong, in the four ways that a caller must tell apart."""

from __future__ import annotations

from warehouse.errors import MeterhouseError


class GatewayUnavailableError(MeterhouseError):
    """No definite answer: connection lost, timed out, rate limited, or the same key is in flight elsewhere.

    Whether the call took effect is unknown. The caller repeats it with the same key, at the latest with the next push.
    """


class GatewayFaultError(MeterhouseError):
    """The gateway answered with an error of its own (5xx), and will repeat that answer for the same key.

    Whether the call took effect is unknown until a look. Only a look that shows nothing happened allows a new key.
    """


class GatewayRefusedError(MeterhouseError):
    """A definite no with this or any other key: a wrong API key, a deleted customer, an argument the gateway does not take.

    Nothing happened at the gateway. The message is the gateway's reason, without secrets.
    """


class GatewayMismatchError(MeterhouseError):
    """What the gateway holds does not say what ours says. Nothing was charged; a person must look at both."""


class WebhookRefusedError(MeterhouseError):
    """A webhook without a valid signature, or one too old to be believed. It is answered with 400 and not stored."""
