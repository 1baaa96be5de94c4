"""What a bank statement says, whatever its version: statements and their entries, normalized."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from control.domain.money import Money
from warehouse.errors import InputError


class StatementError(InputError):
    """A file is no bank statement we can read, or contradicts itself. Nothing of it was taken."""


class EntryStatus(StrEnum):
    """Whether the money has moved."""

    BOOKED = "booked"
    PENDING = "pending"  # announced: it may never come, and comes again as booked
    INFORMATION = "information"


@dataclass(frozen=True, kw_only=True)
class StatementEntry:
    """One movement on our account; the parts of a batch are entries of their own. Empty texts were not given.

    `entry_id` is the same each time the same statement is read, and no other entry's: it is what an import is made once by.
    """

    entry_id: str
    account: str  # ours: the IBAN, else the bank's own number
    status: EntryStatus
    amount: Money  # above zero what came in, below zero what went out
    booked_date: date | None  # None while pending, where the bank does not tell
    value_date: date | None
    reference: str  # structured creditor reference as the bank passed it on, without separators; not checked
    text: str  # what the payer wrote, all of it, in one line
    payer_name: str
    payer_account: str
    end_to_end_id: str
    bank_reference: str  # the bank's own
    is_reversal: bool  # it undoes an earlier entry
    return_reason: str  # why a payment came back, such as `AC04`
    is_whole_batch: bool = False  # the bank does not say what it is made of


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of one account. The booked entries lead from `opening` to `closing`, where the bank tells both."""

    statement_id: str
    account: str
    currency_code: str
    opening: Money | None
    closing: Money | None
    entries: tuple[StatementEntry, ...]

    def __post_init__(self) -> None:
        if self.opening is None or self.closing is None:
            return
        booked = [entry.amount for entry in self.entries if entry.status is EntryStatus.BOOKED]
        reached = sum(booked, start=self.opening)
        if reached != self.closing:
            said = f"from {self.opening} its entries lead to {reached}, not to {self.closing}"
            raise StatementError(f"statement {self.statement_id} of {self.account} does not add up: {said}; ask the bank for it again")
