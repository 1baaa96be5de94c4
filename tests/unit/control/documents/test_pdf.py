"""PDF files read back: what stands on the pages and where, and what is embedded."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import pytest
import uharfbuzz
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from control.documents.canvas import MILLIMETRES_PER_POINT, RIGHT, open_canvas
from control.documents.content import Document, of_draft
from control.documents.einvoice import e_invoice_of, to_cii
from control.documents.fonts import Face, font_bytes, printable
from control.documents.formatting import THIN, money
from control.documents.pdf import to_pdf
from control.domain.documents import Kind
from control.domain.money import Money
from control.domain.particulars import Particulars, TaxPart
from control.domain.parties import Buyer
from control.domain.taxes import REVERSE_CHARGE
from tests.control_bench.builders import NOW, a_draft
from tests.control_bench.documents import BUYER, CORRECTED, IBAN, SELLER, a_document, documents

ARABIC = "شركة الأمثلة المحدودة"


def test_the_same_document_gives_the_same_bytes() -> None:
    document = a_document()
    xml = to_cii(e_invoice_of(document))
    assert to_pdf(document, e_invoice=xml) == to_pdf(document, e_invoice=xml)


def test_names_in_cyrillic_arabic_and_japanese_are_there_to_read() -> None:
    buyer = replace(BUYER, legal_name=ARABIC, address="千代田区丸の内1-2-3", city="Αθήνα")
    text = text_of(a_document(buyer=buyer, seller=replace(SELLER, legal_name="Фирма «Облачные технологии»")))
    # Words of a line from right to left are extracted in the order in which they stand, from left to right.
    for word in ("Фирма «Облачные технологии»", "千代田区丸の内1-2-3", "Αθήνα", *ARABIC.split()):
        assert word in text


def test_arabic_letters_are_joined() -> None:
    with open_canvas([ARABIC], created_at=NOW) as canvas:
        drawn = canvas.width(ARABIC, size=10) / MILLIMETRES_PER_POINT / 10
    words = ARABIC.split()
    joined = sum(shaped_width(word) for word in words) + (len(words) - 1) * advance(Face.SANS, " ")
    assert drawn == pytest.approx(joined, abs=0.01)
    assert joined != pytest.approx(sum(advance(Face.WORLD, sign) for word in words for sign in word), abs=0.2)


def test_a_sign_that_no_font_has_is_a_question_mark_and_not_a_hole() -> None:
    text = text_of(a_document(buyer=replace(BUYER, legal_name="Acme \U0001f680 Ltd")))
    assert "Acme ? Ltd" in text


def test_all_amounts_of_the_lines_end_at_the_right_edge() -> None:
    amounts = [1, 22_222, 123_456_789_012, -5_000]
    document = a_document(a_draft(amounts=amounts, percent="19"))
    texts = {money(Money(amount, "USD")) for amount in amounts} | {money(document.total)}
    pieces = [piece for piece in pieces_of(document) if piece.text in texts]
    assert {piece.text for piece in pieces} == texts
    for piece in pieces:
        assert piece.end == pytest.approx(RIGHT / MILLIMETRES_PER_POINT, abs=0.1)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [(123_456_789, "USD", "1 234 567.89"), (-123_456, "JPY", "-123 456"), (5, "KWD", "0.005"), (0, "EUR", "0.00"), (-5, "EUR", "-0.05")],
)
def test_money_has_the_decimals_of_its_currency_and_thin_groups(amount: int, currency: str, expected: str) -> None:
    assert money(Money(amount, currency)) == expected.replace(" ", THIN)


def test_two_thousand_lines_have_a_head_on_each_page_and_sums_that_add_up() -> None:
    document = a_document(a_draft(amounts=[number * 7 % 1_000 + 1 for number in range(2_000)], percent="19"))
    pages = [page.extract_text() for page in reader_of(document).pages]
    assert len(pages) > 50
    brought = ""
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Item Quantity Unit Amount, USD" in page or "sku-" not in page
        assert brought in page
        carried = [line.removeprefix("Carried forward ") for line in page.splitlines() if line.startswith("Carried forward")]
        brought = f"Brought forward {carried[0]}" if carried else ""
    # Each line stands there once, and the last page has the sum of all.
    assert sum(page.count(" gib_hour ") for page in pages) == 2_000
    assert f"Subtotal {money(document.subtotal)}" in pages[-1]
    assert f"Amount due {money(document.due)}" in pages[-1]


def test_the_e_invoice_is_embedded_as_factur_x_in_a_pdf_a_3() -> None:
    document = a_document()
    xml = to_cii(e_invoice_of(document))
    reader = PdfReader(io.BytesIO(to_pdf(document, e_invoice=xml)))
    assert reader.attachments["factur-x.xml"] == [xml]
    (associated,) = reader.root_object["/AF"]
    assert associated.get_object()["/AFRelationship"] == "/Alternative"
    packet = reader.root_object["/Metadata"].get_data().decode()
    for part in ("<pdfaid:part>3<", "<pdfaid:conformance>B<", "<fx:ConformanceLevel>EN 16931<", "<fx:DocumentFileName>factur-x.xml<"):
        assert part in packet
    assert reader.root_object["/OutputIntents"][0].get_object()["/S"] == "/GTS_PDFA1"
    assert f"<xmp:CreateDate>{NOW.isoformat()}<" in packet


def test_all_fonts_are_in_the_file() -> None:
    reader = reader_of(a_document(buyer=replace(BUYER, legal_name=f"{ARABIC} 株式会社")))
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    assert len(fonts) >= 3
    for font in fonts:
        assert "/FontFile2" in font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()


def test_a_document_without_an_e_invoice_has_nothing_embedded() -> None:
    reader = reader_of(a_document(a_draft(amounts=[1_234_567], currency="KWD", percent="5")))
    assert not list(reader.attachments)
    assert "fx:ConformanceLevel" not in reader.root_object["/Metadata"].get_data().decode()
    assert "1 234.567".replace(" ", THIN) in reader.pages[0].extract_text()


def test_a_draft_says_so_on_every_page_and_has_no_number() -> None:
    draft = of_draft(
        a_draft(amounts=[100] * 60),
        seller=SELLER,
        buyer=BUYER,
        now=NOW,
        due_date=date(2026, 3, 1),
        particulars=Particulars(),
        corrected=None,
    )
    pages = [page.extract_text() for page in reader_of(draft).pages]
    assert len(pages) > 1
    assert all("DRAFT" in page for page in pages)
    assert "Draft invoice" in pages[0]
    assert "not a demand for payment" in pages[-1]
    assert "Payment reference" not in pages[-1]


def test_an_invoice_says_who_what_when_and_how_to_pay() -> None:
    particulars = Particulars(
        item_names={"sku-1": "Virtual CPU, shared"},
        taxes=(TaxPart(name="CGST", percent=9), TaxPart(name="SGST", percent=9)),
        gateway="bank_transfer",
        seller_iban=IBAN,
    )
    document = a_document(a_draft(amounts=[100_01], percent="18", uses=[("promo", 1_000)]), particulars=particulars)
    text = text_of(document)
    for words in (
        "Invoice number INV-000042",
        "Date of issue 2026-02-03",
        "Due date 2026-02-17",
        "Service period 2026-01-01 – 2026-01-31",  # noqa: RUF001 - an en dash stands between dates
        "Cloud AG",
        "Tax ID DE136695976",
        "Acme GmbH",
        "Virtual CPU, shared",
        "Usage · sku-1",
        "Credit promo -10.00",
        "Taxable amount 90.01",
        "CGST 9 % 90.01 8.10".replace(" %", f"{THIN}%"),
        "SGST 9 % 90.01 8.10".replace(" %", f"{THIN}%"),
        "Total USD 106.21",
        "IBAN DE89 3704 0044 0532 0130 00",
        "Payment reference RF",
    ):
        assert words in text


def test_tax_parts_add_up_to_the_tax_of_the_document() -> None:
    for document in documents(60, seed=11):
        assert sum((tax.amount for tax in document.taxes), start=Money(0, document.currency_code)) == document.tax
        assert sum(tax.percent for tax in document.taxes) == document.tax_percent


def test_reverse_charge_names_both_tax_ids() -> None:
    buyer = replace(BUYER, country_code="FR", tax_id="FR40303265045")
    text = text_of(a_document(a_draft(tax_note=REVERSE_CHARGE), buyer=buyer))
    assert "Reverse charge: the recipient of the service is liable for the tax." in text
    assert "Tax ID of the seller: DE136695976. Tax ID of the recipient: FR40303265045." in text


def test_an_exempt_buyer_is_said_to_be_one() -> None:
    assert "The recipient is exempt from tax." in text_of(a_document(a_draft(), particulars=Particulars(is_tax_exempt=True)))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.CREDIT_NOTE, "takes back what was charged too much for 2025-12: it corrects INV-000007 of 2026-01-03."),
        (Kind.DEBIT_NOTE, "charges what was missing for 2025-12: it corrects INV-000007 of 2026-01-03."),
        (Kind.REFUND_NOTE, "refunds what was paid for 2025-12: it corrects INV-000007 of 2026-01-03."),
    ],
)
def test_a_note_names_the_month_and_the_invoice_that_it_corrects(kind: Kind, words: str) -> None:
    amounts = [10_000] if kind is Kind.DEBIT_NOTE else [-10_000]
    text = text_of(a_document(a_draft(amounts=amounts, kind=kind, adjusted_period="2025-12", percent="19"), corrected=CORRECTED))
    assert words in text
    assert "Adjusted period 2025-12-01" in text


def test_a_document_without_any_party_data_is_still_printed() -> None:
    nobody = Buyer(name="acc-1", legal_name="", address="", postal_code="", city="", country_code="", tax_id="")
    assert "acc-1" in text_of(a_document(buyer=nobody))


def test_no_part_of_a_long_name_or_address_is_lost() -> None:
    name = " ".join(f"Gesellschaft-{number}" for number in range(14))
    street = " ".join(f"Hinterhaus-{number}" for number in range(14))
    text = text_of(a_document(buyer=replace(BUYER, legal_name=name, address=street)))
    for word in (*name.split(), *street.split()):
        assert word in text


def test_joiners_of_persian_words_are_kept_and_other_invisible_signs_are_not() -> None:
    assert printable("می\u200cرویم") == "می\u200cرویم"
    assert printable("a\u200cb\u202ec\x00d") == "abcd"


@dataclass(frozen=True)
class Piece:
    """One printed text, with the point where its last glyph ends."""

    text: str
    end: float


def pieces_of(document: Document) -> list[Piece]:
    """The texts of the first page that stand in Noto Sans."""
    pieces = []

    def visit(text: str, _: object, matrix: list[float], font: dict[str, str] | None, size: float) -> None:
        line = text.strip(" \n")
        if line and font:
            face = Face.SANS_BOLD if "Bold" in font["/BaseFont"] else Face.SANS
            pieces.append(Piece(line, matrix[4] + size * sum(advance(face, sign) for sign in line)))

    reader_of(document).pages[0].extract_text(visitor_text=visit)
    return pieces


def reader_of(document: Document) -> PdfReader:
    return PdfReader(io.BytesIO(to_pdf(document, e_invoice=None)))


def text_of(document: Document) -> str:
    return "\n".join(page.extract_text() for page in reader_of(document).pages)


@cache
def font_of(face: Face) -> TTFont:
    return TTFont(io.BytesIO(font_bytes(face)))


def advance(face: Face, sign: str) -> float:
    """Width of a sign alone, in parts of the font's size."""
    font = font_of(face)
    return float(font["hmtx"][font.getBestCmap()[ord(sign)]][0] / font["head"].unitsPerEm)


def shaped_width(word: str) -> float:
    """Width of a word as HarfBuzz sets it in FiraGO."""
    font = uharfbuzz.Font(uharfbuzz.Face(font_bytes(Face.WORLD)))
    buffer = uharfbuzz.Buffer()
    buffer.add_str(word)
    buffer.guess_segment_properties()
    uharfbuzz.shape(font, buffer)
    return sum(position.x_advance for position in buffer.glyph_positions) / font.face.upem
