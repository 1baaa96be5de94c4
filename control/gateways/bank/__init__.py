"""Bank transfer: the reference a payer writes, the statements a bank sends, and which entry pays which invoice.

Pure: nothing here knows a store, a ledger or a network. A bank cannot be asked to charge, so this is no PaymentGateway.
"""

from control.gateways.bank.entries import EntryStatus, Statement, StatementEntry, StatementError
from control.gateways.bank.matching import Allocation, Match, MatchKind, OpenInvoice, Proposal, match
from control.gateways.bank.references import creditor_reference, printed, references_in
from control.gateways.bank.statements import read_statements

__all__ = [
    "Allocation",
    "EntryStatus",
    "Match",
    "MatchKind",
    "OpenInvoice",
    "Proposal",
    "Statement",
    "StatementEntry",
    "StatementError",
    "creditor_reference",
    "match",
    "printed",
    "read_statements",
    "references_in",
]
