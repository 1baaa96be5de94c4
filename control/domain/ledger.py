"""Double entry: every document and every settlement is a set of postings that add up to zero.

Debit is above zero, credit below. The sign of the document does the rest: a credit note posts the same accounts with
negative amounts. Which documents exist and what was collected is decided elsewhere; this only mirrors it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from control.domain.documents import Draft
from control.domain.money import Money


class LedgerAccount(StrEnum):
    """What a posting changes."""

    RECEIVABLE = "receivable"  # what customers owe on issued documents
    REVENUE = "revenue"
    CREDITS_GRANTED = "credits_granted"  # what promised credits cost us
    TAX_PAYABLE = "tax_payable"
    GATEWAY_CASH = "gateway_cash"  # charged by a gateway
    CUSTOMER_BALANCE = "customer_balance"  # credit customers hold at a gateway


@dataclass(frozen=True, kw_only=True)
class Posting:
    """One leg. All legs of one transaction are in one currency and add up to zero."""

    ledger_account: LedgerAccount
    amount: Money


def postings_of_issue(document: Draft) -> tuple[Posting, ...]:
    """What issuing a document changes: its total is owed, its parts are earned, given or held for the tax office."""
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.RECEIVABLE, amount=document.total),
        Posting(ledger_account=LedgerAccount.REVENUE, amount=-document.subtotal),
        Posting(ledger_account=LedgerAccount.CREDITS_GRANTED, amount=document.credit),
        Posting(ledger_account=LedgerAccount.TAX_PAYABLE, amount=-document.tax),
    )


def postings_of_settlement(*, charged: Money, from_balance: Money) -> tuple[Posting, ...]:
    """What an attempt collected; `from_balance` below zero fills the customer's balance (a credit note)."""
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.GATEWAY_CASH, amount=charged),
        Posting(ledger_account=LedgerAccount.CUSTOMER_BALANCE, amount=from_balance),
        Posting(ledger_account=LedgerAccount.RECEIVABLE, amount=-(charged + from_balance)),
    )


def _without_zeros(*postings: Posting) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount)
