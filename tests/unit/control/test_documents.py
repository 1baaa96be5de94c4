"""Documents: the identities they must meet, and the hash that freezes them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.domain.documents import Draft, IssuedInvoice, Kind, canonical, hash_of, issue, problems
from control.domain.money import Money
from control.domain.status import InvoiceStatus
from control.services.charge import request_for
from tests.control_bench.builders import NOW, a_credit_note, a_draft, an_account, usd
from tests.control_bench.stores import control_settings


def issued(draft: Draft) -> IssuedInvoice:
    return issue(
        draft,
        invoice_number="INV-000001",
        seller=control_settings().seller,
        buyer=an_account().buyer,
        issued_at=NOW,
        due_date=date(2026, 2, 17),
    )


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=6), st.integers(0, 100), st.decimals(0, 40, places=3))
def test_a_draft_whose_identities_hold_has_no_problem(amounts: list[int], share: int, percent: Decimal) -> None:
    used = sum(amounts) * share // 100
    assert problems(a_draft(amounts=amounts, uses=[("c-1", used)] if used else [], percent=str(percent))) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"subtotal": usd(10_001)}, "lines add up to 100.00 USD, its subtotal is 100.01 USD"),
        ({"credit": usd(1)}, "credit uses add up to 0.00 USD"),
        ({"tax": usd(1)}, "its tax is 0.01 USD"),
        ({"total": usd(9_999)}, "its total is 99.99 USD"),
        ({"total": Money(10_000, "EUR")}, "mixes EUR and USD"),
        ({"lines": ()}, "no lines"),
        ({"adjusted_period": "2025-12"}, "adjusted period"),
        ({"kind": Kind.CREDIT_NOTE, "adjusted_period": "2025-12"}, "a credit note adds up to 100.00 USD"),
    ],
)
def test_a_broken_identity_is_named(change: dict[str, Any], complaint: str) -> None:
    assert complaint in "; ".join(problems(a_draft(**change)))


def test_credits_beyond_the_subtotal_are_named() -> None:
    assert "exceed the subtotal" in "; ".join(problems(a_draft(amounts=(100,), uses=[("c", 101)])))


def test_a_credit_note_may_give_back_and_an_invoice_may_not() -> None:
    note = a_draft(amounts=(-500,), uses=[("c", -200)], kind=Kind.CREDIT_NOTE, adjusted_period="2025-12")
    assert problems(note) == []
    assert "below zero" in "; ".join(problems(a_draft(uses=[("c", -1)])))
    too_much = a_draft(amounts=(-500,), uses=[("c", -501)], kind=Kind.CREDIT_NOTE, adjusted_period="2025-12")
    assert "gives back" in "; ".join(problems(too_much))


def test_the_hash_does_not_know_how_a_decimal_was_written() -> None:
    draft = a_draft(percent="19")
    other = replace(draft, tax_percent=Decimal("19.000000"), lines=(replace(draft.lines[0], quantity=Decimal("2.500000000000")),))
    assert issued(draft).content_hash == issued(other).content_hash


def test_the_hash_does_not_know_status_or_payments() -> None:
    invoice = issued(a_draft())
    assert hash_of(replace(invoice, status=InvoiceStatus.PAID, paid=invoice.content.total)) == invoice.content_hash


@pytest.mark.parametrize(
    "change",
    [
        {"invoice_number": "INV-000002"},
        {"due_date": date(2026, 2, 18)},
        {"issued_at": NOW.replace(microsecond=1000)},
        {"seller": replace(control_settings().seller, city="Bonn")},
        {"buyer": replace(an_account().buyer, tax_id="DE1")},
        {"content": a_draft(amounts=(10_001,))},
        {"content": a_draft(tax_note="reverse_charge")},
        {"content": a_draft(uses=[("c", 5)])},
    ],
)
def test_the_hash_knows_every_part_of_the_document(change: dict[str, Any]) -> None:
    invoice = issued(a_draft())
    assert hash_of(replace(invoice, **change)) != invoice.content_hash


def test_the_canonical_form_holds_texts_and_no_floats() -> None:
    def refuse(text: str) -> float:
        raise AssertionError(f"a float in the document: {text}")

    json.loads(canonical(issued(a_draft(percent="19", uses=[("c", 5)]))), parse_float=refuse)


def test_the_request_to_a_gateway_adds_up_to_the_total_with_credits_and_tax() -> None:
    request = request_for(issued(a_draft(amounts=(10_000, 0, -500), uses=[("c", 500)], percent="19")), customer_id="cus")
    assert [line.amount.minor for line in request.lines] == [10_000, -500, -500, 1710]
    assert request.total == usd(10_710)


def test_a_credit_note_is_no_request_to_charge() -> None:
    with pytest.raises(ValueError, match="nothing to charge"):
        request_for(issued(a_credit_note()), customer_id="cus")
