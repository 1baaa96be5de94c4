"""What every gateway with invoices of its own does: invoices, their payment, balances. Faults are in test_invoice_faults.py."""

from __future__ import annotations

import threading
from dataclasses import replace

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
from tests.contract.benches import InvoicingBench
from tests.contract.builders import a_customer, a_final_invoice, a_paying_customer, an_invoice, new_key, push, usd
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, NEEDS_HOLDER, PAYS


def test_a_customer_is_made_once_however_often_it_is_asked_for(invoicing: InvoicingBench) -> None:
    first = invoicing.gateway.ensure_customer(a_customer(), key="k")
    assert invoicing.gateway.ensure_customer(a_customer(), key="k") == first
    assert invoicing.gateway.ensure_customer(a_customer(), key="another day") == first
    assert invoicing.customer_count() == 1


def test_an_invoice_begins_as_a_draft_of_our_total_that_is_not_collected(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    draft = invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    assert draft.status is GatewayInvoiceStatus.DRAFT
    assert (draft.total, draft.due, draft.paid, draft.from_balance) == (usd(10710), usd(10710), usd(0), usd(0))
    assert invoicing.charges() == []


def test_an_invoice_is_made_once_with_the_same_key_and_with_another(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    draft = invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    assert invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k") == draft
    assert invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="next week") == draft


def test_an_invoice_is_found_by_our_id_among_others(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    invoicing.gateway.ensure_invoice(an_invoice(customer_id, usd(100), invoice_id="a"), key="k1")
    wanted = invoicing.gateway.ensure_invoice(an_invoice(customer_id, usd(200), invoice_id="b"), key="k2")
    invoicing.gateway.ensure_invoice(an_invoice(customer_id, usd(300), invoice_id="c"), key="k3")
    assert invoicing.gateway.find_invoice(customer_id, "b") == wanted
    assert invoicing.gateway.find_invoice(customer_id, "d") is None


def test_an_invoice_of_another_customer_is_not_found(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k1")
    other = invoicing.gateway.ensure_customer(a_customer(reference="deployment-2/acc-42"), key="k2")
    assert invoicing.gateway.find_invoice(other, "inv-1") is None
    assert invoicing.gateway.find_invoice("cus_unknown", "inv-1") is None


def test_an_invoice_with_another_total_is_a_mismatch(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    a_final_invoice(invoicing.gateway, an_invoice(customer_id, usd(100)))
    with pytest.raises(GatewayMismatchError):
        invoicing.gateway.ensure_invoice(an_invoice(customer_id, usd(101)), key="k")


def test_a_draft_that_somebody_changed_is_thrown_away_and_can_be_made_anew(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    draft = invoicing.gateway.ensure_invoice(an_invoice(customer_id), key=new_key())
    invoicing.add_by_hand(draft.gateway_invoice_id, usd(1))
    with pytest.raises(GatewayMismatchError):
        invoicing.gateway.ensure_invoice(an_invoice(customer_id), key=new_key())
    assert invoicing.gateway.find_invoice(customer_id, "inv-1") is None
    assert isinstance(push(invoicing.gateway, an_invoice(customer_id), card), Paid)
    assert invoicing.charges() == [usd(10710)]


def test_the_key_of_a_draft_that_was_thrown_away_asks_for_a_new_key(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    draft = invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    invoicing.add_by_hand(draft.gateway_invoice_id, usd(1))
    with pytest.raises(GatewayMismatchError):
        invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    with pytest.raises(GatewayFaultError):
        invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k")
    assert invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k2").total == usd(10710)


def test_a_draft_that_somebody_changed_is_not_finalized(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    draft = invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k1")
    invoicing.add_by_hand(draft.gateway_invoice_id, usd(1))
    with pytest.raises(GatewayMismatchError):
        invoicing.gateway.finalize_invoice(draft.gateway_invoice_id, key="k2")


def test_a_final_invoice_is_open_for_all_of_its_total(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    assert final.status is GatewayInvoiceStatus.OPEN
    assert (final.total, final.due) == (usd(10710), usd(10710))
    assert invoicing.gateway.finalize_invoice(final.gateway_invoice_id, key="again") == final


def test_a_saved_card_pays_the_exact_total(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    outcome = invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k")
    assert isinstance(outcome, Paid)
    assert (outcome.charged, outcome.from_balance) == (usd(10710), usd(0))
    assert invoicing.charges() == [usd(10710)]
    seen = invoicing.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert (seen.status, seen.paid, seen.due) == (GatewayInvoiceStatus.PAID, usd(10710), usd(0))
    assert seen.gateway_payment_id == outcome.gateway_payment_id != ""


@pytest.mark.parametrize("key", ["same", "another"])
def test_a_paid_invoice_is_paid_without_another_charge(invoicing: InvoicingBench, key: str) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    first = invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="same")
    assert invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key=key) == first
    assert len(invoicing.charges()) == 1


def test_two_workers_that_pay_at_once_charge_once(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    outcomes = []

    def work(number: int) -> None:
        outcomes.append(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key=f"worker-{number}"))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [type(outcome) for outcome in outcomes] == [Paid] * 4
    assert invoicing.charges() == [usd(10710)]


def test_a_declined_card_leaves_the_invoice_open_for_another_card(invoicing: InvoicingBench) -> None:
    customer_id, bad = a_paying_customer(invoicing.gateway, DECLINES_WHEN_CHARGED)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    outcome = invoicing.gateway.pay_invoice(final.gateway_invoice_id, bad, key="k1")
    assert isinstance(outcome, Declined)
    assert outcome.code == "generic_decline"
    good = invoicing.gateway.save_card(customer_id, PAYS, key="k2")
    assert isinstance(good, SavedCard)
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, good.payment_method_id, key="k3"), Paid)
    assert invoicing.charges() == [usd(10710)]


def test_a_decline_is_the_same_answer_for_the_same_key(invoicing: InvoicingBench) -> None:
    customer_id, bad = a_paying_customer(invoicing.gateway, DECLINES_WHEN_CHARGED)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    first = invoicing.gateway.pay_invoice(final.gateway_invoice_id, bad, key="k1")
    assert invoicing.gateway.pay_invoice(final.gateway_invoice_id, bad, key="k1") == first


def test_a_card_of_another_customer_is_declined_and_not_charged(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    stranger = invoicing.gateway.ensure_customer(a_customer(reference="deployment-1/acc-43"), key="k1")
    card = invoicing.gateway.save_card(stranger, PAYS, key="k2")
    assert isinstance(card, SavedCard)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card.payment_method_id, key="k3"), Declined)
    assert invoicing.charges() == []


def test_a_card_that_needs_its_holder_is_paid_once_the_holder_confirmed(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway, NEEDS_HOLDER)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    outcome = invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k1")
    assert isinstance(outcome, RequiresAction)
    assert outcome.url == final.url != ""
    assert invoicing.charges() == []
    invoicing.authenticate(final.gateway_invoice_id)
    paid = invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k2")
    assert isinstance(paid, Paid)
    assert invoicing.charges() == [paid.charged] == [usd(10710)]


def test_an_invoice_that_is_to_ask_the_holder_is_paid_once_the_holder_confirmed(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, replace(an_invoice(customer_id), asks_holder=True))
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k1"), RequiresAction)
    assert invoicing.charges() == []
    invoicing.authenticate(final.gateway_invoice_id)
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k2"), Paid)


def test_a_payment_under_way_is_seen_and_not_joined_by_a_second(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    invoicing.hold_payment(final.gateway_invoice_id)
    seen = invoicing.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert seen.status is GatewayInvoiceStatus.PROCESSING
    with pytest.raises(GatewayUnavailableError):
        invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k")
    assert invoicing.charges() == []


def test_a_draft_and_a_voided_invoice_cannot_be_paid(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    draft = invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k1")
    assert isinstance(invoicing.gateway.pay_invoice(draft.gateway_invoice_id, card, key="k2"), Refused)
    final = invoicing.gateway.finalize_invoice(draft.gateway_invoice_id, key="k3")
    invoicing.void(final.gateway_invoice_id)
    seen = invoicing.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert seen.status is GatewayInvoiceStatus.VOID
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k4"), Refused)
    assert invoicing.charges() == []


def test_an_invoice_that_does_not_exist_is_refused(invoicing: InvoicingBench) -> None:
    _, card = a_paying_customer(invoicing.gateway)
    assert isinstance(invoicing.gateway.pay_invoice("in_nothing", card, key="k1"), Refused)
    with pytest.raises(GatewayRefusedError):
        invoicing.gateway.finalize_invoice("in_nothing", key="k2")


def test_an_invoice_for_a_customer_that_is_gone_is_refused(invoicing: InvoicingBench) -> None:
    with pytest.raises(GatewayRefusedError):
        invoicing.gateway.ensure_invoice(an_invoice("cus_gone"), key="k")


def test_a_credit_reduces_what_the_next_invoice_charges(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    invoicing.gateway.ensure_balance_credit(customer_id, usd(2710), reference="note-1", description="credit note CN-1", key="k1")
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    assert (final.total, final.from_balance, final.due) == (usd(10710), usd(2710), usd(8000))
    outcome = invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k2")
    assert isinstance(outcome, Paid)
    assert (outcome.charged, outcome.from_balance) == (usd(8000), usd(2710))
    assert invoicing.charges() == [usd(8000)]


def test_a_credit_is_given_once_however_often_it_is_sent(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)

    def give(key: str) -> str:
        return invoicing.gateway.ensure_balance_credit(customer_id, usd(500), reference="note-1", description="CN-1", key=key)

    assert give("k") == give("k") == give("next week")
    assert a_final_invoice(invoicing.gateway, an_invoice(customer_id)).from_balance == usd(500)


def test_a_credit_note_with_another_amount_than_before_is_a_mismatch(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    invoicing.gateway.ensure_balance_credit(customer_id, usd(500), reference="note-1", description="CN-1", key="k1")
    with pytest.raises(GatewayMismatchError):
        invoicing.gateway.ensure_balance_credit(customer_id, usd(501), reference="note-1", description="CN-1", key="k2")


def test_a_credit_that_covers_everything_pays_without_a_charge_and_the_rest_stays(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    invoicing.gateway.ensure_balance_credit(customer_id, usd(15000), reference="note-1", description="CN-1", key="k1")
    first = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    assert (first.status, first.from_balance, first.due) == (GatewayInvoiceStatus.PAID, usd(10710), usd(0))
    outcome = invoicing.gateway.pay_invoice(first.gateway_invoice_id, card, key="k2")
    assert outcome == Paid(gateway_payment_id="", charged=usd(0), from_balance=usd(10710))
    second = a_final_invoice(invoicing.gateway, an_invoice(customer_id, invoice_id="inv-2", number="INV-000002"))
    assert second.from_balance == usd(15000 - 10710)
    assert invoicing.charges() == []


def test_a_voided_invoice_gives_its_part_of_the_balance_back(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    invoicing.gateway.ensure_balance_credit(customer_id, usd(700), reference="note-1", description="CN-1", key="k1")
    invoicing.void(a_final_invoice(invoicing.gateway, an_invoice(customer_id)).gateway_invoice_id)
    second = a_final_invoice(invoicing.gateway, an_invoice(customer_id, invoice_id="inv-2", number="INV-000002"))
    assert second.from_balance == usd(700)


def test_a_rest_below_the_smallest_charge_is_refused_before_the_gateway_carries_it_on(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    invoicing.gateway.ensure_balance_credit(customer_id, usd(990), reference="note-1", description="CN-1", key="k1")
    draft = invoicing.gateway.ensure_invoice(an_invoice(customer_id, usd(1000)), key="k2")
    with pytest.raises(GatewayMismatchError):
        invoicing.gateway.finalize_invoice(draft.gateway_invoice_id, key="k3")
    seen = invoicing.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert seen.status is GatewayInvoiceStatus.DRAFT


def test_a_refusal_says_why_before_anything_is_sent(invoicing: InvoicingBench) -> None:
    assert invoicing.gateway.refusal(usd(10710)) is None
    assert "0.01 USD" in str(invoicing.gateway.refusal(usd(1)))


def test_currencies_without_decimals_are_charged_as_they_are(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    outcome = push(invoicing.gateway, an_invoice(customer_id, Money(1000, "JPY"), Money(100, "JPY")), card)
    assert isinstance(outcome, Paid)
    assert outcome.charged == Money(1100, "JPY")
    assert invoicing.charges() == [Money(1100, "JPY")]


def test_currencies_with_three_decimals_are_charged_as_they_are(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    outcome = push(invoicing.gateway, an_invoice(customer_id, Money(1234, "KWD"), Money(6, "KWD")), card)
    assert isinstance(outcome, Paid)
    assert invoicing.charges() == [outcome.charged] == [Money(1240, "KWD")]
