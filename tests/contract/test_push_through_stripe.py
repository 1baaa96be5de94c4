"""The whole way of money: the push worker, the Stripe adapter, HTTP, the double; and the ledger that must agree with the bank."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.bootstrap import Control
from control.domain.payments import PushOutcome, PushResult
from control.services.payment_methods import save_card
from control.services.push import push
from control.services.show import show_invoice
from control.services.verify import verify_ledger
from tests.contract.benches import StripeBench
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, PAYS, Fault
from tests.control_bench.builders import NOW, a_credit_note, a_draft, given_account_with_card, given_credit, given_invoices, usd
from tests.control_bench.stores import fresh_sqlite, opened


@pytest.fixture
def control(stripe: StripeBench, tmp_path: Path) -> Iterator[Control]:
    with opened(fresh_sqlite(tmp_path), tmp_path, gateways=lambda _: stripe.gateway) as control:
        yield control
        assert verify_ledger(control) == []


def results(outcomes: list[PushOutcome]) -> list[PushResult]:
    return [outcome.result for outcome in outcomes]


def test_an_invoice_with_credit_and_tax_is_charged_its_total_and_shows_our_lines(stripe: StripeBench, control: Control) -> None:
    given_account_with_card(control)
    given_credit(control)
    given_invoices(control, a_draft(uses=[("credit-1", 500)], percent="19"))
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    assert push(control, now=NOW) == []
    assert stripe.charges() == [usd(11_305)]
    (invoice,) = stripe.server.gateway.objects("invoice")
    issued = show_invoice(control, "INV-000001")
    assert (invoice["status"], invoice["total"], invoice["metadata"]["invoice_id"]) == ("paid", 11_305, issued.invoice_id)
    assert issued.paid == usd(11_305)
    lines = stripe.server.gateway.objects("line_item")
    assert sum(line["amount"] for line in lines) == 11_305
    assert min(line["amount"] for line in lines) == -500
    assert all(line["description"] for line in lines)


@pytest.mark.parametrize("operation", ["ensure_invoice", "finalize_invoice", "pay_invoice", "ensure_balance_credit"])
@pytest.mark.parametrize("fault", ["error_before", "error_after"])
def test_a_push_that_breaks_is_made_up_for_by_the_next_and_charges_once(
    stripe: StripeBench, control: Control, operation: str, fault: Fault
) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft(), a_credit_note(amount=-3_000))
    stripe.plan(fault, operation)
    outcomes = push(control, now=NOW) + push(control, now=NOW)
    assert [result for result in results(outcomes) if result is PushResult.PAID] == [PushResult.PAID]
    assert sum(charge.minor for charge in stripe.charges()) + stripe_balance_used(stripe) == 10_000
    assert len(stripe.charges()) == 1


def test_a_declined_card_is_replaced_and_the_next_push_charges_once(stripe: StripeBench, control: Control) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft())
    (outcome,) = push(control, now=NOW)
    assert (outcome.result, outcome.reason_code) == (PushResult.DECLINED, "generic_decline")
    save_card(control, "acc-1", PAYS)
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    assert stripe.charges() == [usd(10_000)]


def stripe_balance_used(stripe: StripeBench) -> int:
    """Minor units that invoices took from the customer's balance."""
    rows = stripe.server.gateway.objects("customer_balance_transaction")
    return sum(row["amount"] for row in rows if row["type"] == "applied_to_invoice")
