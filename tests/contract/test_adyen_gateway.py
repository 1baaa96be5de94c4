"""What only the Adyen adapter does, over HTTP against the double."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from control.domain.money import Money
from control.gateways.adyen import AdyenGateway
from control.ports import (
    BindingRequest,
    EventSubject,
    GatewayEvent,
    GatewayFaultError,
    GatewayMismatchError,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefusedError,
    GatewayUnavailableError,
    InvoicingGateway,
    Paid,
    Refused,
    SavedCard,
    WebhookRefusedError,
)
from control.testing.adyen_server import gateway as double
from control.testing.adyen_server.notifications import body_of
from tests.contract.adyen_bench import API_KEY, AdyenBench, a_method, an_adapter
from tests.contract.builders import a_card, a_charge, a_customer, events_of, new_key, usd
from tests.contract.fake_gateway import NEEDS_HOLDER, PAYS
from warehouse.errors import SettingsError

pytestmark = pytest.mark.needs_shared_data


def a_notification(adyen: AdyenBench, **changes: object) -> bytes:
    """A signed message about a payment, with these fields changed before it was signed."""
    item = {
        "additionalData": {"shopperReference": "deployment-1/acc-42"},
        "amount": {"currency": "USD", "value": 10710},
        "eventCode": "AUTHORISATION",
        "eventDate": "2026-03-01T12:00:00+01:00",
        "merchantAccountCode": adyen.server.merchant_account,
        "merchantReference": "0" * 24 + ".payment-1",
        "pspReference": "PSP1",
        "success": "true",
    }
    return body_of({"item": item | changes}, adyen.server.hmac_key)


def the_event(adyen: AdyenBench, **changes: object) -> GatewayEvent:
    (event,) = adyen.gateway.read_webhook(a_notification(adyen, **changes), {})
    return event


def test_adyen_keeps_no_invoices(adyen: AdyenBench) -> None:
    assert not isinstance(adyen.gateway, InvoicingGateway)


def test_every_key_is_short_enough_whatever_the_caller_sends(adyen: AdyenBench) -> None:
    customer_id, card = a_card(adyen, PAYS)
    assert isinstance(adyen.gateway.charge(a_charge(customer_id, card), key="k" * 64), Paid)
    keys = [entry["idempotency_key"] for entry in adyen.server.gateway.requests if entry["method"] == "POST"]
    assert all(key and len(key) <= 64 for key in keys)


def test_a_card_number_in_clear_is_never_passed_on(adyen: AdyenBench) -> None:
    customer_id = adyen.gateway.ensure_customer(a_customer(), key="k1")
    before = len(adyen.server.gateway.requests)
    clear = json.dumps({"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"})
    assert isinstance(adyen.gateway.save_card(customer_id, clear, key="k2"), Refused)
    assert len(adyen.server.gateway.requests) == before


def test_a_card_whose_bank_asks_its_holder_is_to_be_bound_in_the_browser(adyen: AdyenBench) -> None:
    customer_id = adyen.gateway.ensure_customer(a_customer(), key="k1")
    answer = adyen.gateway.save_card(customer_id, adyen.token(NEEDS_HOLDER), key="k2")
    assert isinstance(answer, Refused)
    assert "browser" in answer.reason


def test_an_error_of_adyens_own_is_answered_definitely_by_the_same_key(adyen: AdyenBench) -> None:
    customer_id, card = a_card(adyen, PAYS)
    adyen.server.plan("error_after", path="/v72/payments", times=4)
    with pytest.raises(GatewayUnavailableError, match="status 500"):
        adyen.gateway.charge(a_charge(customer_id, card), key="k")
    assert isinstance(adyen.gateway.charge(a_charge(customer_id, card), key="k"), Paid)
    assert adyen.charges() == [usd(10710)]


def test_the_key_of_another_charge_is_found_out(adyen: AdyenBench) -> None:
    customer_id, card = a_card(adyen, PAYS)
    adyen.gateway.charge(a_charge(customer_id, card), key="k")
    with pytest.raises(GatewayFaultError):
        adyen.gateway.charge(a_charge(customer_id, card, invoice_id="inv-2", payment_id="payment-2"), key="k")
    with pytest.raises(GatewayMismatchError):
        adyen.gateway.charge(a_charge(customer_id, card, amount=usd(1)), key="k")
    assert adyen.charges() == [usd(10710)]


def test_what_cannot_be_charged_exactly_is_refused_before_anything_is_sent(adyen: AdyenBench) -> None:
    before = len(adyen.server.gateway.requests)
    assert isinstance(adyen.gateway.charge(a_charge("shopper", "card", amount=Money(150, "IDR")), key="k"), Refused)
    assert len(adyen.server.gateway.requests) == before


def test_a_look_before_the_report_is_made_says_so_instead_of_nothing(adyen: AdyenBench) -> None:
    tried = adyen.tried()
    with pytest.raises(GatewayUnavailableError, match="not made its report"):
        adyen.gateway.find_payment("shopper", "inv-1", tried=tried)
    adyen.server.gateway.ahead += timedelta(days=1)
    with pytest.raises(GatewayUnavailableError, match="not made its report"):
        adyen.gateway.find_payment("shopper", "inv-1", tried=tried)
    adyen.server.gateway.ahead += timedelta(days=1)
    assert adyen.gateway.find_payment("shopper", "inv-1", tried=tried) is None


def test_a_look_needs_the_key_of_a_report_user(adyen: AdyenBench) -> None:
    gateway = AdyenGateway(API_KEY, merchant_account="M", api_base=adyen.server.url)
    with pytest.raises(SettingsError, match="ADYEN_REPORT_KEY"):
        gateway.find_payment("shopper", "inv-1", tried=adyen.tried())


# --- webhooks


def test_a_payment_that_was_captured_and_came_back_has_failed(adyen: AdyenBench) -> None:
    event = the_event(adyen, eventCode="CAPTURE_FAILED", pspReference="PSP2", originalReference="PSP1")
    assert (event.object_id, event.gateway_payment_id) == ("PSP1", "PSP1")
    state = adyen.gateway.state_of(event)
    assert isinstance(state, GatewayPayment)
    assert (state.status, state.paid) == (GatewayPaymentStatus.FAILED, usd(0))


def test_a_refund_that_somebody_made_by_hand_carries_no_id_of_ours(adyen: AdyenBench) -> None:
    event = the_event(adyen, eventCode="REFUND", pspReference="PSP2", originalReference="PSP1")
    assert (event.subject, event.reference, event.gateway_payment_id) == (EventSubject.REFUND, "", "PSP1")
    assert the_event(adyen, eventCode="REFUND", merchantReference="refund-1").reference == "refund-1"


def test_each_outcome_of_one_thing_is_an_event_and_its_repetition_is_not(adyen: AdyenBench) -> None:
    first = the_event(adyen)
    assert the_event(adyen, eventDate="2026-03-02T12:00:00+01:00").event_id == first.event_id
    assert the_event(adyen, success="false").event_id != first.event_id
    assert the_event(adyen, eventCode="CAPTURE").event_id != first.event_id


@pytest.mark.parametrize(
    ("code", "subject"), [("REPORT_AVAILABLE", EventSubject.OTHER), ("RECURRING_CONTRACT", EventSubject.CARD), ("NEW", EventSubject.OTHER)]
)
def test_what_is_told_about_something_else_has_no_state(adyen: AdyenBench, code: str, subject: EventSubject) -> None:
    event = the_event(adyen, eventCode=code)
    assert event.subject is subject
    assert adyen.gateway.state_of(event) is None


def test_a_payment_that_is_none_of_ours_is_about_something_else(adyen: AdyenBench) -> None:
    assert the_event(adyen, merchantReference="somebody's order").subject is EventSubject.OTHER


def test_a_message_with_one_item_that_is_not_signed_is_refused_as_a_whole(adyen: AdyenBench) -> None:
    message = json.loads(a_notification(adyen))
    unsigned = json.loads(a_notification(adyen, pspReference="PSP9"))["notificationItems"][0]
    del unsigned["NotificationRequestItem"]["additionalData"]["hmacSignature"]
    message["notificationItems"].append(unsigned)
    with pytest.raises(WebhookRefusedError):
        adyen.gateway.read_webhook(json.dumps(message).encode(), {})


def test_a_message_of_another_merchant_account_or_environment_is_refused(adyen: AdyenBench) -> None:
    with pytest.raises(WebhookRefusedError, match="merchant account"):
        adyen.gateway.read_webhook(a_notification(adyen, merchantAccountCode="Other"), {})
    with pytest.raises(WebhookRefusedError, match="environment"):
        adyen.gateway.read_webhook(a_notification(adyen).replace(b'"live": "false"', b'"live": "true"'), {})


def test_without_its_key_no_webhook_is_believed(adyen: AdyenBench) -> None:
    with pytest.raises(SettingsError, match="ADYEN_HMAC_KEY"):
        AdyenGateway(API_KEY, merchant_account="M").read_webhook(a_notification(adyen), {})


# --- reports


def report_of(adyen: AdyenBench, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]) -> None:
    """Let the double's reports look different."""
    real = double.report
    monkeypatch.setattr(double, "report", lambda *arguments: change(real(*arguments)))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Modification Merchant Reference", "Something Else", "no column Modification Merchant Reference"),
        (",UTC,", ",CET,", "time zone to UTC"),
        (",107.10,", ",lots,", "no amount"),
    ],
)
def test_a_report_that_cannot_be_read_exactly_is_not_read(
    adyen: AdyenBench, monkeypatch: pytest.MonkeyPatch, old: str, new: str, reason: str
) -> None:
    since = adyen.now()
    customer_id, card = a_card(adyen, PAYS)
    adyen.gateway.charge(a_charge(customer_id, card), key="k")
    adyen.end_of_day()
    report_of(adyen, monkeypatch, lambda text: text.replace(old, new))
    with pytest.raises(GatewayMismatchError, match=reason):
        list(adyen.gateway.list_payments(since - timedelta(seconds=1), adyen.end()))


