"""How an invoice at a gateway ends other than by a charge: paid outside, voided, credited. For gateways that keep invoices."""

from __future__ import annotations

import pytest

from control.domain.money import Money
from control.ports import (
    CreditNoteRequest,
    GatewayCreditNote,
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayMismatchError,
    GatewayRefund,
    GatewayRefusedError,
    GatewayUnavailableError,
    Paid,
    RefundRequest,
    Refused,
)
from tests.contract.benches import InvoicingBench
from tests.contract.builders import a_final_invoice, a_paying_customer, an_invoice, insist, push, usd
from tests.contract.fake_gateway import Fault
from tests.contract.faults import every_fault


def found(invoicing: InvoicingBench, customer_id: str) -> GatewayInvoice:
    seen = invoicing.gateway.find_invoice(customer_id, "inv-1")
    assert seen is not None
    return seen


def a_note(gateway_invoice_id: str, amount: Money, *, note_id: str = "note-1", refund_id: str = "") -> CreditNoteRequest:
    return CreditNoteRequest(
        credit_note_id=note_id,
        credit_note_number="CN-000001",
        gateway_invoice_id=gateway_invoice_id,
        amount=amount,
        description="a test",
        gateway_refund_id=refund_id,
    )


# --- paid outside


def test_an_invoice_paid_outside_is_paid_and_charged_to_nobody(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    for key in ("k", "k", "next week"):
        seen = invoicing.gateway.settle_outside(final.gateway_invoice_id, key=key)
        assert (seen.status, seen.paid, seen.paid_outside, seen.due) == (GatewayInvoiceStatus.PAID, usd(0), usd(10710), usd(0))
    assert found(invoicing, customer_id) == seen
    assert invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k2") == Paid(
        gateway_payment_id="", charged=usd(0), from_balance=usd(0)
    )
    assert invoicing.charges() == []


