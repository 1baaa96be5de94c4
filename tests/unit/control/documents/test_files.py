"""Files of stored documents: what was frozen stands in them, whatever changed since."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError
from pypdf import PdfReader
from sqlalchemy import Connection, delete, text, update
from sqlalchemy.exc import DBAPIError

from control.bootstrap import Control
from control.documents.einvoice import NoEInvoiceError, Syntax
from control.domain.documents import Draft, IssuedInvoice, Kind
from control.domain.particulars import CatalogTexts, Particulars, TaxPart, from_text, to_text
from control.services.accounts import upsert_accounts
from control.services.documents import document_xml, issued_document, print_document
from control.services.issue import issue_documents
from control.services.push import push
from control.services.refund import refund_invoice
from control.services.work import work
from control.store.tables import invoice_particulars
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.builders import NOW, SERVICES, a_draft, an_account, given_account_with_card
from tests.control_bench.stores import control_settings, fresh_sqlite, opened
from warehouse.errors import InputError

TEXTS = CatalogTexts(
    item_names={"sku-1": "Virtual CPU", "sku-2": "Memory", "sku-9": "Never billed"},
    taxes={"DE": (TaxPart(name="USt", percent=Decimal(19)),)},
)


@pytest.fixture
def control(tmp_path: Path, gateway: FakeGateway) -> Iterator[Control]:
    """On SQLite: files do not depend on the database. What one refuses is asked of each."""
    with opened(fresh_sqlite(tmp_path), tmp_path, gateways=lambda _: gateway) as control:
        yield control


def test_the_pdf_has_the_names_of_the_day_of_issue_and_stays_the_same(control: Control) -> None:
    invoice = issue(control, a_draft(amounts=[100, 200], percent="19"))
    before = print_document(issued_document(control, invoice.invoice_number)).pdf
    upsert_accounts(control, [an_account(name="Renamed", is_tax_exempt=True, gateway="")])
    assert print_document(issued_document(control, invoice.invoice_number)).pdf == before
    assert print_document(issued_document(control, invoice.invoice_id)).pdf == before
    page = text_of(before)
    assert "Virtual CPU" in page
    assert "USt" in page
    assert "Renamed" not in page


def test_what_was_frozen_cannot_be_changed(own_control: Control) -> None:
    invoice = issue(own_control, a_draft())
    mine = invoice_particulars.c.invoice_id == invoice.invoice_id
    for statement in (update(invoice_particulars).where(mine).values(content="{}"), delete(invoice_particulars).where(mine)):
        with pytest.raises(DBAPIError, match="frozen"):
            own_control.store.transact(lambda connection, statement=statement: connection.execute(statement))


def test_a_note_is_taxed_and_named_like_the_invoice_of_its_month(control: Control) -> None:
    first = issue(control, a_draft(amounts=[1_000], period="2025-12", percent="19"))
    note = issue(
        control,
        a_draft(amounts=[-200], kind=Kind.CREDIT_NOTE, adjusted_period="2025-12", percent="19"),
        texts=CatalogTexts(),
    )
    document = issued_document(control, note.invoice_number)
    assert document.corrected is not None
    assert document.corrected.invoice_number == first.invoice_number
    assert [item.name for item in document.items] == ["Virtual CPU"]
    assert [tax.name for tax in document.taxes] == ["USt"]


def test_a_refund_note_corrects_what_was_refunded(control: Control) -> None:
    invoice = issue(control, a_draft(amounts=[10_000], percent="19"))
    push(control, now=NOW)
    refund_invoice(control, invoice.invoice_number, amount=None, reason="goodwill", actor="test", now=NOW)
    work(control, now=NOW)
    note = issued_document(control, invoice.invoice_number[:-1] + str(int(invoice.invoice_number[-1]) + 1))
    assert note.kind is Kind.REFUND_NOTE
    assert note.corrected is not None
    assert note.corrected.invoice_number == invoice.invoice_number
    assert b"<ram:TypeCode>381<" in document_xml(note, Syntax.CII)


def test_a_document_from_before_the_names_were_kept_is_printed_with_its_sku_ids(control: Control) -> None:
    invoice = issue(control, a_draft(amounts=[100], percent="19"))
    control.store.transact(_forget_particulars)
    document = issued_document(control, invoice.invoice_number)
    assert [item.name for item in document.items] == ["sku-1"]
    assert print_document(document).without_e_invoice == ""


def test_a_document_that_can_have_no_e_invoice_is_printed_with_the_reason(control: Control) -> None:
    given_account_with_card(control, currency_code="KWD")
    invoice = issue(control, a_draft(currency="KWD"), has_account=True)
    document = issued_document(control, invoice.invoice_number)
    printed = print_document(document)
    assert "KWD has 3 decimals" in printed.without_e_invoice
    assert printed.pdf.startswith(b"%PDF")
    with pytest.raises(NoEInvoiceError, match="KWD has 3 decimals"):
        document_xml(document, Syntax.UBL)


def test_a_number_that_does_not_exist_is_an_error(control: Control) -> None:
    with pytest.raises(InputError, match="INV-9"):
        issued_document(control, "INV-9")


def test_an_iban_with_wrong_check_digits_is_no_setting() -> None:
    assert control_settings(seller_iban="DE89 3704 0044 0532 0130 00").seller_iban == "DE89370400440532013000"
    with pytest.raises(ValidationError, match="IBAN"):
        control_settings(seller_iban="DE88370400440532013000")


def test_particulars_come_back_as_they_were_written() -> None:
    particulars = Particulars(
        item_names={"sku-1": "仮想 „CPU“"},
        taxes=(TaxPart(name="A", percent=Decimal("9.5")), TaxPart(name="B", percent=Decimal(1))),
        is_tax_exempt=True,
        gateway="stripe",
        seller_iban="DE89370400440532013000",
    )
    assert from_text(to_text(particulars)) == particulars


def issue(control: Control, draft: Draft, *, texts: CatalogTexts = TEXTS, has_account: bool = False) -> IssuedInvoice:
    if not has_account:
        given_account_with_card(control)

    def run(connection: Connection) -> list[IssuedInvoice]:
        buyers = {draft.account_id: an_account(draft.account_id)}
        return issue_documents(connection, control.settings, [draft], buyers=buyers, services=SERVICES, issued_at=NOW, texts=texts)

    (invoice,) = control.store.transact(run)
    return invoice


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def _forget_particulars(connection: Connection) -> None:
    """As a store was left by a version that did not keep them."""
    connection.execute(text("DROP TRIGGER invoice_particulars_refuse_delete"))
    connection.execute(delete(invoice_particulars))