def test_what_other_systems_charge_at_the_same_merchant_account_is_not_listed(adyen: AdyenBench, monkeypatch: pytest.MonkeyPatch) -> None:
    since = adyen.now()
    customer_id, card = a_card(adyen, PAYS)
    adyen.gateway.charge(a_charge(customer_id, card), key="k")
    (payment,) = [row for row in adyen.server.gateway.objects("payment") if row["amount"]["value"]]
    adyen.end_of_day()
    report_of(adyen, monkeypatch, lambda text: text.replace(payment["reference"], "order 4711"))
    assert list(adyen.gateway.list_payments(since - timedelta(seconds=1), adyen.end())) == []


def test_a_report_that_is_not_made_yet_ends_the_lists_a_day_earlier(adyen: AdyenBench, monkeypatch: pytest.MonkeyPatch) -> None:
    real, missing = double.day_of, {adyen.end().date() - timedelta(days=1)}
    monkeypatch.setattr(double, "day_of", lambda name: None if real(name) in missing else real(name))
    assert adyen.gateway.listed_until(adyen.now()) == adyen.end() - timedelta(days=1)
    missing |= {adyen.end().date() - timedelta(days=days) for days in range(10)}
    with pytest.raises(GatewayUnavailableError, match="no report since"):
        adyen.gateway.listed_until(adyen.now())


