"""An entry pays what its payer named, exactly and only that; everything else is for a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.domain.money import Money
from control.domain.numbering import format_number
from control.gateways.bank import Allocation, Match, MatchKind, OpenInvoice, creditor_reference, match, read_statements
from control.testing.bank_statement import Transfer, write_statement


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def an_invoice(number: int = 1, open_minor: int = 10710, **values: object) -> OpenInvoice:
    fields = {"invoice_id": f"id-{number}", "invoice_number": format_number("INV", number), "account_id": "acc-1", "open": eur(open_minor)}
    return OpenInvoice(**(fields | values))  # type: ignore[arg-type]


def matched(transfer: Transfer, *invoices: OpenInvoice) -> Match:
    (statement,) = read_statements(write_statement([transfer], currency_code=transfer.amount.currency_code))
    (entry,) = statement.entries
    found = match(entry, invoices)
    assert found.entry_id == entry.entry_id
    assert found.is_certain == bool(found.allocations)
    return found


INVOICES = [an_invoice(number, 10000 + number) for number in range(1, 13)]


def test_the_structured_reference_decides_among_many() -> None:
    found = matched(Transfer(amount=eur(10003), reference="RF15 INV0 0000 3"), *INVOICES)
    assert creditor_reference("INV-000003") == "RF15INV000003"
    assert found.kind is MatchKind.REFERENCE
    assert found.allocations == (Allocation(invoice_id="id-3", amount=eur(10003), short=eur(0)),)
    assert found.over is None


@pytest.mark.parametrize(
    "text",
    [
        "RF15INV000003",
        "payment rf15 inv0 0000 3 thank you",
        "SVWZ+RF15INV0000\n03 KD 4711",
        "Invoice INV-000003",
        "inv 000003 of March",
        "Rechnung INV000003, danke",
        "INV-0000 03",
    ],
)
def test_a_reference_or_a_number_is_found_in_free_text(text: str) -> None:
    found = matched(Transfer(amount=eur(10003), text=text), *INVOICES)
    assert (found.kind, found.allocations[0].invoice_id) == (MatchKind.TEXT, "id-3")


@pytest.mark.parametrize("text", ["", "INV-0000031", "XINV-000003", "INV-00003", "000003", "RF34INV000003", "INV-000099"])
def test_what_is_no_number_of_an_open_invoice_names_none(text: str) -> None:
    assert not matched(Transfer(amount=eur(4), text=text, payer_name=""), *INVOICES).allocations


def test_the_end_to_end_id_may_carry_the_reference() -> None:
    assert matched(Transfer(amount=eur(10003), end_to_end_id="RF15INV000003"), *INVOICES).kind is MatchKind.TEXT


def test_too_little_leaves_the_rest_open() -> None:
    found = matched(Transfer(amount=eur(4000), reference="RF69INV000001"), an_invoice(1, 10000))
    assert found.allocations == (Allocation(invoice_id="id-1", amount=eur(4000), short=eur(6000)),)
    assert found.over is None


def test_too_much_pays_the_invoice_and_leaves_the_rest_over() -> None:
    found = matched(Transfer(amount=eur(10001), reference="RF69INV000001"), an_invoice(1, 10000))
    assert found.allocations == (Allocation(invoice_id="id-1", amount=eur(10000), short=eur(0)),)
    assert found.over == eur(1)


def test_one_transfer_pays_several_invoices_that_it_names_if_the_sum_is_theirs() -> None:
    found = matched(Transfer(amount=eur(20003), text="INV-000001 and INV-000002"), *INVOICES)
    assert {(part.invoice_id, part.amount) for part in found.allocations} == {("id-1", eur(10001)), ("id-2", eur(10002))}


def test_a_sum_that_is_not_theirs_is_for_a_person() -> None:
    found = matched(Transfer(amount=eur(20004), text="INV-000001 and INV-000002"), *INVOICES)
    assert (found.kind, found.over) == (MatchKind.PROPOSED, eur(20004))
    assert {proposal.invoice_id for proposal in found.proposals} == {"id-1", "id-2"}
    assert "200.03 EUR" in found.reason


def test_a_reference_of_two_open_invoices_is_for_a_person() -> None:
    twin = an_invoice(2, 10000, invoice_number="INV2-000001")
    odd = an_invoice(3, 10000, invoice_number="INV-2000001")
    assert twin.reference == odd.reference
    found = matched(Transfer(amount=eur(10000), reference=twin.reference), twin, odd)
    assert (found.kind, len(found.proposals)) == (MatchKind.PROPOSED, 2)


def test_another_currency_is_for_a_person() -> None:
    found = matched(Transfer(amount=Money(10000, "USD"), reference="RF69INV000001"), an_invoice(1, 10000))
    assert found.kind is MatchKind.PROPOSED
    assert "EUR" in found.reason
    assert "USD" in found.reason


def test_amount_and_payer_are_proposals_and_the_most_telling_comes_first() -> None:
    known = an_invoice(1, 5000, payer_names=("Forty-Two GmbH & Co",))
    both = an_invoice(2, 4200, payer_names=("FORTY-TWO GMBH",))
    amount = an_invoice(3, 4200)
    other = an_invoice(4, 1)
    found = matched(Transfer(amount=eur(4200)), known, amount, other, both)
    assert found.kind is MatchKind.PROPOSED
    assert not found.is_certain
    assert found.proposals[0].invoice_id == "id-2"
    assert {proposal.invoice_id for proposal in found.proposals} == {"id-1", "id-2", "id-3"}
    assert found.over == eur(4200)


def test_a_known_account_of_the_payer_is_a_hint() -> None:
    found = matched(Transfer(amount=eur(7), payer_name="X"), an_invoice(payer_accounts=("DE02120300000000202051",)))
    assert "account" in found.proposals[0].reason


def test_a_mistyped_reference_is_a_hint_and_no_more() -> None:
    found = matched(Transfer(amount=eur(7), reference="RF99INV000003", payer_name=""), *INVOICES)
    assert [proposal.invoice_id for proposal in found.proposals] == ["id-3"]
    assert not found.is_certain


def test_money_that_nothing_points_from_is_left_over() -> None:
    found = matched(Transfer(amount=eur(7), payer_name="Nobody"), *INVOICES)
    assert (found.kind, found.over, found.proposals) == (MatchKind.NONE, eur(7), ())


@pytest.mark.parametrize(
    ("transfer", "kind"),
    [
        (Transfer(amount=eur(10001), reference="RF69INV000001", status="PDNG"), MatchKind.IGNORED),
        (Transfer(amount=eur(-10001), reference="RF69INV000001"), MatchKind.IGNORED),
        (Transfer(amount=eur(10001), reference="RF69INV000001", is_reversal=True), MatchKind.IGNORED),
        (Transfer(amount=eur(-10001), reference="RF69INV000001", is_reversal=True), MatchKind.RETURNED),
        (Transfer(amount=eur(-10001), reference="RF69INV000001", return_reason="AC04"), MatchKind.RETURNED),
    ],
)
def test_what_brings_no_money_pays_nothing(transfer: Transfer, kind: MatchKind) -> None:
    found = matched(transfer, *INVOICES)
    assert (found.kind, found.allocations) == (kind, ())
    assert found.reason


def test_an_invoice_with_nothing_open_is_not_paid() -> None:
    assert matched(Transfer(amount=eur(5), reference="RF69INV000001"), an_invoice(1, 0)).kind is MatchKind.NONE


@given(st.integers(1, 40_000), st.sets(st.integers(1, 12), max_size=4), st.booleans())
def test_every_cent_is_allocated_or_over_and_no_invoice_gets_more_than_it_asks_for(amount: int, named: set[int], structured: bool) -> None:
    text = " ".join(creditor_reference(format_number("INV", number)) for number in sorted(named))
    transfer = Transfer(amount=eur(amount), reference=text if structured and len(named) == 1 else "", text=text, payer_name="")
    found = matched(transfer, *INVOICES)
    asked = {row.invoice_id: row.open for row in INVOICES}
    allocated = sum((part.amount for part in found.allocations), start=eur(0))
    assert allocated + (found.over or eur(0)) == eur(amount)
    assert all(part.amount + part.short == asked[part.invoice_id] and part.amount.minor > 0 for part in found.allocations)
    assert {part.invoice_id for part in found.allocations} <= {f"id-{number}" for number in named}
