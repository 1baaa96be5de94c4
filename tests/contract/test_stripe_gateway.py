"""What only the Stripe adapter does, over HTTP against the double."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest
from pydantic import SecretStr

from control.domain.money import Money
from control.gateways.stripe import StripeGateway
from control.ports import (
    Declined,
    GatewayFaultError,
    GatewayMismatchError,
    GatewayPaymentStatus,
    GatewayRefusedError,
    GatewayUnavailableError,
    Paid,
    RefundRequest,
    Refused,
)
from tests.contract.benches import TEST_KEY, StripeBench, with_sdk
from tests.contract.builders import a_charge, a_customer, a_final_invoice, a_paying_customer, an_invoice, look, new_key, push, usd
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, DISPUTED
from warehouse.errors import RefusedError, SettingsError


def _lines(stripe: StripeBench) -> list[tuple[str, int]]:
    return [(row["description"], row["amount"]) for row in reversed(stripe.server.gateway.objects("line_item"))]


def test_the_lines_at_stripe_are_exactly_ours(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    a_final_invoice(stripe.gateway, an_invoice(customer_id))
    assert _lines(stripe) == [("line 1", 10000), ("line 2", -1000), ("line 3", 1710)]


def test_an_invoice_at_stripe_is_advanced_by_us_only_and_names_ours(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    stripe.gateway.ensure_invoice(an_invoice(customer_id), key=new_key())
    (invoice,) = stripe.server.gateway.objects("invoice")
    assert (invoice["auto_advance"], invoice["collection_method"]) == (False, "charge_automatically")
    assert invoice["metadata"] == {"invoice_id": "inv-1", "invoice_number": "INV-000001", "total_units": "10710"}
    assert invoice["description"] == "Invoice INV-000001, due 2026-02-28"


def test_every_write_carries_a_key_of_ours(stripe: StripeBench) -> None:
    customer_id, card = a_paying_customer(stripe.gateway)
    push(stripe.gateway, an_invoice(customer_id), card)
    stripe.gateway.ensure_balance_credit(customer_id, usd(100), reference="n", description="CN-1", key=new_key())
    keys = [entry["idempotency_key"] for entry in stripe.server.gateway.requests if entry["method"] == "POST"]
    assert len(keys) == len(set(keys)) == 8
    assert all(key.startswith("key-") for key in keys)


def test_a_push_asks_stripe_nine_times(stripe: StripeBench) -> None:
    customer_id, card = a_paying_customer(stripe.gateway)
    before = len(stripe.server.gateway.requests)
    push(stripe.gateway, an_invoice(customer_id), card)
    assert len(stripe.server.gateway.requests) - before == 9


def test_a_draft_that_was_left_without_its_lines_is_completed(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    stripe.server.plan("drop_before", path="/v1/invoices/*/add_lines", times=4)
    with pytest.raises(GatewayUnavailableError):
        stripe.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    assert _lines(stripe) == []
    assert stripe.gateway.ensure_invoice(an_invoice(customer_id), key="next week").total == usd(10710)
    assert len(_lines(stripe)) == 3
    assert len(stripe.server.gateway.objects("invoice")) == 1


def test_a_draft_that_was_left_with_half_of_its_lines_gets_the_other_half(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    request = an_invoice(customer_id, *(usd(number) for number in range(1, 151)))
    stripe.server.plan("drop_before", path="/v1/invoices/*/add_lines", skip=1, times=4)
    with pytest.raises(GatewayUnavailableError):
        stripe.gateway.ensure_invoice(request, key="k")
    assert len(_lines(stripe)) == 100
    assert stripe.gateway.ensure_invoice(request, key="next week").total == request.total
    assert [amount for _, amount in _lines(stripe)] == list(range(1, 151))


def test_a_draft_without_all_lines_is_not_finalized(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    stripe.server.plan("drop_before", path="/v1/invoices/*/add_lines", times=4)
    with pytest.raises(GatewayUnavailableError):
        stripe.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    found = stripe.gateway.find_invoice(customer_id, "inv-1")
    assert found is not None
    with pytest.raises(GatewayMismatchError):
        stripe.gateway.finalize_invoice(found.gateway_invoice_id, key="k2")


def test_more_lines_than_stripe_takes_are_summed_up_in_the_last_one(stripe: StripeBench) -> None:
    customer_id, card = a_paying_customer(stripe.gateway)
    request = an_invoice(customer_id, *(usd(number) for number in range(1, 301)))
    assert isinstance(push(stripe.gateway, request, card), Paid)
    lines = _lines(stripe)
    assert len(lines) == 250
    assert lines[-1] == ("51 further lines, listed on invoice INV-000001", sum(range(250, 301)))
    assert stripe.charges() == [request.total]


def test_whole_currencies_that_stripe_writes_with_decimals_are_charged_exactly(stripe: StripeBench) -> None:
    customer_id, card = a_paying_customer(stripe.gateway)
    outcome = push(stripe.gateway, an_invoice(customer_id, Money(4000, "ISK"), Money(960, "ISK")), card)
    assert isinstance(outcome, Paid)
    assert outcome.charged == Money(4960, "ISK")
    assert [row["amount"] for row in stripe.server.gateway.objects("charge")] == [496000]


def test_a_line_without_an_exact_form_at_stripe_makes_nothing(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    with pytest.raises(RefusedError, match="whole MGA"):
        stripe.gateway.ensure_invoice(an_invoice(customer_id, Money(150, "MGA"), Money(250, "MGA")), key="k")
    assert stripe.server.gateway.objects("invoice") == []


def test_two_invoices_with_our_id_are_a_mismatch(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    stripe.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    with_sdk(stripe.gateway).invoices.create({"customer": customer_id, "currency": "usd", "metadata": {"invoice_id": "inv-1"}})
    with pytest.raises(GatewayMismatchError, match="several"):
        stripe.gateway.find_invoice(customer_id, "inv-1")


def test_a_debt_of_the_customer_at_stripe_is_not_charged_with_our_invoice(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    with_sdk(stripe.gateway).customers.balance_transactions.create(customer_id, {"amount": 300, "currency": "usd"})
    draft = stripe.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    with pytest.raises(GatewayMismatchError, match="owes 300"):
        stripe.gateway.finalize_invoice(draft.gateway_invoice_id, key="k2")


def test_an_invoice_that_stripe_settled_by_carrying_a_debt_is_a_mismatch(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    draft = stripe.gateway.ensure_invoice(an_invoice(customer_id, usd(40)), key="k")
    with_sdk(stripe.gateway).invoices.finalize_invoice(draft.gateway_invoice_id)
    with pytest.raises(GatewayMismatchError, match="do not add up"):
        stripe.gateway.find_invoice(customer_id, "inv-1")


def test_a_customer_is_made_once_although_stripes_search_lags(stripe: StripeBench) -> None:
    stripe.server.gateway.search_delay_seconds = 3600
    stripe.server.plan("error_after", method="POST", path="/v1/customers")
    with pytest.raises(GatewayFaultError):
        stripe.gateway.ensure_customer(a_customer(), key="k")
    assert stripe.gateway.ensure_customer(a_customer(), key="k2") == stripe.gateway.ensure_customer(a_customer(), key="k3")
    assert stripe.customer_count() == 1


def test_a_customer_that_stripe_does_not_take_is_refused_with_its_reason(stripe: StripeBench) -> None:
    with pytest.raises(GatewayRefusedError, match=r"Stripe refuses the customer of account acc-42: .*40"):
        stripe.gateway.ensure_customer(a_customer(reference="d" * 501), key="k")


def test_an_invoice_is_found_among_more_than_a_page(stripe: StripeBench) -> None:
    customer_id, _ = a_paying_customer(stripe.gateway)
    first = stripe.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    for _ in range(100):
        with_sdk(stripe.gateway).invoices.create({"customer": customer_id, "currency": "usd"})
    assert stripe.gateway.find_invoice(customer_id, "inv-1") == first


@pytest.mark.parametrize("fault", ["rate_limit", "drop_before", "bad_gateway_after"])
def test_a_call_is_tried_four_times_with_growing_waits(stripe: StripeBench, fault: str) -> None:
    waits: list[float] = []
    gateway = StripeGateway(TEST_KEY, api_base=stripe.server.url, sleep=waits.append)
    stripe.server.plan(fault, path="/v1/customers/search", times=3)
    gateway.ensure_customer(a_customer(), key="k")
    assert waits == [0.5, 1.0, 2.0]
    stripe.server.plan(fault, path="/v1/customers/search", times=4)
    with pytest.raises(GatewayUnavailableError, match="push again later"):
        gateway.ensure_customer(a_customer(), key="k")


def test_an_error_of_stripes_own_is_not_tried_again(stripe: StripeBench) -> None:
    before = len(stripe.server.gateway.requests)
    stripe.server.plan("error_before", path="/v1/customers/search")
    with pytest.raises(Exception, match="error of its own"):
        stripe.gateway.ensure_customer(a_customer(), key="k")
    assert len(stripe.server.gateway.requests) - before == 1


def test_a_key_in_flight_is_waited_for(stripe: StripeBench) -> None:
    customer_id, card = a_paying_customer(stripe.gateway)
    final = a_final_invoice(stripe.gateway, an_invoice(customer_id))
    stripe.server.plan("delay", path="/v1/invoices/*/pay", seconds=0.5)
    gateway = StripeGateway(TEST_KEY, api_base=stripe.server.url)
    outcomes = []
    workers = [
        threading.Thread(target=lambda: outcomes.append(gateway.pay_invoice(final.gateway_invoice_id, card, key="k"))) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [type(outcome) for outcome in outcomes] == [Paid, Paid]
    assert stripe.charges() == [usd(10710)]
    assert 409 in [entry["status"] for entry in stripe.server.gateway.requests]


def test_nobody_listening_is_said_in_one_sentence(stripe: StripeBench) -> None:
    gateway = StripeGateway(TEST_KEY, api_base="http://127.0.0.1:9", sleep=lambda _: None)
    with pytest.raises(GatewayUnavailableError, match=r"^http://127.0.0.1:9 gives no definite answer"):
        gateway.find_invoice("cus_1", "inv-1")


def test_a_wrong_key_is_a_setting_to_correct_and_is_not_shown(stripe: StripeBench) -> None:
    gateway = StripeGateway(SecretStr("rk_test_revokedlongago"), api_base=stripe.server.url)
    stripe.server.gateway.revoked_keys.add("rk_test_revokedlongago")
    with pytest.raises(SettingsError) as caught:
        gateway.ensure_customer(a_customer(), key="k")
    assert isinstance(caught.value, GatewayRefusedError)
    assert "STRIPE_API_KEY" in str(caught.value)
    assert "revokedlongago" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_log_shows_the_key_or_a_client_secret(stripe: StripeBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = StripeGateway(TEST_KEY, api_base=stripe.server.url)
    customer_id, card = a_paying_customer(gateway)
    push(gateway, an_invoice(customer_id), card)
    secrets = [row["client_secret"] for row in stripe.server.gateway.objects("payment_intent")]
    assert secrets
    assert all(secret not in caplog.text for secret in (*secrets, TEST_KEY.get_secret_value()))


# --- charges without an invoice


def test_a_charge_that_was_interrupted_before_its_card_is_taken_up_and_no_second_is_made(stripe: StripeBench) -> None:
    customer_id, card = a_paying_customer(stripe.gateway)
    stripe.server.plan("drop_before", path="/v1/payment_intents/*/confirm", times=4)
    with pytest.raises(GatewayUnavailableError):
        stripe.gateway.charge(a_charge(customer_id, card), key="k")
    seen = look(stripe, customer_id)
    assert seen is not None
    assert (seen.status, seen.code) == (GatewayPaymentStatus.FAILED, "not_attempted")
    assert isinstance(stripe.gateway.charge(a_charge(customer_id, card, payment_id="payment-2"), key="next week"), Paid)
    (intent,) = stripe.server.gateway.objects("payment_intent")
    assert intent["metadata"] == {"invoice_id": "inv-1", "invoice_number": "INV-000001", "payment_id": "payment-2"}


def test_less_is_charged_where_less_is_open_at_the_next_attempt(stripe: StripeBench) -> None:
    customer_id, bad = a_paying_customer(stripe.gateway, DECLINES_WHEN_CHARGED)
    assert isinstance(stripe.gateway.charge(a_charge(customer_id, bad), key="k1"), Declined)
    _, good = a_paying_customer(stripe.gateway)
    outcome = stripe.gateway.charge(a_charge(customer_id, good, amount=usd(7000), payment_id="payment-2"), key="k2")
    assert isinstance(outcome, Paid)
    assert stripe.charges() == [usd(7000)]
    other = a_charge(customer_id, bad, invoice_id="inv-2")
    stripe.gateway.charge(other, key="k3")
    with pytest.raises(GatewayMismatchError, match="in USD"):
        stripe.gateway.charge(replace(other, amount=Money(7000, "EUR")), key="k4")


@pytest.mark.parametrize("amount", [Money(1234, "KWD"), usd(49), Money(150, "MGA"), Money(1, "UYW")])
def test_what_cannot_be_charged_exactly_is_refused_before_anything_is_sent(stripe: StripeBench, amount: Money) -> None:
    before = len(stripe.server.gateway.requests)
    outcome = stripe.gateway.charge(a_charge("cus_1", "pm_1", amount=amount), key="k")
    assert isinstance(outcome, Refused)
    assert outcome.reason == stripe.gateway.refusal(amount)
    assert len(stripe.server.gateway.requests) == before


def test_a_payment_that_somebody_gave_back_is_not_taken_for_paid(stripe: StripeBench) -> None:
    customer_id, card = a_paying_customer(stripe.gateway)
    outcome = stripe.gateway.charge(a_charge(customer_id, card), key="k1")
    assert isinstance(outcome, Paid)
    with_sdk(stripe.gateway).refunds.create({"payment_intent": outcome.gateway_payment_id, "amount": 1})
    with pytest.raises(GatewayMismatchError, match="given back"):
        stripe.gateway.charge(a_charge(customer_id, card, payment_id="payment-2"), key="k2")


def test_a_disputed_payment_is_not_given_back_a_second_time(stripe: StripeBench) -> None:
    customer_id, card = a_paying_customer(stripe.gateway, DISPUTED)
    outcome = stripe.gateway.charge(a_charge(customer_id, card), key="k1")
    assert isinstance(outcome, Paid)
    request = RefundRequest(refund_id="r", gateway_payment_id=outcome.gateway_payment_id, amount=usd(10710), reason="")
    assert isinstance(stripe.gateway.ensure_refund(request, key="k2"), Refused)


def test_without_its_secret_no_webhook_is_believed(stripe: StripeBench) -> None:
    with pytest.raises(SettingsError, match="STRIPE_WEBHOOK_SECRET"):
        StripeGateway(TEST_KEY).read_webhook(b"{}", {})