# --- settings and faults


def test_a_wrong_key_is_a_setting_to_correct_and_is_not_shown(adyen: AdyenBench) -> None:
    adyen.server.gateway.revoked_keys.add(API_KEY.get_secret_value())
    request = BindingRequest(binding_id="b", customer_id="shopper", return_url="https://cloud.example", country_code="")
    with pytest.raises(SettingsError) as caught:
        adyen.gateway.start_binding(request, key="k")
    assert isinstance(caught.value, GatewayRefusedError)
    assert "ADYEN_API_KEY" in str(caught.value)
    assert API_KEY.get_secret_value() not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"api_key": SecretStr(""), "merchant_account": "M"}, "ADYEN_API_KEY"),
        ({"api_key": API_KEY, "merchant_account": ""}, "ADYEN_MERCHANT_ACCOUNT"),
        ({"api_key": API_KEY, "merchant_account": "M", "hmac_key": SecretStr("no hex")}, "ADYEN_HMAC_KEY"),
        ({"api_key": API_KEY, "merchant_account": "M", "api_base": "http://127.0.0.1:9", "live_prefix": "x"}, "ADYEN_LIVE_PREFIX"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        AdyenGateway(values.pop("api_key"), **values)


@pytest.mark.parametrize("fault", ["rate_limit", "drop_before", "bad_gateway_after", "error_before"])
def test_a_call_is_tried_four_times_with_growing_waits(adyen: AdyenBench, fault: str) -> None:
    customer_id, card = a_card(adyen, PAYS)
    waits: list[float] = []
    gateway = an_adapter(adyen.server)
    gateway._sleep = waits.append
    adyen.server.plan(fault, path="/v72/payments", times=3)
    assert isinstance(gateway.charge(a_charge(customer_id, card), key=new_key()), Paid)
    assert waits == [0.5, 1.0, 2.0]
    adyen.server.plan(fault, path="/v72/payments", times=4)
    with pytest.raises(GatewayUnavailableError, match="push again later"):
        gateway.charge(a_charge(customer_id, card, payment_id="payment-2"), key=new_key())


def test_nobody_listening_is_said_in_one_sentence() -> None:
    gateway = AdyenGateway(API_KEY, merchant_account="M", api_base="http://127.0.0.1:9", sleep=lambda _: None)
    with pytest.raises(GatewayUnavailableError, match=r"^http://127.0.0.1:9 gives no definite answer"):
        gateway.list_cards("shopper")


def test_no_log_shows_a_key_or_what_belongs_in_the_browser(adyen: AdyenBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    customer_id, card = a_card(adyen, NEEDS_HOLDER, is_bound=True)
    adyen.gateway.charge(a_charge(customer_id, card), key="k")
    events_of(adyen)
    assert API_KEY.get_secret_value() not in caplog.text
    assert adyen.server.hmac_key not in caplog.text
    assert "Ab02b4c0" not in caplog.text


def test_a_card_kept_in_a_form_with_two_digits_of_its_year_expires_in_this_century(adyen: AdyenBench) -> None:
    customer_id = adyen.gateway.ensure_customer(a_customer(), key="k1")
    method = a_method("5555444433331111", "S. Hopper") | {"encryptedExpiryYear": "test_30"}
    card = adyen.gateway.save_card(customer_id, json.dumps(method), key="k2")
    assert isinstance(card, SavedCard)
    assert (card.brand, card.last4, card.expires) == ("mc", "1111", "2030-03")
