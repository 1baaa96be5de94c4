"""The structured reference of an invoice: always valid, and found again in whatever a payer or a bank makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from control.domain.numbering import format_number
from control.gateways.bank import creditor_reference, printed, references_in

PREFIXES = st.from_regex(r"[A-Z][A-Z0-9]{0,9}", fullmatch=True)
NUMBERS = st.builds(format_number, PREFIXES, st.integers(1, 99_999_999))


def test_a_reference_is_the_number_with_check_digits() -> None:
    assert creditor_reference("INV-000001") == "RF69INV000001"
    assert printed("RF69INV000001") == "RF69 INV0 0000 1"


def test_the_standards_own_example_has_its_check_digits() -> None:
    assert creditor_reference("539007547034") == "RF18539007547034"


@given(NUMBERS)
def test_every_number_makes_a_valid_reference(number: str) -> None:
    assert iso11649.is_valid(creditor_reference(number))
    assert len(creditor_reference(number)) <= 25


@pytest.mark.parametrize("number", ["", "-", "A" * 22])
def test_what_makes_no_reference_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="creditor reference"):
        creditor_reference(number)


@given(NUMBERS, st.text(" -./,:\n", max_size=2), st.text("abc XYZ:.\n", max_size=12), st.text(" :.\nabcXYZ019", max_size=12))
def test_a_reference_is_found_however_it_is_broken_and_whatever_stands_around_it(number: str, gap: str, before: str, after: str) -> None:
    reference = creditor_reference(number)
    written = gap.join(reference)
    assert reference in references_in(f"{before} {written.lower()} {after}")


@given(NUMBERS, st.integers(0, 3), st.sampled_from("0123456789"))
def test_a_mistyped_reference_is_not_found(number: str, place: int, digit: str) -> None:
    reference = creditor_reference(number)
    position = len(reference) - 1 - place
    mistyped = reference[:position] + digit + reference[position + 1 :]
    assert (reference in references_in(mistyped)) == (mistyped == reference)


@given(st.text(max_size=200))
def test_no_text_is_too_odd_to_be_searched(text: str) -> None:
    assert all(iso11649.is_valid(reference) for reference in references_in(text))
