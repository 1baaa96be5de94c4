"""Drafts: lines, their one rounding, credits, taxes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.reference import Account, Credit, Price, Result, Tax
from tests.reference.model import Invoice, InvoiceLineKey
from tests.unit.reference.builders import account, at, billed, exact, per_unit, tiered, usage

GERMAN = (account(country_code="DE"),)
VAT = Tax(country_code="DE", tax_name="VAT", percent=Fraction(19))


def only_invoice(result: Result) -> Invoice:
    assert len(result.invoices) == 1
    return result.invoices.popitem()[1]


def credit(credit_id: str, amount: str, *, valid_from: str | None = None, valid_to: str | None = None) -> Credit:
    return Credit(
        credit_id=credit_id,
        account_id="acc",
        amount=Fraction(amount),
        currency_code="USD",
        valid_from=at(valid_from) if valid_from else None,
        valid_to=at(valid_to) if valid_to else None,
    )


def uses(result: Result) -> dict[str, list[tuple[str, Fraction]]]:
    """Credits used per month, in order."""
    found: dict[str, list[tuple[str, Fraction]]] = {}
    for key, row in sorted(result.credit_uses.items(), key=lambda item: (item[0].period, item[1].use_order)):
        found.setdefault(key.period, []).append((key.credit_id, row.amount))
    return found


# --- lines -------------------------------------------------------------------------------------------------------------------------------


def test_four_hundred_tiny_charges_are_rounded_once_like_one_big_one() -> None:
    events = [usage(str(n), f"{1 + n // 24:02d} {n % 24:02d}:00", "1") for n in range(400)]
    line = billed(events, prices=(per_unit("0.0034"),)).invoice_lines
    assert line[InvoiceLineKey("acc", "2026-01", "invoice", "", "usage", "sku", "price")].amount == Fraction("1.36")


@pytest.mark.parametrize(
    ("currency", "amount"), [("USD", "0.13"), ("JPY", "0"), ("KWD", "0.125")], ids=["two places", "no places", "three places"]
)
def test_a_line_is_rounded_half_away_to_the_currency_s_minor_unit(currency: str, amount: str) -> None:
    prices = (per_unit("0.125", currency_code=currency),)
    result = billed([usage("a", "15 10:00", "1")], accounts=(account(currency_code=currency),), prices=prices)
    assert only_invoice(result).subtotal_amount == Fraction(amount)


def test_a_line_stands_for_account_month_type_sku_and_price() -> None:
    prices = (per_unit("1", price_id="old", valid_to=at("20 00:00")), per_unit("2", price_id="new", valid_from=at("20 00:00")))
    events = [
        usage("a", "15 10:00", "1"),
        usage("b", "25 10:00", "2", project_id="p"),
        usage("c", "26 10:00", "3", subject="s"),
        usage("d", "02-01 00:00"),
    ]
    result = billed(events, "2026-02-02T00:00:00Z", prices=prices)
    lines = {(key.period, key.price_id): (row.quantity, row.amount) for key, row in result.invoice_lines.items()}
    assert lines == {("2026-01", "old"): exact(1, 1), ("2026-01", "new"): exact(5, 10), ("2026-02", "new"): exact(1, 2)}


def test_a_free_unit_has_a_line_of_zero_and_an_invoice_with_lines_exists() -> None:
    result = billed([usage("a", "15 10:00", "1")], prices=(per_unit("0"),))
    assert [row.amount for row in result.invoice_lines.values()] == [0]
    assert only_invoice(result).total_amount == 0


def test_a_line_and_a_total_may_be_negative_and_then_use_no_credit() -> None:
    old = per_unit("0", price_id="old", valid_to=at("15 11:00"))
    contract = tiered("volume", ("10", "2", "0"), (None, "0.5", "0"), price_id="contract", account_id="acc", valid_from=at("15 11:00"))
    events = [usage("a", "15 10:00", "10"), usage("b", "15 11:00", "2")]
    result = billed(events, prices=(old, contract), accounts=GERMAN, taxes=(VAT,), credits=(credit("c", "5"),))
    invoice = only_invoice(result)
    assert (invoice.subtotal_amount, invoice.credit_amount) == exact(-14, 0)
    assert (invoice.tax_amount, invoice.total_amount) == exact("-2.66", "-16.66")


# --- credits -----------------------------------------------------------------------------------------------------------------------------


def test_credits_ending_soonest_are_used_first_then_by_id_and_unbounded_ones_last() -> None:
    credits = (
        credit("a", "1"),
        credit("c", "1", valid_to="02-10 00:00"),
        credit("b", "1", valid_to="02-10 00:00"),
        credit("z", "1", valid_to="02-01 00:00"),
    )
    result = billed([usage("x", "15 10:00", "3.5")], credits=credits)
    assert uses(result) == {"2026-01": [("z", Fraction(1)), ("b", Fraction(1)), ("c", Fraction(1)), ("a", Fraction("0.5"))]}
    assert only_invoice(result).credit_amount == Fraction("3.5")


def test_what_is_left_of_a_credit_carries_to_later_months() -> None:
    events = [usage("x", "15 10:00", "3"), usage("y", "02-01 00:00", "3"), usage("z", "02-01 00:00", "3", account="other")]
    result = billed(events, "2026-02-02T00:00:00Z", accounts=(account(), account("other")), credits=(credit("c", "5"),))
    assert uses(result) == {"2026-01": [("c", Fraction(3))], "2026-02": [("c", Fraction(2))]}
    assert {key.period: row.total_amount for key, row in result.invoices.items() if key.account_id == "acc"} == {"2026-01": 0, "2026-02": 1}


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "months"),
    [
        (None, "02-01 00:00", ["2026-01"]),
        (None, "02-01 01:00", ["2026-01", "2026-02"]),
        ("02-01 00:00", None, ["2026-02"]),
        ("31 23:00", None, ["2026-01", "2026-02"]),
        ("03-01 00:00", None, []),
    ],
)
def test_a_credit_pays_the_months_that_overlap_its_validity(valid_from: str | None, valid_to: str | None, months: list[str]) -> None:
    events = [usage("x", "15 10:00", "1"), usage("y", "02-01 00:00", "1")]
    result = billed(events, "2026-02-02T00:00:00Z", credits=(credit("c", "9", valid_from=valid_from, valid_to=valid_to),))
    assert list(uses(result)) == months


# --- taxes -------------------------------------------------------------------------------------------------------------------------------


def taxed(percent_rows: list[Tax], payer: Account, quantity: str = "10") -> Invoice:
    price = Price(price_id="p", sku_id="sku", currency_code=payer.currency_code, model="per_unit", unit_price=Fraction(1))
    return only_invoice(billed([usage("x", "15 10:00", quantity)], accounts=(payer,), prices=(price,), taxes=tuple(percent_rows)))


def test_tax_is_the_sum_of_the_country_s_rates_after_credits_rounded_half_away() -> None:
    rates = [
        VAT,
        Tax(country_code="DE", tax_name="levy", percent=Fraction("0.05")),
        Tax(country_code="US", tax_name="other", percent=Fraction(7)),
    ]
    assert taxed(rates, GERMAN[0]).tax_amount == Fraction("1.91")  # 10 at 19.05 % is 1.905
    assert taxed(rates, account(country_code="JP")).tax_amount == 0
    result = billed([usage("x", "15 10:00", "10")], accounts=GERMAN, taxes=(VAT,), credits=(credit("c", "4"),))
    invoice = only_invoice(result)
    assert (invoice.tax_amount, invoice.total_amount) == (Fraction("1.14"), Fraction("7.14"))


def test_the_rate_is_the_one_valid_at_the_start_of_the_month_s_last_hour() -> None:
    def rates(change: str) -> list[Tax]:
        old = Tax(country_code="DE", tax_name="VAT", percent=Fraction(19), valid_to=at(change))
        return [old, Tax(country_code="DE", tax_name="VAT", percent=Fraction(21), valid_from=at(change))]

    assert taxed(rates("31 23:00"), GERMAN[0]).tax_percent == 21
    assert taxed(rates("02-01 00:00"), GERMAN[0]).tax_percent == 19


def test_exempt_accounts_pay_no_tax_and_abroad_with_a_tax_id_it_is_a_reverse_charge() -> None:
    def exempt(**more: str) -> Account:
        return account(is_tax_exempt=True, **more)

    french = Tax(country_code="FR", tax_name="VAT", percent=Fraction(20))
    assert taxed([french], exempt(country_code="FR", tax_id="FR1")).tax_amount == 0
    assert taxed([french], exempt(country_code="FR", tax_id="FR1")).is_reverse_charge
    assert not taxed([french], exempt(country_code="FR")).is_reverse_charge
    assert not taxed([VAT], exempt(country_code="DE", tax_id="DE1")).is_reverse_charge
    assert not taxed([french], account(country_code="FR", tax_id="FR1")).is_reverse_charge
