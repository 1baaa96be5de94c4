"""Double entry: every document, settlement, refund and fee is one journal entry whose postings add up to zero.

Debit is above zero, credit below. The sign of the document does the rest: a credit note posts the same accounts with
negative amounts. Which documents exist and what was collected is decided elsewhere; this only mirrors it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control.domain.documents import Draft
from control.domain.money import Money

# The service of a line whose SKU no catalog names any more.
OTHER_SERVICE = "other"


class LedgerAccount(StrEnum):
    """What a posting changes. Beside it stands a detail where the account is kept apart by one."""

    RECEIVABLE = "receivable"  # what customers owe on issued documents
    REVENUE = "revenue"  # by service
    CREDITS_GRANTED = "credits_granted"  # what promised credits cost us
    TAX_PAYABLE = "tax_payable"
    CASH = "cash"  # by gateway: what it collected for us and did not give back
    FEES = "fees"  # by gateway: what it kept for itself
    CUSTOMER_BALANCE = "customer_balance"  # credit that customers hold with us or at a gateway
    UNAPPLIED = "unapplied"  # money that came in by bank and belongs to no document yet
    BAD_DEBT = "bad_debt"  # written off, or lost in a dispute


class Side(StrEnum):
    """Where an account's balance normally stands."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


SIDES: Mapping[LedgerAccount, Side] = {
    LedgerAccount.RECEIVABLE: Side.ASSET,
    LedgerAccount.CASH: Side.ASSET,
    LedgerAccount.TAX_PAYABLE: Side.LIABILITY,
    LedgerAccount.CUSTOMER_BALANCE: Side.LIABILITY,
    LedgerAccount.UNAPPLIED: Side.LIABILITY,
    LedgerAccount.REVENUE: Side.INCOME,
    LedgerAccount.CREDITS_GRANTED: Side.EXPENSE,
    LedgerAccount.FEES: Side.EXPENSE,
    LedgerAccount.BAD_DEBT: Side.EXPENSE,
}


class Source(StrEnum):
    """What an entry mirrors. One thing of a source is posted once: (source, source_id) is unique in the store."""

    DOCUMENT = "document"  # invoice_id
    PAYMENT = "payment"  # payment_id
    REFUND = "refund"  # refund_id
    RETURN = "return"  # refund_id: the card's bank sent it back
    FEE = "fee"  # gateway/gateway_payment_id
    WRITE_OFF = "write_off"  # invoice_id@paid minor units; invoice_id/payment_id that took it back
    DISPUTE = "dispute"  # gateway/dispute id
    RECEIPT = "receipt"  # id of a bank statement's entry
    APPLICATION = "application"  # id of a receipt that found its document later


@dataclass(frozen=True, kw_only=True)
class Posting:
    """One leg. All legs of one entry are in one currency and add up to zero."""

    ledger_account: LedgerAccount
    amount: Money
    detail: str = ""  # service, gateway; empty where the account is not kept apart


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One journal entry. `account_id`, `invoice_id` and `period` are empty where it belongs to none."""

    source: Source
    source_id: str
    posted_at: datetime
    description: str
    postings: tuple[Posting, ...]
    account_id: str = ""
    invoice_id: str = ""
    period: str = ""  # of a document's entry: its month, which revenue is reported by

    @property
    def entry_id(self) -> str:
        """The same whenever the same thing is posted."""
        return f"{self.source}:{self.source_id}"


def postings_of_issue(document: Draft, services: Mapping[str, str]) -> tuple[Posting, ...]:
    """What issuing a document changes: its total is owed, its parts are earned, given or held for the tax office.

    Args:
        document: what is issued.
        services: SKU to service; a SKU that is not in it earns for `other`.
    """
    earned: dict[str, Money] = {}
    for line in document.lines:
        service = services.get(line.sku_id) or OTHER_SERVICE
        earned[service] = earned.get(service, Money(0, line.amount.currency_code)) + line.amount
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.RECEIVABLE, amount=document.total),
        *(Posting(ledger_account=LedgerAccount.REVENUE, detail=service, amount=-amount) for service, amount in sorted(earned.items())),
        Posting(ledger_account=LedgerAccount.CREDITS_GRANTED, amount=document.credit),
        Posting(ledger_account=LedgerAccount.TAX_PAYABLE, amount=-document.tax),
    )


def postings_of_settlement(*, gateway: str, charged: Money, from_balance: Money) -> tuple[Posting, ...]:
    """What an attempt collected, or a refund gave back; `from_balance` below zero fills the customer's balance (a credit note)."""
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.CASH, detail=gateway, amount=charged),
        Posting(ledger_account=LedgerAccount.CUSTOMER_BALANCE, amount=from_balance),
        Posting(ledger_account=LedgerAccount.RECEIVABLE, amount=-(charged + from_balance)),
    )


