"""Money that came in on our bank account, as a statement tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from control.domain.money import Money


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One credit entry of a bank statement. Importing the same statement again gives the same `receipt_id`."""

    receipt_id: str
    bank_account: str
    booked_date: date
    amount: Money  # above zero
    payer: str
    remittance: str  # what the payer wrote, references included
    payer_account: str = ""  # empty where the bank did not tell


class ReceiptResult(StrEnum):
    """What an import did with one entry."""

    PAID = "paid"  # its document is settled
    PARTLY_PAID = "partly_paid"  # its document asks for more
    WAITING = "waiting"  # no document found, or a card payment of it has no end yet
    KNOWN = "known"  # imported before
    PAID_OUT = "paid_out"  # a refund that we transferred, or one that came back
    SKIPPED = "skipped"  # other money that went out


@dataclass(frozen=True, kw_only=True)
class ReceiptOutcome:
    """One entry of an import."""

    receipt_id: str
    booked_date: date
    amount: Money
    payer: str
    result: ReceiptResult
    invoice_number: str = ""
    message: str = ""
