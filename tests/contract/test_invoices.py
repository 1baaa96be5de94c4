"""What every PaymentGateway does: customers, cards, invoices, charges, credits. Faults are in test_gateway_faults.py."""

from __future__ import annotations

import threading

import pytest

from control.domain.money import Money
from control.ports import (
    Declined,
    GatewayFaultError,
    GatewayInvoiceStatus,
    GatewayMismatchError,
    GatewayRefusedError,
    GatewayUnavailableError,
    Paid,
    Refused,
    RequiresAction,
    SavedCard,
)
from tests.contract.benches import Bench
from tests.contract.builders import a_customer, a_final_invoice, a_paying_customer, an_invoice, new_key, push, usd
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, DECLINES_WHEN_SAVED, NEEDS_HOLDER, PAYS


def test_a_customer_is_made_once_however_often_it_is_asked_for(bench: Bench) -> None:
    first = bench.gateway.ensure_customer(a_customer(), key="k")
    assert bench.gateway.ensure_customer(a_customer(), key="k") == first
    assert bench.gateway.ensure_customer(a_customer(), key="another day") == first
    assert bench.customer_count() == 1


def test_a_customer_with_only_a_name_is_taken(bench: Bench) -> None:
    bare = a_customer(email="", country_code="", address="", postal_code="", city="")
    assert bench.gateway.ensure_customer(bare, key="k")


def test_the_same_account_of_two_deployments_is_two_customers(bench: Bench) -> None:
    one = bench.gateway.ensure_customer(a_customer(reference="prod/acc-1"), key="k1")
    other = bench.gateway.ensure_customer(a_customer(reference="staging/acc-1"), key="k2")
    assert one != other


def test_a_reference_with_quotes_and_backslashes_is_found_again(bench: Bench) -> None:
    odd = a_customer(reference='d/o\'brien \\ "co"')
    assert bench.gateway.ensure_customer(odd, key="k1") == bench.gateway.ensure_customer(odd, key="k2")


def test_a_saved_card_tells_what_a_person_may_see(bench: Bench) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key="k1")
    card = bench.gateway.save_card(customer_id, PAYS, key="k2")
    assert isinstance(card, SavedCard)
    assert (card.brand, card.last4) == ("visa", "4242")
    assert len(card.expires) == len("2031-12")


def test_saving_a_card_twice_with_one_key_saves_one_card(bench: Bench) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key="k1")
    assert bench.gateway.save_card(customer_id, PAYS, key="k2") == bench.gateway.save_card(customer_id, PAYS, key="k2")


def test_a_card_that_the_bank_refuses_is_not_saved(bench: Bench) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key="k1")
    answer = bench.gateway.save_card(customer_id, DECLINES_WHEN_SAVED, key="k2")
    assert isinstance(answer, Declined)
    assert answer.code == "insufficient_funds"


def test_a_card_that_does_not_exist_is_refused(bench: Bench) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key="k1")
    assert isinstance(bench.gateway.save_card(customer_id, "pm_nobody_made_this", key="k2"), Refused)


