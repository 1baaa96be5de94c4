"""E-invoices, judged by the schema and the schematron of EN 16931 themselves."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from lxml import etree

from control.documents.content import Document
from control.documents.einvoice import NoEInvoiceError, Syntax, e_invoice_of, problems_of, to_cii, to_ubl, why_not
from control.documents.einvoice.identifiers import vat_id
from control.documents.einvoice.units import unit_code
from control.domain.documents import Kind
from control.domain.particulars import Particulars
from control.domain.parties import Seller
from control.domain.taxes import REVERSE_CHARGE
from tests.control_bench.builders import a_draft
from tests.control_bench.documents import BUYER, CORRECTED, CURRENCIES, SELLER, a_document, documents

COUNT = 200
WRITERS = {Syntax.CII: to_cii, Syntax.UBL: to_ubl}


def test_two_hundred_documents_in_twelve_currencies_are_valid() -> None:
    many = list(documents(COUNT))
    # Both syntaxes are written from the same values, so the second needs fewer documents to differ.
    asked = [(document, Syntax.CII) for document in many] + [(document, Syntax.UBL) for document in many[::3]]
    broken = [
        (document.kind, document.currency_code, syntax, found)
        for document, syntax in asked
        if (found := problems_of(WRITERS[syntax](e_invoice_of(document)), syntax))
    ]
    assert broken == []
    assert {document.currency_code for document in many} == set(CURRENCIES)
    assert set(Counter(document.kind for document in many)) == set(Kind)
    assert len({document.treatment for document in many}) == 5


@pytest.mark.parametrize(
    ("syntax", "element"),
    [(Syntax.CII, b"GrandTotalAmount"), (Syntax.UBL, b"TaxInclusiveAmount")],
)
def test_a_tampered_total_is_found(syntax: Syntax, element: bytes) -> None:
    valid = WRITERS[syntax](e_invoice_of(a_document()))
    assert problems_of(valid, syntax) == []
    tampered = re.sub(element + b"([^>]*)>119.00", element + rb"\1>119.01", valid)
    assert tampered != valid
    assert any("BR-CO-15" in problem for problem in problems_of(tampered, syntax))


def test_what_breaks_the_schema_is_found() -> None:
    valid = to_cii(e_invoice_of(a_document()))
    assert problems_of(valid.replace(b"ram:GrandTotalAmount", b"ram:GreatTotalAmount"), Syntax.CII)


def test_documents_are_judged_by_several_threads_at_once() -> None:
    valid = to_cii(e_invoice_of(a_document()))
    broken = valid.replace(b"119.00", b"120.00")
    with ThreadPoolExecutor(max_workers=4) as threads:
        found = list(threads.map(lambda xml: problems_of(xml, Syntax.CII), [valid, broken] * 6))
    assert [bool(problems) for problems in found] == [False, True] * 6


def test_every_amount_in_the_xml_is_the_text_of_a_decimal_of_the_document() -> None:
    for document in documents(48, seed=7):
        tree = etree.fromstring(to_cii(e_invoice_of(document)))
        sign = -1 if document.kind in (Kind.CREDIT_NOTE, Kind.REFUND_NOTE) else 1
        expected = {
            "LineTotalAmount": document.subtotal,
            "AllowanceTotalAmount": document.credit,
            "TaxBasisTotalAmount": document.taxable,
            "TaxTotalAmount": document.tax,
            "GrandTotalAmount": document.total,
            "DuePayableAmount": document.due,
        }
        totals = tree.find(".//{*}SpecifiedTradeSettlementHeaderMonetarySummation")
        written = {name: totals.find(f"{{*}}{name}").text for name in expected}
        assert written == {name: format(sign * money.amount + 0, "f") for name, money in expected.items()}
        lines = [line.text for line in tree.findall(".//{*}SpecifiedTradeSettlementLineMonetarySummation/{*}LineTotalAmount")]
        assert lines == [format(sign * item.amount.amount + 0, "f") for item in document.items]


def test_quantity_times_price_is_the_amount_of_each_line_exactly() -> None:
    for document in documents(48, seed=3):
        for line in e_invoice_of(document).lines:
            assert line.price >= 0
            assert line.base_quantity > 0
            assert line.quantity in (line.base_quantity, -line.base_quantity)
            assert line.amount in (0, line.price * (1 if line.quantity > 0 else -1))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (a_document(a_draft(currency="KWD", percent="5")), "KWD has 3 decimals"),
        (a_document(seller=replace(SELLER, tax_id="")), "the seller's tax id"),
        (
            a_document(seller=Seller(legal_name="", address="", postal_code="", city="", country_code="", tax_id="")),
            "the seller's legal name",
        ),
        (replace(a_document(), number=""), "it is not issued yet"),
    ],
)
def test_what_the_standard_has_no_form_for_is_refused_with_the_reason(document: Document, reason: str) -> None:
    assert reason in why_not(document)
    with pytest.raises(NoEInvoiceError, match="has no e-invoice"):
        e_invoice_of(document)


@pytest.mark.parametrize(
    ("document", "category", "reason_code"),
    [
        (a_document(), "S", None),
        (
            a_document(a_draft(tax_note=REVERSE_CHARGE), buyer=replace(BUYER, country_code="FR", tax_id="FR40303265045")),
            "AE",
            "VATEX-EU-AE",
        ),
        (a_document(a_draft(), particulars=Particulars(is_tax_exempt=True)), "E", None),
        (a_document(a_draft()), "Z", None),
        (a_document(a_draft(), buyer=replace(BUYER, country_code="US")), "O", "VATEX-EU-O"),
    ],
)
def test_the_tax_category_says_why_no_tax_is_charged(document: Document, category: str, reason_code: str | None) -> None:
    breakdown = etree.fromstring(to_cii(e_invoice_of(document))).find(".//{*}ApplicableHeaderTradeSettlement/{*}ApplicableTradeTax")
    assert breakdown.findtext("{*}CategoryCode") == category
    assert breakdown.findtext("{*}ExemptionReasonCode") == reason_code


def test_a_credit_note_has_positive_amounts_and_names_what_it_corrects() -> None:
    draft = a_draft(amounts=[-10_000, 200], percent="19", kind=Kind.CREDIT_NOTE, adjusted_period="2025-12", uses=[("promo", -500)])
    invoice = e_invoice_of(a_document(draft, corrected=CORRECTED))
    assert (invoice.type_code, invoice.preceding) == ("381", (CORRECTED.invoice_number, CORRECTED.issued_on))
    assert (invoice.line_total, invoice.allowance_total, invoice.tax) == (Decimal("98.00"), Decimal("5.00"), Decimal("17.67"))
    assert (invoice.total, invoice.due) == (Decimal("110.67"), Decimal("110.67"))
    assert (str(invoice.period_start), str(invoice.period_end)) == ("2025-12-01", "2025-12-31")


def test_a_refund_note_says_that_its_amount_was_given_back_already() -> None:
    draft = a_draft(amounts=[-10_000], percent="19", kind=Kind.REFUND_NOTE, adjusted_period="2026-01")
    invoice = e_invoice_of(a_document(draft, corrected=CORRECTED))
    assert (invoice.total, invoice.prepaid, invoice.due) == (Decimal("119.00"), Decimal("119.00"), Decimal("0.00"))


@pytest.mark.parametrize(
    ("country", "tax_id", "expected"),
    [
        ("DE", "DE 136 695 976", "DE136695976"),
        ("DE", "136695976", "DE136695976"),
        ("DE", "136695977", ""),  # wrong check digits: a number of another kind
        ("GR", "094259216", "EL094259216"),
        ("CH", "CHE-116.281.710", "CHE116281710"),
        ("IE", "DE136695976", "DE136695976"),
        ("US", "12-3456789", ""),
        ("IN", "27AAPFU0939F1ZV", ""),
    ],
)
def test_only_what_the_standard_calls_a_vat_identifier_is_one(country: str, tax_id: str, expected: str) -> None:
    assert vat_id(country, tax_id) == expected


def test_a_unit_has_a_code_only_where_it_means_the_same() -> None:
    assert [unit_code(unit) for unit in ("hour", "Hours", "GB", "GiB", "vCPU-hour", "")] == ["HUR", "HUR", "E34", "C62", "C62", "C62"]
