"""The labelled facts of a document, in words and in the order they are printed. Where they stand is pdf.py's business."""

from __future__ import annotations

from control.documents import formatting, wording
from control.documents.content import Document
from control.domain.documents import Kind
from control.domain.money import Money
from control.domain.parties import Buyer, Seller
from control.domain.taxes import TaxTreatment
from control.gateways.bank.references import printed

Fact = tuple[str, str]


def party_lines(party: Seller | Buyer) -> list[str]:
    """Address and tax id."""
    return [*formatting.address(party), *([f"Tax ID {party.tax_id}"] if party.tax_id else [])]


def head_facts(document: Document) -> list[Fact]:
    """What an accountant looks for first."""
    facts = [
        (f"{document.title} number", document.number or "none yet"),
        ("Date of issue", formatting.day(document.issued_at.date())),
        ("Due date", formatting.day(document.due_date)),
        ("Adjusted period" if document.kind is not Kind.INVOICE else "Service period", formatting.month(document.supply)),
        ("Account", document.account_id),
        ("Currency", document.currency_code),
    ]
    if document.corrected:
        facts.append(("Corrects", f"{document.corrected.invoice_number} of {formatting.day(document.corrected.issued_on)}"))
    # Nothing is due of a document in the buyer's favour.
    return [fact for fact in facts if fact[0] != "Due date" or document.due.minor > 0]


def total_facts(document: Document) -> list[tuple[str, Money]]:
    """From the subtotal to the total."""
    rows = [("Subtotal", document.subtotal)]
    rows += [(f"{'Credit' if used.minor >= 0 else 'Credit given back'} {credit_id}", -used) for credit_id, used in document.credits]
    if document.credits:
        rows.append(("Taxable amount", document.taxable))
    rows.append((f"Tax {formatting.percent(document.tax_percent)}", document.tax))
    return [*rows, (f"Total {document.currency_code}", document.total)]


def due_facts(document: Document) -> list[tuple[str, Money]]:
    """From the total to what is due."""
    refunded = [("Already refunded", -document.given_back)] if document.given_back else []
    return [*refunded, ("Amount due" if document.due.minor >= 0 else "In your favour", document.due)]


def payment_facts(document: Document) -> list[Fact]:
    """How to pay; the reference only where the buyer pays by transfer."""
    facts = [("Payment", document.payment_terms)]
    if document.is_paid_to_bank and not document.is_draft:
        if document.seller_iban:
            facts.append(("IBAN", _in_fours(document.seller_iban)))
        facts.append(("Payment reference", printed(document.payment_reference)))
    return facts


def notes_of(document: Document) -> list[str]:
    """Sentences the law or the reader wants."""
    notes = []
    if document.is_draft:
        notes.append("This is a draft. Its amounts may still change, and it is not a demand for payment.")
    if document.treatment is TaxTreatment.REVERSE_CHARGE:
        seller_id, buyer_id = document.seller.tax_id or "not set", document.buyer.tax_id
        notes += [wording.REVERSE_CHARGE, f"Tax ID of the seller: {seller_id}. Tax ID of the recipient: {buyer_id}."]
    sentence = {
        TaxTreatment.EXEMPT: wording.EXEMPT,
        TaxTreatment.OUT_OF_SCOPE: wording.OUT_OF_SCOPE,
        TaxTreatment.ZERO: wording.ZERO,
    }.get(document.treatment)
    if sentence:
        notes.append(sentence)
    if document.kind is not Kind.INVOICE:
        notes.append(_correction(document))
    return notes


def _correction(document: Document) -> str:
    what = f"This {document.title.lower()} {_VERBS[document.kind]} {document.supply}"
    if not document.corrected:
        return f"{what}, for which no invoice was issued."
    number, issued_on = document.corrected.invoice_number, formatting.day(document.corrected.issued_on)
    return f"{what}: it corrects {number} of {issued_on}."


_VERBS = {
    Kind.DEBIT_NOTE: "charges what was missing for",
    Kind.CREDIT_NOTE: "takes back what was charged too much for",
    Kind.REFUND_NOTE: "refunds what was paid for",
}


def _in_fours(text: str) -> str:
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))