def test_an_invoice_begins_as_a_draft_of_our_total_that_is_not_collected(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    draft = bench.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    assert draft.status is GatewayInvoiceStatus.DRAFT
    assert (draft.total, draft.due, draft.paid, draft.from_balance) == (usd(10710), usd(10710), usd(0), usd(0))
    assert bench.charges() == []


def test_an_invoice_is_made_once_with_the_same_key_and_with_another(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    draft = bench.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    assert bench.gateway.ensure_invoice(an_invoice(customer_id), key="k") == draft
    assert bench.gateway.ensure_invoice(an_invoice(customer_id), key="next week") == draft


def test_an_invoice_is_found_by_our_id_among_others(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    bench.gateway.ensure_invoice(an_invoice(customer_id, usd(100), invoice_id="a"), key="k1")
    wanted = bench.gateway.ensure_invoice(an_invoice(customer_id, usd(200), invoice_id="b"), key="k2")
    bench.gateway.ensure_invoice(an_invoice(customer_id, usd(300), invoice_id="c"), key="k3")
    assert bench.gateway.find_invoice(customer_id, "b") == wanted
    assert bench.gateway.find_invoice(customer_id, "d") is None


def test_an_invoice_of_another_customer_is_not_found(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    bench.gateway.ensure_invoice(an_invoice(customer_id), key="k1")
    other = bench.gateway.ensure_customer(a_customer(reference="deployment-2/acc-42"), key="k2")
    assert bench.gateway.find_invoice(other, "inv-1") is None
    assert bench.gateway.find_invoice("cus_unknown", "inv-1") is None


def test_an_invoice_with_another_total_is_a_mismatch(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    a_final_invoice(bench.gateway, an_invoice(customer_id, usd(100)))
    with pytest.raises(GatewayMismatchError):
        bench.gateway.ensure_invoice(an_invoice(customer_id, usd(101)), key="k")


def test_a_draft_that_somebody_changed_is_thrown_away_and_can_be_made_anew(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    draft = bench.gateway.ensure_invoice(an_invoice(customer_id), key=new_key())
    bench.add_by_hand(draft.gateway_invoice_id, usd(1))
    with pytest.raises(GatewayMismatchError):
        bench.gateway.ensure_invoice(an_invoice(customer_id), key=new_key())
    assert bench.gateway.find_invoice(customer_id, "inv-1") is None
    assert isinstance(push(bench.gateway, an_invoice(customer_id), card), Paid)
    assert bench.charges() == [usd(10710)]


def test_the_key_of_a_draft_that_was_thrown_away_asks_for_a_new_key(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    draft = bench.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    bench.add_by_hand(draft.gateway_invoice_id, usd(1))
    with pytest.raises(GatewayMismatchError):
        bench.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    with pytest.raises(GatewayFaultError):
        bench.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    assert bench.gateway.ensure_invoice(an_invoice(customer_id), key="k2").total == usd(10710)


def test_a_draft_that_somebody_changed_is_not_finalized(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    draft = bench.gateway.ensure_invoice(an_invoice(customer_id), key="k1")
    bench.add_by_hand(draft.gateway_invoice_id, usd(1))
    with pytest.raises(GatewayMismatchError):
        bench.gateway.finalize_invoice(draft.gateway_invoice_id, key="k2")


def test_a_final_invoice_is_open_for_all_of_its_total(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    assert final.status is GatewayInvoiceStatus.OPEN
    assert (final.total, final.due) == (usd(10710), usd(10710))
    assert bench.gateway.finalize_invoice(final.gateway_invoice_id, key="again") == final


def test_a_saved_card_pays_the_exact_total(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    outcome = bench.gateway.pay_invoice(final.gateway_invoice_id, card, key="k")
    assert isinstance(outcome, Paid)
    assert (outcome.charged, outcome.from_balance) == (usd(10710), usd(0))
    assert bench.charges() == [usd(10710)]
    seen = bench.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert (seen.status, seen.paid, seen.due) == (GatewayInvoiceStatus.PAID, usd(10710), usd(0))
    assert seen.gateway_payment_id == outcome.gateway_payment_id != ""


@pytest.mark.parametrize("key", ["same", "another"])
def test_a_paid_invoice_is_paid_without_another_charge(bench: Bench, key: str) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    first = bench.gateway.pay_invoice(final.gateway_invoice_id, card, key="same")
    assert bench.gateway.pay_invoice(final.gateway_invoice_id, card, key=key) == first
    assert len(bench.charges()) == 1


def test_two_workers_that_pay_at_once_charge_once(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    outcomes = []

    def work(number: int) -> None:
        outcomes.append(bench.gateway.pay_invoice(final.gateway_invoice_id, card, key=f"worker-{number}"))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [type(outcome) for outcome in outcomes] == [Paid] * 4
    assert bench.charges() == [usd(10710)]


def test_a_declined_card_leaves_the_invoice_open_for_another_card(bench: Bench) -> None:
    customer_id, bad = a_paying_customer(bench.gateway, DECLINES_WHEN_CHARGED)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    outcome = bench.gateway.pay_invoice(final.gateway_invoice_id, bad, key="k1")
    assert isinstance(outcome, Declined)
    assert outcome.code == "generic_decline"
    good = bench.gateway.save_card(customer_id, PAYS, key="k2")
    assert isinstance(good, SavedCard)
    assert isinstance(bench.gateway.pay_invoice(final.gateway_invoice_id, good.payment_method_id, key="k3"), Paid)
    assert bench.charges() == [usd(10710)]


def test_a_decline_is_the_same_answer_for_the_same_key(bench: Bench) -> None:
    customer_id, bad = a_paying_customer(bench.gateway, DECLINES_WHEN_CHARGED)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    first = bench.gateway.pay_invoice(final.gateway_invoice_id, bad, key="k1")
    assert bench.gateway.pay_invoice(final.gateway_invoice_id, bad, key="k1") == first


def test_a_card_of_another_customer_is_declined_and_not_charged(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    stranger = bench.gateway.ensure_customer(a_customer(reference="deployment-1/acc-43"), key="k1")
    card = bench.gateway.save_card(stranger, PAYS, key="k2")
    assert isinstance(card, SavedCard)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    assert isinstance(bench.gateway.pay_invoice(final.gateway_invoice_id, card.payment_method_id, key="k3"), Declined)
    assert bench.charges() == []


def test_a_card_that_needs_its_holder_is_paid_once_the_holder_confirmed(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway, NEEDS_HOLDER)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    outcome = bench.gateway.pay_invoice(final.gateway_invoice_id, card, key="k1")
    assert isinstance(outcome, RequiresAction)
    assert outcome.url == final.url != ""
    assert bench.charges() == []
    bench.authenticate(final.gateway_invoice_id)
    paid = bench.gateway.pay_invoice(final.gateway_invoice_id, card, key="k2")
    assert isinstance(paid, Paid)
    assert bench.charges() == [paid.charged] == [usd(10710)]


def test_a_payment_under_way_is_seen_and_not_joined_by_a_second(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    bench.hold_payment(final.gateway_invoice_id)
    seen = bench.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert seen.status is GatewayInvoiceStatus.PROCESSING
    with pytest.raises(GatewayUnavailableError):
        bench.gateway.pay_invoice(final.gateway_invoice_id, card, key="k")
    assert bench.charges() == []


def test_a_draft_and_a_voided_invoice_cannot_be_paid(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    draft = bench.gateway.ensure_invoice(an_invoice(customer_id), key="k1")
    assert isinstance(bench.gateway.pay_invoice(draft.gateway_invoice_id, card, key="k2"), Refused)
    final = bench.gateway.finalize_invoice(draft.gateway_invoice_id, key="k3")
    bench.void(final.gateway_invoice_id)
    seen = bench.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert seen.status is GatewayInvoiceStatus.VOID
    assert isinstance(bench.gateway.pay_invoice(final.gateway_invoice_id, card, key="k4"), Refused)
    assert bench.charges() == []


def test_an_invoice_that_does_not_exist_is_refused(bench: Bench) -> None:
    _, card = a_paying_customer(bench.gateway)
    assert isinstance(bench.gateway.pay_invoice("in_nothing", card, key="k1"), Refused)
    with pytest.raises(GatewayRefusedError):
        bench.gateway.finalize_invoice("in_nothing", key="k2")


def test_an_invoice_for_a_customer_that_is_gone_is_refused(bench: Bench) -> None:
    with pytest.raises(GatewayRefusedError):
        bench.gateway.ensure_invoice(an_invoice("cus_gone"), key="k")


def test_a_credit_reduces_what_the_next_invoice_charges(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    bench.gateway.ensure_balance_credit(customer_id, usd(2710), reference="note-1", description="credit note CN-1", key="k1")
    final = a_final_invoice(bench.gateway, an_invoice(customer_id))
    assert (final.total, final.from_balance, final.due) == (usd(10710), usd(2710), usd(8000))
    outcome = bench.gateway.pay_invoice(final.gateway_invoice_id, card, key="k2")
    assert isinstance(outcome, Paid)
    assert (outcome.charged, outcome.from_balance) == (usd(8000), usd(2710))
    assert bench.charges() == [usd(8000)]


def test_a_credit_is_given_once_however_often_it_is_sent(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)

    def give(key: str) -> str:
        return bench.gateway.ensure_balance_credit(customer_id, usd(500), reference="note-1", description="CN-1", key=key)

    assert give("k") == give("k") == give("next week")
    assert a_final_invoice(bench.gateway, an_invoice(customer_id)).from_balance == usd(500)


def test_a_credit_note_with_another_amount_than_before_is_a_mismatch(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    bench.gateway.ensure_balance_credit(customer_id, usd(500), reference="note-1", description="CN-1", key="k1")
    with pytest.raises(GatewayMismatchError):
        bench.gateway.ensure_balance_credit(customer_id, usd(501), reference="note-1", description="CN-1", key="k2")


def test_a_credit_that_covers_everything_pays_without_a_charge_and_the_rest_stays(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    bench.gateway.ensure_balance_credit(customer_id, usd(15000), reference="note-1", description="CN-1", key="k1")
    first = a_final_invoice(bench.gateway, an_invoice(customer_id))
    assert (first.status, first.from_balance, first.due) == (GatewayInvoiceStatus.PAID, usd(10710), usd(0))
    outcome = bench.gateway.pay_invoice(first.gateway_invoice_id, card, key="k2")
    assert outcome == Paid(gateway_payment_id="", charged=usd(0), from_balance=usd(10710))
    second = a_final_invoice(bench.gateway, an_invoice(customer_id, invoice_id="inv-2", number="INV-000002"))
    assert second.from_balance == usd(15000 - 10710)
    assert bench.charges() == []


def test_a_voided_invoice_gives_its_part_of_the_balance_back(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    bench.gateway.ensure_balance_credit(customer_id, usd(700), reference="note-1", description="CN-1", key="k1")
    bench.void(a_final_invoice(bench.gateway, an_invoice(customer_id)).gateway_invoice_id)
    second = a_final_invoice(bench.gateway, an_invoice(customer_id, invoice_id="inv-2", number="INV-000002"))
    assert second.from_balance == usd(700)


def test_a_rest_below_the_smallest_charge_is_refused_before_the_gateway_carries_it_on(bench: Bench) -> None:
    customer_id, _ = a_paying_customer(bench.gateway)
    bench.gateway.ensure_balance_credit(customer_id, usd(990), reference="note-1", description="CN-1", key="k1")
    draft = bench.gateway.ensure_invoice(an_invoice(customer_id, usd(1000)), key="k2")
    with pytest.raises(GatewayMismatchError):
        bench.gateway.finalize_invoice(draft.gateway_invoice_id, key="k3")
    seen = bench.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert seen.status is GatewayInvoiceStatus.DRAFT


def test_a_refusal_says_why_before_anything_is_sent(bench: Bench) -> None:
    assert bench.gateway.refusal(usd(10710)) is None
    assert "0.01 USD" in str(bench.gateway.refusal(usd(1)))


def test_currencies_without_decimals_are_charged_as_they_are(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    outcome = push(bench.gateway, an_invoice(customer_id, Money(1000, "JPY"), Money(100, "JPY")), card)
    assert isinstance(outcome, Paid)
    assert outcome.charged == Money(1100, "JPY")
    assert bench.charges() == [Money(1100, "JPY")]


def test_currencies_with_three_decimals_are_charged_as_they_are(bench: Bench) -> None:
    customer_id, card = a_paying_customer(bench.gateway)
    outcome = push(bench.gateway, an_invoice(customer_id, Money(1234, "KWD"), Money(6, "KWD")), card)
    assert isinstance(outcome, Paid)
    assert bench.charges() == [outcome.charged] == [Money(1240, "KWD")]
