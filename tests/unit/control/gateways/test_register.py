"""A gateway is made from its name and the settings, or the setting to correct is named."""

from __future__ import annotations

import pytest

from control.gateways import NAMES, gateway_for
from control.settings import ControlSettings
from warehouse.errors import InputError, SettingsError


def settings(**values: str) -> ControlSettings:
    return ControlSettings(_env_file=None, **values)  # type: ignore[arg-type]  # keyword values are checked by pydantic


@pytest.mark.parametrize("name", NAMES)
def test_a_gateway_is_called_by_the_name_that_accounts_use(name: str) -> None:
    values = {"stripe_api_key": "sk_test_unit", "adyen_api_key": "key", "adyen_merchant_account": "Merchant"}
    assert gateway_for(name, settings(**values)).name == name


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"no payment gateway 'stirpe'; accounts.csv may name adyen, stripe"):
        gateway_for("stirpe", settings(stripe_api_key="sk_test_unit"))


@pytest.mark.parametrize("key", ["", "pk_test_public", "sk_test_", "sk_test_two words", "sk_test_line\n"])
def test_a_missing_or_malformed_key_is_named_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError, match="STRIPE_API_KEY") as caught:
        gateway_for("stripe", settings(stripe_api_key=key))
    assert not key or key not in str(caught.value)


def test_a_live_key_never_goes_to_a_test_gateway() -> None:
    with pytest.raises(SettingsError, match="live key"):
        gateway_for("stripe", settings(stripe_api_key="sk_live_unit", stripe_api_base="http://127.0.0.1:9"))
