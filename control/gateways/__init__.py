"""The payment gateways, one package each, and the register of their names. What a gateway must do is said in control/ports/.

Add a gateway: an adapter package, a line in `_GATEWAYS`, and its bench in tests/contract. No other module imports an SDK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from warehouse.errors import InputError

if TYPE_CHECKING:
    from control.ports import PaymentGateway
    from control.settings import ControlSettings


def _stripe(settings: ControlSettings) -> PaymentGateway:
    from control.gateways.stripe import StripeGateway  # noqa: PLC0415  # the SDK takes a second to import

    return StripeGateway(settings.stripe_api_key, api_base=settings.stripe_api_base, webhook_secret=settings.stripe_webhook_secret)


def _adyen(settings: ControlSettings) -> PaymentGateway:
    from control.gateways.adyen import AdyenGateway  # noqa: PLC0415  # as above

    return AdyenGateway(
        settings.adyen_api_key,
        merchant_account=settings.adyen_merchant_account,
        hmac_key=settings.adyen_hmac_key,
        report_key=settings.adyen_report_key,
        live_prefix=settings.adyen_live_prefix,
        api_base=settings.adyen_api_base,
    )


_GATEWAYS: dict[str, Callable[[ControlSettings], PaymentGateway]] = {"adyen": _adyen, "stripe": _stripe}

NAMES = tuple(sorted(_GATEWAYS))
"""What the column `gateway` of accounts.csv may say."""


def gateway_for(name: str, settings: ControlSettings) -> PaymentGateway:
    """The gateway of this name, ready to be called; nothing is sent yet.

    Raises:
        InputError: no gateway has this name.
        SettingsError: its key is missing or malformed.
    """
    make = _GATEWAYS.get(name)
    if make is None:
        raise InputError(f"there is no payment gateway {name!r}; accounts.csv may name {', '.join(NAMES)}")
    return make(settings)
