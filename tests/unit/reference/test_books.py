"""Months that are closed: issued documents, notes for what changed afterwards, credits given back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.reference import Batch, Books, Credit, Document, Event, RefusedError, Result, Tax, World, bill, close
from tests.reference.instants import parse_instant
from tests.unit.reference.builders import account, at, catalog, exact, per_unit, sku, usage

VAT = Tax(country_code="DE", tax_name="VAT", percent=Fraction(10))
GERMAN = (account(country_code="DE"),)


class Ledger:
    """A world that goes on, with its books."""

    def __init__(self, **tables: Any) -> None:  # noqa: ANN401  # tables by name
        self.tables = tables
        self.books = Books()
        self.events: list[Event] = []
        self.as_of = parse_instant("2026-06-01T00:00:00Z")

    def bill(self) -> Result:
        return bill(World(catalog=catalog(**self.tables), batches=(Batch("b", tuple(self.events)),), as_of=self.as_of), self.books)

    def close(self, *periods: str) -> list[Document]:
        return [document for period in periods for document in close(self.bill(), self.books, period)]

    def use(self, time: str, quantity: str, **more: Any) -> None:  # noqa: ANN401  # attributes of the event
        self.events.append(usage(f"e{len(self.events)}", time, quantity, **more))

    def notes(self) -> dict[tuple[str, str, str], tuple[Fraction, ...]]:
        """Draft notes as (kind, adjusted_period, period) -> (subtotal, credits, tax, total)."""
        return {
            (draft.key.kind, draft.key.adjusted_period, draft.key.period): (
                draft.subtotal_amount,
                draft.credit_amount,
                draft.tax_amount,
                draft.total_amount,
            )
            for draft in self.bill().drafts
            if draft.key.kind != "invoice"
        }


def credit(credit_id: str, amount: str, valid_to: str | None = None) -> Credit:
    end = at(valid_to) if valid_to else None
    return Credit(credit_id=credit_id, account_id="acc", amount=Fraction(amount), currency_code="USD", valid_to=end)


# --- closing -----------------------------------------------------------------------------------------------------------------------------


def test_documents_are_numbered_by_account_then_kind_then_adjusted_period() -> None:
    ledger = Ledger(accounts=(account("b"), account("a")))
    for name in ("a", "b"):
        ledger.use("15 10:00", "1", account=name)
        ledger.use("02-15 10:00", "1", account=name)
    assert [(d.number, d.key.account_id) for d in ledger.close("2026-01")] == [(1, "a"), (2, "b")]
    ledger.use("15 10:00", "1", account="a")
    issued = ledger.close("2026-02")
    assert [(d.number, d.key.account_id, d.key.kind) for d in issued] == [(3, "a", "debit_note"), (4, "a", "invoice"), (5, "b", "invoice")]


def test_closing_again_changes_nothing() -> None:
    ledger = Ledger()
    ledger.use("15 10:00", "1")
    ledger.close("2026-01")
    before = ledger.bill()
    assert ledger.close("2026-01") == []
    assert ledger.bill() == before
    assert [row.status for row in before.invoices.values()] == ["issued"]


def test_a_month_closes_once_its_end_is_reached_and_earlier_drafts_are_issued() -> None:
    ledger = Ledger()
    ledger.use("15 10:00", "1")
    ledger.use("02-15 10:00", "1")
    ledger.as_of = at("02-01 00:00") - 1
    with pytest.raises(RefusedError, match="2026-01 ends after as-of"):
        ledger.close("2026-01")
    ledger.as_of = at("03-01 00:00")
    with pytest.raises(RefusedError, match="2026-01 has drafts and is open"):
        ledger.close("2026-02")
    assert len(ledger.close("2026-01", "2026-02")) == 2


# --- notes -------------------------------------------------------------------------------------------------------------------------------


def test_late_usage_of_a_closed_month_stands_on_a_debit_note_for_it() -> None:
    ledger = Ledger(accounts=GERMAN, taxes=(VAT,))
    ledger.use("15 10:00", "5")
    ledger.close("2026-01")
    ledger.use("20 10:00", "2")
    assert ledger.notes() == {("debit_note", "2026-01", "2026-02"): exact(2, 0, "0.2", "2.2")}
    lines = {key: row for key, row in ledger.bill().invoice_lines.items() if key.kind == "debit_note"}
    assert [(key.line_type, key.price_id, (row.quantity, row.amount)) for key, row in lines.items()] == [
        ("adjustment", "price", exact(2, 2))
    ]


def test_a_note_waits_for_the_first_open_month_and_the_next_change_gets_its_own() -> None:
    ledger = Ledger()
    ledger.use("15 10:00", "5")
    ledger.close("2026-01", "2026-02")
    ledger.use("15 10:00", "1")
    assert list(ledger.notes()) == [("debit_note", "2026-01", "2026-03")]
    ledger.close("2026-03")
    assert ledger.notes() == {}
    ledger.use("15 10:00", "3")
    assert ledger.notes() == {("debit_note", "2026-01", "2026-04"): exact(3, 0, 0, 3)}


def test_usage_that_becomes_known_after_the_close_is_a_note_even_without_an_invoice() -> None:
    ledger = Ledger(prices=())
    ledger.use("15 10:00", "5")
    assert ledger.close("2026-01") == []
    ledger.tables["prices"] = (per_unit("2"),)
    assert ledger.notes() == {("debit_note", "2026-01", "2026-02"): exact(10, 0, 0, 10)}


def test_a_lower_price_is_a_credit_note_with_a_line_per_sku_and_price() -> None:
    ledger = Ledger(accounts=GERMAN, taxes=(VAT,))
    ledger.use("15 10:00", "5")
    ledger.close("2026-01")
    ledger.tables["prices"] = (per_unit("0.5", price_id="new"),)
    assert ledger.notes() == {("credit_note", "2026-01", "2026-02"): exact("-2.5", 0, "-0.25", "-2.75")}
    lines = {key.price_id: (row.quantity, row.amount) for key, row in ledger.bill().invoice_lines.items() if key.kind == "credit_note"}
    assert lines == {"price": exact(-5, -5), "new": exact(5, "2.5")}


def test_lines_that_add_up_to_zero_are_a_credit_note() -> None:
    ledger = Ledger()
    ledger.use("15 10:00", "5")
    ledger.close("2026-01")
    ledger.tables["prices"] = (per_unit(price_id="renamed"),)
    assert ledger.notes() == {("credit_note", "2026-01", "2026-02"): exact(0, 0, 0, 0)}


def test_a_change_of_quantity_alone_is_a_line() -> None:
    ledger = Ledger(prices=(per_unit("0"),))
    ledger.use("15 10:00", "5")
    ledger.close("2026-01")
    ledger.use("15 10:00", "1")
    assert ledger.notes() == {("credit_note", "2026-01", "2026-02"): exact(0, 0, 0, 0)}


def test_the_adjustment_is_the_difference_of_rounded_lines_so_all_documents_equal_a_rebuild() -> None:
    ledger = Ledger(prices=(per_unit("0.004"),))
    for day in ("10", "11", "12"):
        ledger.use(f"{day} 10:00", "1")
        ledger.close(*(["2026-01"] if day == "10" else ["2026-02"] if day == "11" else ["2026-03"]))
    assert [document.subtotal_amount for document in ledger.books.issued] == [0, Fraction("0.01"), 0]
    rebuilt = bill(ledger.bill().world).invoice_lines.popitem()[1]
    assert (rebuilt.quantity, rebuilt.amount) == exact(3, "0.01")


def test_a_note_is_taxed_as_the_month_was_at_its_close() -> None:
    ledger = Ledger(accounts=(account(country_code="DE"), account("exempt", country_code="DE", is_tax_exempt=True)), taxes=(VAT,))
    ledger.close("2026-01")
    ledger.tables["taxes"] = (Tax(country_code="DE", tax_name="VAT", percent=Fraction(50)),)
    ledger.tables["accounts"] = (account(country_code="DE", is_tax_exempt=True), account("exempt", country_code="DE"))
    ledger.use("15 10:00", "10")
    ledger.use("15 10:00", "10", account="exempt")
    taxes = {draft.key.account_id: draft.tax_amount for draft in ledger.bill().drafts}
    assert taxes == {"acc": 1, "exempt": 0}


# --- credits of closed months ------------------------------------------------------------------------------------------------------------


def test_notes_use_credits_before_the_drafts_of_open_months_do() -> None:
    ledger = Ledger()
    ledger.close("2026-01", "2026-02")
    ledger.tables["credits"] = (credit("c", "8"),)
    ledger.use("03-15 10:00", "5")
    ledger.use("02-15 10:00", "5")
    ledger.use("15 10:00", "5")
    used = {(key.kind, key.adjusted_period or key.period): row.amount for key, row in ledger.bill().credit_uses.items()}
    assert used == {("debit_note", "2026-01"): 5, ("debit_note", "2026-02"): 3}


def test_a_debit_note_uses_only_credits_that_overlap_the_month_it_adjusts() -> None:
    ledger = Ledger(credits=(credit("c", "8", valid_to="02-01 00:00"),))
    ledger.close("2026-01")
    ledger.use("15 10:00", "5")
    ledger.use("02-15 10:00", "5")
    assert ledger.notes() == {("debit_note", "2026-01", "2026-02"): exact(5, 5, 0, 0)}
    assert {key.kind: row.credit_amount for key, row in ledger.bill().invoices.items()} == {"debit_note": 5, "invoice": 0}


def test_a_credit_note_first_gives_back_credits_last_used_first() -> None:
    ledger = Ledger(credits=(credit("a", "3"), credit("b", "3")), accounts=GERMAN, taxes=(VAT,))
    ledger.use("15 10:00", "10")
    ledger.close("2026-01")
    ledger.tables["prices"] = (per_unit("0.6"),)
    assert ledger.notes() == {("credit_note", "2026-01", "2026-02"): exact(-4, -4, 0, 0)}
    given = {row.use_order: (key.credit_id, row.amount) for key, row in ledger.bill().credit_uses.items() if key.kind == "credit_note"}
    assert given == {1: ("b", Fraction(-3)), 2: ("a", Fraction(-1))}


def test_a_credit_note_gives_back_at_most_what_was_used_and_refunds_the_rest_with_tax() -> None:
    ledger = Ledger(credits=(credit("a", "3"),), accounts=GERMAN, taxes=(VAT,))
    ledger.use("15 10:00", "10")
    ledger.close("2026-01")
    ledger.tables["prices"] = (per_unit("0"),)
    assert ledger.notes() == {("credit_note", "2026-01", "2026-02"): exact(-10, -3, "-0.7", "-7.7")}
    ledger.close("2026-02")
    ledger.tables["prices"] = (per_unit("0", price_id="again"),)
    assert ledger.notes() == {("credit_note", "2026-01", "2026-03"): exact(0, 0, 0, 0)}


def test_given_back_credits_are_usable_again_where_they_are_valid() -> None:
    ledger = Ledger(credits=(credit("a", "3"), credit("expired", "3", valid_to="02-01 00:00")))
    ledger.use("15 10:00", "6")
    ledger.close("2026-01")
    ledger.use("02-15 10:00", "10", metric="n")
    ledger.tables |= {"prices": (per_unit("0"), per_unit("1", sku_id="n", price_id="n")), "skus": (*catalog().skus, sku("n", metric="n"))}
    amounts = {key.kind: row.credit_amount for key, row in ledger.bill().invoices.items() if not row.number}
    assert amounts == {"credit_note": -6, "invoice": 3}


def test_a_debit_after_a_credit_uses_again_what_was_given_back_and_it_can_be_given_back_again() -> None:
    ledger = Ledger(credits=(credit("a", "3"),))
    ledger.use("15 10:00", "10")
    ledger.close("2026-01")
    for period, unit_price, expected in (("2026-02", "0.8", -2), ("2026-03", "1", 2), ("2026-04", "0", -3)):
        ledger.tables["prices"] = (per_unit(unit_price),)
        assert [note[1] for note in ledger.notes().values()] == [expected]
        ledger.close(period)
    assert [document.credit_amount for document in ledger.books.issued] == [3, -2, 2, -3]
