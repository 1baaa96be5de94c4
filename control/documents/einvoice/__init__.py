"""E-invoices after EN 16931: what a document means in its terms (semantics), and the two syntaxes it is written in (cii, ubl)."""

from control.documents.einvoice.cii import to_cii
from control.documents.einvoice.semantics import EInvoice, NoEInvoiceError, e_invoice_of, why_not
from control.documents.einvoice.ubl import to_ubl
from control.documents.einvoice.validate import Syntax, problems_of

__all__ = ["EInvoice", "NoEInvoiceError", "Syntax", "e_invoice_of", "problems_of", "to_cii", "to_ubl", "why_not"]