def test_only_an_open_invoice_is_paid_outside(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    with pytest.raises(GatewayRefusedError):
        invoicing.gateway.settle_outside(found(invoicing, customer_id).gateway_invoice_id, key="k")


@pytest.mark.parametrize("operation", ["settle_outside", "void_invoice"])
def test_a_payment_under_way_is_waited_for(invoicing: InvoicingBench, operation: str) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    invoicing.hold_payment(final.gateway_invoice_id)
    with pytest.raises(GatewayUnavailableError):
        getattr(invoicing.gateway, operation)(final.gateway_invoice_id, key="k")


@every_fault
@pytest.mark.parametrize("operation", ["settle_outside", "void_invoice"])
def test_an_ending_happens_whatever_breaks(invoicing: InvoicingBench, operation: str, fault: Fault) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    invoicing.plan(fault, operation)
    ended = insist(lambda key: getattr(invoicing.gateway, operation)(final.gateway_invoice_id, key=key))
    assert ended == found(invoicing, customer_id)
    assert not isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k"), Paid) or ended.paid_outside
    assert invoicing.charges() == []


# --- voided


def test_a_voided_invoice_cannot_be_paid_and_gives_its_balance_back(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    invoicing.gateway.ensure_balance_credit(customer_id, usd(700), reference="note-1", description="CN-1", key="k1")
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    for key in ("k2", "next week"):
        voided = invoicing.gateway.void_invoice(final.gateway_invoice_id, key=key)
        assert voided is not None
        assert voided.status is GatewayInvoiceStatus.VOID
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k3"), Refused)
    second = a_final_invoice(invoicing.gateway, an_invoice(customer_id, invoice_id="inv-2", number="INV-000002"))
    assert second.from_balance == usd(700)


def test_a_voided_draft_is_gone(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    draft = invoicing.gateway.ensure_invoice(an_invoice(customer_id), key="k1")
    assert invoicing.gateway.void_invoice(draft.gateway_invoice_id, key="k2") is None
    assert invoicing.gateway.void_invoice(draft.gateway_invoice_id, key="k3") is None
    assert invoicing.gateway.find_invoice(customer_id, "inv-1") is None


def test_a_paid_invoice_is_not_voided(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    with pytest.raises(GatewayRefusedError):
        invoicing.gateway.void_invoice(found(invoicing, customer_id).gateway_invoice_id, key="k")


# --- credited


def test_a_credit_note_on_an_open_invoice_leaves_less_to_pay(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    note = invoicing.gateway.ensure_credit_note(a_note(final.gateway_invoice_id, usd(710)), key="k1")
    assert isinstance(note, GatewayCreditNote)
    assert (note.amount, note.to_balance, note.is_void) == (usd(710), usd(0), False)
    seen = found(invoicing, customer_id)
    assert (seen.total, seen.credited, seen.due) == (usd(10710), usd(710), usd(10000))
    assert isinstance(invoicing.gateway.pay_invoice(final.gateway_invoice_id, card, key="k2"), Paid)
    assert invoicing.charges() == [usd(10000)]


def test_a_credit_note_over_all_that_is_due_ends_an_open_invoice(invoicing: InvoicingBench) -> None:
    customer_id, _ = a_paying_customer(invoicing.gateway)
    final = a_final_invoice(invoicing.gateway, an_invoice(customer_id))
    assert isinstance(invoicing.gateway.ensure_credit_note(a_note(final.gateway_invoice_id, usd(10710)), key="k"), GatewayCreditNote)
    seen = found(invoicing, customer_id)
    assert (seen.status, seen.credited, seen.due) == (GatewayInvoiceStatus.PAID, usd(10710), usd(0))


def test_a_credit_note_on_a_paid_invoice_goes_to_the_balance_of_the_next(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    paid = found(invoicing, customer_id)
    note = invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(2710)), key="k")
    assert isinstance(note, GatewayCreditNote)
    assert note.to_balance == usd(2710)
    second = a_final_invoice(invoicing.gateway, an_invoice(customer_id, invoice_id="inv-2", number="INV-000002"))
    assert (second.from_balance, second.due) == (usd(2710), usd(8000))


def test_a_credit_note_that_documents_a_refund_moves_no_money_itself(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    paid = found(invoicing, customer_id)
    request = RefundRequest(refund_id="refund-1", gateway_payment_id=paid.gateway_payment_id, amount=usd(700), reason="")
    refund = invoicing.gateway.ensure_refund(request, key="k1")
    assert isinstance(refund, GatewayRefund)
    note = invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(700), refund_id=refund.gateway_refund_id), key="k2")
    assert isinstance(note, GatewayCreditNote)
    assert note.to_balance == usd(0)
    assert invoicing.given_back() == usd(700)
    second = a_final_invoice(invoicing.gateway, an_invoice(customer_id, invoice_id="inv-2", number="INV-000002"))
    assert second.from_balance == usd(0)


def test_a_credit_note_is_made_once_with_whatever_key(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    paid = found(invoicing, customer_id)
    first = invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(100)), key="k")
    assert invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(100)), key="k") == first
    assert invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(100)), key="next week") == first
    with pytest.raises(GatewayMismatchError):
        invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(101)), key="k2")


def test_more_than_the_invoice_is_not_credited(invoicing: InvoicingBench) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    paid = found(invoicing, customer_id)
    assert isinstance(invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(10711)), key="k1"), Refused)
    invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(10000)), key="k2")
    over = a_note(paid.gateway_invoice_id, usd(711), note_id="note-2")
    assert isinstance(invoicing.gateway.ensure_credit_note(over, key="k3"), Refused)


@every_fault
def test_a_credit_note_is_made_once_whatever_breaks(invoicing: InvoicingBench, fault: Fault) -> None:
    customer_id, card = a_paying_customer(invoicing.gateway)
    push(invoicing.gateway, an_invoice(customer_id), card)
    paid = found(invoicing, customer_id)
    invoicing.plan(fault, "ensure_credit_note")
    insist(lambda key: invoicing.gateway.ensure_credit_note(a_note(paid.gateway_invoice_id, usd(500)), key=key))
    second = a_final_invoice(invoicing.gateway, an_invoice(customer_id, invoice_id="inv-2", number="INV-000002"))
    assert second.from_balance == usd(500)
