"""Whatever breaks on the way, a worker that insists as control/ports.py says ends with one effect."""

from __future__ import annotations

import pytest

from control.ports import Declined, GatewayFaultError, GatewayInvoiceStatus, Paid, SavedCard
from tests.contract.benches import InvoicingBench
from tests.contract.builders import a_customer, a_final_invoice, a_paying_customer, an_invoice, insist, new_key, push, usd
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, Fault
from tests.contract.faults import every_fault


@every_fault
@pytest.mark.parametrize("operation", ["ensure_invoice", "finalize_invoice", "pay_invoice"])
def test_an_invoice_is_charged_once_whatever_breaks_at_whichever_step(invoicing: InvoicingBench, operation: str, fault: Fault) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    invoicing.plan(fault, operation)
    outcome = push(invoicing.gateway, an_invoice(customer_id), card)
    assert isinstance(outcome, Paid)
    assert outcome.charged == usd(10710)
    assert invoicing.charges() == [usd(10710)]


def test_a_worker_that_starts_again_from_the_first_step_charges_once(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    assert isinstance(push(invoicing.gateway, an_invoice(customer_id), card), Paid)
    assert invoicing.charges() == [usd(10710)]


@every_fault
def test_a_customer_is_made_once_whatever_breaks(invoicing: InvoicingBench, fault: Fault) -> None:
    invoicing.plan(fault, "ensure_customer")
    insist(lambda key: invoicing.gateway.ensure_customer(a_customer(), key=key))
    assert invoicing.customer_count() == 1


@every_fault
def test_a_credit_is_given_once_whatever_breaks(invoicing: InvoicingBench, fault: Fault) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    invoicing.plan(fault, "ensure_balance_credit")
    insist(lambda key: invoicing.gateway.ensure_balance_credit(customer_id, usd(500), reference="n", description="CN-1", key=key))
    assert a_final_invoice(invoicing.gateway, an_invoice(customer_id)).from_balance == usd(500)


def test_an_error_after_the_charge_says_that_a_look_is_needed_and_the_look_shows_it(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    invoicing.plan("error_after", "pay_invoice")
    with pytest.raises(GatewayFaultError):
        invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k")
    seen = invoicing.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    assert (seen.status, seen.paid) == (GatewayInvoiceStatus.PAID, usd(10710))
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k"), Paid)
    assert invoicing.charges() == [usd(10710)]


def test_an_error_before_the_charge_is_repeated_for_its_key_and_a_new_key_pays(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    invoicing.plan("error_before", "pay_invoice")
    for _ in range(2):
        with pytest.raises(GatewayFaultError):
            invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k1")
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k2"), Paid)
    assert invoicing.charges() == [usd(10710)]


def test_a_decline_whose_answer_was_lost_is_not_tried_a_second_time(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway, DECLINES_WHEN_CHARGED)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    invoicing.plan("drop_after", "pay_invoice")
    assert isinstance(insist(lambda key: invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key=key)), Declined)


def test_a_key_that_comes_back_with_other_arguments_has_no_second_effect(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    first = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    other_card = invoicing.gateway.save_card(customer_id, DECLINES_WHEN_CHARGED, key=new_key())
    assert isinstance(other_card, SavedCard)
    assert isinstance(invoicing.gateway.pay_invoice(first.gateway_invoice_id, other_card.payment_method_id, key="k"), Declined)
    with pytest.raises(GatewayFaultError):
        invoicing.gateway.pay_invoice(first.gateway_invoice_id, card, key="k")
    assert invoicing.charges() == []


def test_a_customer_asked_for_with_a_used_key_and_other_values_is_not_made(invoicing: InvoicingBench) -> None:
    invoicing.gateway.ensure_customer(a_customer(), key="k")
    with pytest.raises(GatewayFaultError):
        invoicing.gateway.ensure_customer(a_customer(reference="deployment-1/acc-43"), key="k")
    assert invoicing.customer_count() == 1


def test_a_look_that_gets_no_answer_is_repeated(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    invoicing.plan("drop_before", "find_invoice")
    assert insist(lambda _: invoicing.gateway.find_invoice(customer_id, "inv-1")) is not None
