"""Every call to Adyen: its key, its repetition, and what its errors mean to us."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import Adyen
from Adyen.exceptions import AdyenAPIAuthenticationError, AdyenAPIInvalidPermission, AdyenAPIResponseError
from pydantic import SecretStr

from control.domain.money import Money
from control.gateways.adyen import units
from control.ports import GatewayMismatchError, GatewayRefusedError, GatewayUnavailableError
from warehouse.errors import SettingsError

Json = dict[str, Any]

# Adyen takes up to some 30 s to hear from a bank; giving up earlier leaves more charges whose outcome is known only later.
_TIMEOUT_SECONDS = 60
# Waits before the second, third and fourth try of a call that was limited or lost. A push that gives up goes on next time.
RETRY_SECONDS = (0.5, 1.0, 2.0)
_LONGEST_KEY = 64
# "Request already processed or in progress": the key is in flight elsewhere.
_IN_PROGRESS = "704"
_MAY_REPEAT = frozenset({408, 409, 429})

# Off-session nobody can be sent anywhere, but Adyen's document requires an address.
NOWHERE = "https://off-session.invalid/"


class RefusedKeyError(GatewayRefusedError, SettingsError):
    """Adyen does not take the API key of the settings, or it lacks a role."""


class AdyenRefusal(Exception):
    """Adyen refused a request as wrong (400, 404 or 422). Never leaves this package: the caller says what it means."""

    def __init__(self, reason: str, *, code: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class AdyenCalls:
    """The client of Adyen's Checkout API. May be called from several threads."""

    name = "adyen"

    def __init__(
        self,
        api_key: SecretStr,
        *,
        merchant_account: str,
        hmac_key: SecretStr | None = None,
        report_key: SecretStr | None = None,
        live_prefix: str = "",
        api_base: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Where neither `live_prefix` nor `api_base` is set, the calls go to Adyen's test environment.

        Args:
            api_key: of a web service user with the roles for Checkout.
            merchant_account: whose payments they are.
            hmac_key: of the standard webhook, hexadecimal; without it no webhook is believed.
            report_key: of a report user; without it nothing can be looked up.
            live_prefix: of the live URL of this company account.
            api_base: the URL of a test gateway.
            sleep: waits between tries.

        Raises:
            SettingsError: a value is missing or malformed, or live traffic would go to a test gateway.
        """
        key = api_key.get_secret_value()
        if not key or not merchant_account:
            raise SettingsError("set ADYEN_API_KEY to the key of a web service user, and ADYEN_MERCHANT_ACCOUNT to whose payments it makes")
        if api_base and live_prefix:
            raise SettingsError("ADYEN_API_BASE names a test gateway, but ADYEN_LIVE_PREFIX asks for live payments; set one of them")
        self._hmac_key = _hexadecimal(hmac_key)
        self._report_key = report_key.get_secret_value() if report_key else ""
        self._merchant = merchant_account
        self._is_live = bool(live_prefix)
        self._api_base = api_base or ""
        self._address = api_base or "Adyen"
        self._sleep = sleep
        # Given here, none of the SDK's module-wide settings apply.
        self._sdk = Adyen.Adyen(
            xapikey=key,
            platform="live" if live_prefix else "test",
            live_endpoint_prefix=live_prefix or None,
            merchant_account=merchant_account,
            http_timeout=_TIMEOUT_SECONDS,
            http_force="requests",
        )
        self._checkout = self._sdk.checkout
        if api_base:
            for api in (self._checkout.payments_api, self._checkout.modifications_api, self._checkout.recurring_api):
                api.baseUrl = f"{api_base}/v72"

    def refusal(self, amount: Money) -> str | None:
        """Why this amount cannot be charged exactly (currency, fraction, nothing at all); None where it can."""
        return units.refusal(amount)

    def _send(self, call: Callable[[], Any]) -> Json:
        """Call Adyen, again where it gave no definite answer: the same key has one effect, and keeps it for weeks.

        Raises:
            GatewayUnavailableError: no definite answer also at the last try.
            RefusedKeyError: Adyen refuses the API key.
            AdyenRefusal: it refuses the request.
        """
        waits = iter(RETRY_SECONDS)
        while True:
            try:
                answer: Json = call().message
                return answer
            except (AdyenAPIAuthenticationError, AdyenAPIInvalidPermission):
                raise RefusedKeyError(f"{self._address} refuses ADYEN_API_KEY; set it to the key of a user with Checkout roles") from None
            except AdyenAPIResponseError as error:
                status = int(error.status_code)
                if status < 500 and status not in _MAY_REPEAT and str(error.error_code) != _IN_PROGRESS:
                    raise AdyenRefusal(_reason(error), code=str(error.error_code or status)) from None
                said = f"status {status}"
            except OSError:  # what the SDK's HTTP library raises
                said = "connection lost or timed out"
            wait = next(waits, None)
            if wait is None:
                raise GatewayUnavailableError(f"{self._address} gives no definite answer ({said}); push again later")
            self._sleep(wait)

    def _must(self, what: str, call: Callable[[], Any]) -> Json:
        """Call Adyen where a refusal has no meaning but that somebody must look.

        Raises:
            GatewayRefusedError: Adyen refuses it.
        """
        try:
            return self._send(call)
        except AdyenRefusal as refusal:
            raise GatewayRefusedError(f"Adyen refuses {what}: {refusal.reason}") from None


def key_for(*parts: str) -> str:
    """One idempotency key from several texts, within Adyen's 64 characters."""
    whole = ":".join(parts)
    return whole if len(whole) <= _LONGEST_KEY else hashlib.sha256(whole.encode()).hexdigest()


def query(**values: str) -> Json:
    """Query parameters for the SDK, which does not escape them."""
    return {"query_parameters": {name: quote(value, safe="") for name, value in values.items()}}


def in_path(text: str) -> str:
    """A text as one segment of a path, for the SDK, which does not escape it."""
    return quote(text, safe="")


def money_of(amount: Mapping[str, Any], owner: str) -> Money:
    """Our money from Adyen's; `owner` is the object whose amount it is.

    Raises:
        GatewayMismatchError: the amount has no form of ours.
    """
    try:
        return units.from_units(int(amount["value"]), str(amount["currency"]))
    except ValueError as error:
        raise mismatch(owner, str(error)) from None


def mismatch(what: str, reason: str) -> GatewayMismatchError:
    """Adyen holds something else than we do."""
    return GatewayMismatchError(f"Adyen disagrees with us about {what}: {reason}; compare both before more is charged")


def _reason(error: AdyenAPIResponseError) -> str:
    """Adyen's own sentence. It names fields, never a key or a card number."""
    said = error.message.get("message") if isinstance(error.message, dict) else ""
    return str(said or "Adyen gives no reason")


def _hexadecimal(key: SecretStr | None) -> str:
    text = key.get_secret_value() if key else ""
    try:
        bytes.fromhex(text)
    except ValueError:
        raise SettingsError("ADYEN_HMAC_KEY is not hexadecimal; copy it from the webhook's settings in the Customer Area") from None
    return text
