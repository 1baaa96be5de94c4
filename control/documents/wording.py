"""The English of documents. Sentences only: which one holds is decided in content.py."""

from __future__ import annotations

from datetime import date

from control.domain.documents import Kind
from control.domain.money import Money
from control.domain.taxes import TaxTreatment

_TITLES = {
    Kind.INVOICE: "Invoice",
    Kind.DEBIT_NOTE: "Debit note",
    Kind.CREDIT_NOTE: "Credit note",
    Kind.REFUND_NOTE: "Refund note",
}

# Line types of CONTRACTS, and of refund notes.
LINE_TYPES = {
    "usage": "Usage",
    "commitment": "Committed use",
    "commitment_unused": "Commitment not used",
    "adjustment": "Adjustment",
    "refund": "Refund",
}

REVERSE_CHARGE = "Reverse charge: the recipient of the service is liable for the tax."
EXEMPT = "The recipient is exempt from tax."
OUT_OF_SCOPE = "Not subject to the tax of the seller's country."
ZERO = "Taxed at zero percent."


_TAX_NAMES = {
    TaxTreatment.STANDARD: "Tax",
    TaxTreatment.REVERSE_CHARGE: "Reverse charge",
    TaxTreatment.EXEMPT: "Exempt",
    TaxTreatment.ZERO: "Zero rate",
    TaxTreatment.OUT_OF_SCOPE: "Not subject to tax",
}


def tax_name(treatment: TaxTreatment) -> str:
    """What a tax is called whose own name was not frozen."""
    return _TAX_NAMES[treatment]


def title_of(kind: Kind) -> str:
    """What the document is called."""
    return _TITLES[kind]


def payment_words(*, due: Money, due_date: date, is_refund: bool, is_paid_to_bank: bool) -> str:
    """How and when a document is paid."""
    if is_refund:
        return "This amount was returned to the payment method that paid the document."
    if due.minor < 0:
        return "This amount is credited to the account and reduces what it owes."
    if due.minor == 0:
        return "Nothing is to be paid."
    if is_paid_to_bank:
        return f"Payable by bank transfer until {due_date.isoformat()}."
    return f"Due {due_date.isoformat()}, collected from the account's payment method."
