"""Every call to Stripe: its key, its repetition where that is safe and of use, and what its errors mean to us.

Also the names under which our ids lie in Stripe's metadata, and small readings of Stripe's objects that all parts share.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import stripe
from pydantic import SecretStr

from control.domain.money import Money
from control.gateways.stripe import units
from control.ports import Declined, GatewayFaultError, GatewayMismatchError, GatewayRefusedError, GatewayUnavailableError
from warehouse.errors import SettingsError

T = TypeVar("T")

_SECRET_KEY = re.compile(r"(sk|rk)_(test|live)_\w+\Z", re.ASCII)

# Seconds to connect and to wait for an answer. Stripe takes up to some 30 s to hear from a bank; giving up earlier leaves
# more charges whose outcome is known only after a look.
_TIMEOUT_SECONDS = (5.0, 60.0)
# Waits before the second, third and fourth try of a call that was limited or lost. A push that gives up goes on next time.
_RETRY_SECONDS = (0.5, 1.0, 2.0)

PAGE = 100

# Names in Stripe's metadata. They are how a later run finds what an earlier one made: never rename them.
REFERENCE = "reference"
ACCOUNT = "account_id"
INVOICE = "invoice_id"
NUMBER = "invoice_number"
TOTAL = "total_units"
LINE = "line_number"
PAYMENT = "payment_id"
REFUND = "refund_id"
BINDING = "binding_id"
CREDIT_NOTE = "credit_note_id"


class RefusedKeyError(GatewayRefusedError, SettingsError):
    """Stripe does not take the API key of the settings, or it lacks a permission."""


class _WithMetadata(Protocol):
    @property
    def metadata(self) -> stripe.StripeObject | None: ...


class StripeCalls:
    """The client of Stripe's API, in the version the SDK is pinned to. May be called from several threads."""

    name = "stripe"

    def __init__(
        self,
        api_key: SecretStr,
        *,
        api_base: str | None = None,
        webhook_secret: SecretStr | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`api_base` is the URL of a test gateway; None is Stripe itself. `webhook_secret` signs what Stripe sends to us.

        Raises:
            SettingsError: the key is missing or malformed, or a live key would go to a test gateway.
        """
        key = api_key.get_secret_value()
        if not _SECRET_KEY.match(key):
            raise SettingsError("set STRIPE_API_KEY to a secret or restricted key of Stripe, which begins with sk_ or rk_")
        if api_base is not None and "_live_" in key:
            raise SettingsError("STRIPE_API_BASE names a test gateway, but STRIPE_API_KEY is a live key; use a test key there")
        # The SDK reports timings of earlier calls in a header, and at level DEBUG logs bodies, which hold client secrets.
        stripe.enable_telemetry = False
        logging.getLogger("stripe").setLevel(logging.INFO)
        self._sleep = sleep
        self._webhook_secret = webhook_secret.get_secret_value() if webhook_secret else ""
        self._address = api_base or "Stripe"
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=stripe.RequestsClient(timeout=_TIMEOUT_SECONDS),
            max_network_retries=0,
        ).v1

    def refusal(self, amount: Money) -> str | None:
        """Why this amount cannot be charged exactly (currency, last digit, smallest charge); None where it can."""
        return units.refusal(amount)

    def _all(self, call: Callable[[], Iterable[T]]) -> list[T]:
        """Every row of a list that is read page by page."""
        return self._send(lambda: list(call()))

    def _send(self, call: Callable[[], T]) -> T:
        """Call Stripe, again where that is safe and of use, and say what its errors mean to us.

        Raises:
            GatewayUnavailableError: limited, lost, or the key is in flight, also at the last try.
            GatewayFaultError: Stripe's own error, or the key belongs to another request.
            RefusedKeyError: Stripe refuses the API key.
            stripe.CardError, stripe.InvalidRequestError: for the caller, who knows what they mean there.
        """
        waits = iter(_RETRY_SECONDS)
        while True:
            try:
                return call()
            except stripe.IdempotencyError:
                raise GatewayFaultError("Stripe knows this idempotency key with other parameters; look, then use a new key") from None
            except (stripe.CardError, stripe.InvalidRequestError):
                raise
            except (stripe.AuthenticationError, stripe.PermissionError):
                raise RefusedKeyError(f"{self._address} refuses STRIPE_API_KEY; set it to a key that may write invoices") from None
            except stripe.StripeError as error:
                if not _may_repeat(error):
                    said = f"Stripe answered with an error of its own ({error.http_status})"
                    raise GatewayFaultError(f"{said}; look before you repeat the call") from None
                wait = next(waits, None)
                if wait is None:
                    raise GatewayUnavailableError(f"{self._address} gives no definite answer ({_kind(error)}); push again later") from None
            self._sleep(wait)

    def _must(self, what: str, call: Callable[[], T]) -> T:
        """Call Stripe where a refusal has no meaning but that somebody must look.

        Raises:
            GatewayRefusedError: Stripe refuses it.
        """
        try:
            return self._send(call)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise refused(what, error) from None

    def _make_once(self, look: Callable[[], T | None], make: Callable[[str], T], *, own_key: str, key: str) -> T:
        """What `look` finds, else one made by `make` with `own_key`, which all who want the same thing share.

        Where Stripe broke on the shared key, it repeats that for a day; after another look the caller's `key` goes on.
        """
        found = look()
        if found is not None:
            return found
        try:
            return self._send(lambda: make(own_key))
        except GatewayFaultError:
            found = look()
            return self._send(lambda: make(key)) if found is None else found


def given(**texts: str) -> dict[str, str]:
    """The texts that are set: Stripe refuses an empty one."""
    return {name: text for name, text in texts.items() if text}


def declined(error: stripe.CardError) -> Declined:
    """A refused card, with the bank's own code where Stripe tells it."""
    return declined_by(error.error, code=error.code, message=reason_of(error))


def declined_by(error: object, *, code: str | None = None, message: str = "") -> Declined:
    """As `declined`, from the error that a payment or a binding carries. A field that Stripe leaves out is no attribute."""
    said = getattr(error, "decline_code", None) or code or getattr(error, "code", None) or "card_declined"
    return Declined(code=said, message=message or getattr(error, "message", None) or "Stripe gives no reason")


def codes(error: stripe.StripeError) -> set[str | None]:
    """What the error is called, and why the bank refused."""
    return {error.code, error.error.decline_code if error.error else None}


def reason_of(error: stripe.StripeError) -> str:
    """Stripe's own sentence. It names parameters and objects, never a key or a card number."""
    return error.user_message or "Stripe gives no reason"


def _may_repeat(error: stripe.StripeError) -> bool:
    """Whether the same call can have another answer. Stripe saves its own 5xx for the key; a proxy's is not from Stripe."""
    if isinstance(error, stripe.RateLimitError | stripe.APIConnectionError) or error.http_status == 409:
        return True
    return not isinstance(error.json_body, dict) or (error.headers or {}).get("stripe-should-retry") == "true"


def _kind(error: stripe.StripeError) -> str:
    return f"status {error.http_status}" if error.http_status else "connection lost or timed out"


def refused(what: str, error: stripe.CardError | stripe.InvalidRequestError) -> GatewayRefusedError:
    """Stripe's definite no to `what`."""
    return GatewayRefusedError(f"Stripe refuses {what}: {reason_of(error)}")


def mismatch(what: str, reason: str) -> GatewayMismatchError:
    """Stripe holds something else than we do."""
    return GatewayMismatchError(f"Stripe disagrees with us about {what}: {reason}; compare both before more is charged")


def money_of(count: int, currency: str, owner: str) -> Money:
    """Our money from Stripe's units; `owner` is the object whose amount it is.

    Raises:
        GatewayMismatchError: the amount has no form of ours.
    """
    try:
        return units.from_units(count, currency)
    except ValueError as error:
        raise mismatch(owner, str(error)) from None


def metadata(row: _WithMetadata) -> dict[str, str]:
    """Our names and ids on an object."""
    return dict(row.metadata.to_dict()) if row.metadata else {}


def identifier(reference: object) -> str:
    """The id of a field that holds an id or the expanded object; empty where it holds nothing."""
    if reference is None:
        return ""
    return reference if isinstance(reference, str) else str(reference.id)  # type: ignore[attr-defined]  # a StripeObject


def moment(seconds: int) -> datetime:
    """Stripe's time as ours, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def short_key(*parts: str) -> str:
    """A key that all share who want the same thing made."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]