def postings_of_fee(*, gateway: str, fee: Money) -> tuple[Posting, ...]:
    """What a gateway kept of a payment."""
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.FEES, detail=gateway, amount=fee),
        Posting(ledger_account=LedgerAccount.CASH, detail=gateway, amount=-fee),
    )


def postings_of_receipt(*, bank: str, surplus: Money, unapplied: Money) -> tuple[Posting, ...]:
    """Money on the bank account that pays no document: more than was asked for is the customer's, the rest waits for its document."""
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.CASH, detail=bank, amount=surplus + unapplied),
        Posting(ledger_account=LedgerAccount.CUSTOMER_BALANCE, amount=-surplus),
        Posting(ledger_account=LedgerAccount.UNAPPLIED, amount=-unapplied),
    )


def postings_of_application(*, bank: str, applied: Money, surplus: Money) -> tuple[Posting, ...]:
    """Money that waited found its document. The cash comes back with the payment that this makes."""
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.UNAPPLIED, amount=applied + surplus),
        Posting(ledger_account=LedgerAccount.CASH, detail=bank, amount=-applied),
        Posting(ledger_account=LedgerAccount.CUSTOMER_BALANCE, amount=-surplus),
    )


def postings_of_write_off(rest: Money) -> tuple[Posting, ...]:
    """Nobody will pay what is left of a document; below zero: it is owed again."""
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.BAD_DEBT, amount=rest),
        Posting(ledger_account=LedgerAccount.RECEIVABLE, amount=-rest),
    )


def postings_of_lost_dispute(*, gateway: str, amount: Money) -> tuple[Posting, ...]:
    """The bank took a payment back for good: the document stays paid, the money is gone."""
    return _without_zeros(
        Posting(ledger_account=LedgerAccount.BAD_DEBT, amount=amount),
        Posting(ledger_account=LedgerAccount.CASH, detail=gateway, amount=-amount),
    )


def check_balance(entry: Entry) -> None:
    """Do nothing where an entry is one.

    Raises:
        ValueError: its postings do not add up to zero, mix currencies, or name one account twice: a defect of the caller.
    """
    if len({posting.amount.currency_code for posting in entry.postings}) > 1:
        raise ValueError(f"the postings of {entry.entry_id} mix currencies")
    if sum(posting.amount.minor for posting in entry.postings) != 0:
        raise ValueError(f"the postings of {entry.entry_id} do not add up to zero")
    if len({(posting.ledger_account, posting.detail) for posting in entry.postings}) != len(entry.postings):
        raise ValueError(f"{entry.entry_id} posts twice to one account")


@dataclass(frozen=True, kw_only=True)
class Balance:
    """One line of the trial balance, in one currency."""

    ledger_account: LedgerAccount
    detail: str
    currency_code: str
    debit: Money
    credit: Money  # as a positive amount

    @property
    def balance(self) -> Money:
        """Debits minus credits."""
        return self.debit - self.credit


def trial_balance(postings: Iterable[Posting]) -> list[Balance]:
    """Debits and credits of every account; in each currency both columns add up to the same."""
    sums: dict[tuple[str, LedgerAccount, str], list[int]] = {}
    for posting in postings:
        place = sums.setdefault((posting.amount.currency_code, posting.ledger_account, posting.detail), [0, 0])
        place[posting.amount.minor < 0] += abs(posting.amount.minor)
    order = list(LedgerAccount)
    return [
        Balance(ledger_account=account, detail=detail, currency_code=currency, debit=Money(debit, currency), credit=Money(credit, currency))
        for (currency, account, detail), (debit, credit) in sorted(
            sums.items(), key=lambda item: (item[0][0], order.index(item[0][1]), item[0][2])
        )
    ]


def _without_zeros(*postings: Posting) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount)
