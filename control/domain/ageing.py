"""Ageing: what is open, by how long it is overdue. The columns of a line add up to the ledger's receivable of the account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from control.domain.debt import DebtDocument, LedgerLine
from control.domain.ledger import LedgerAccount
from control.domain.money import Money

# Name of a bucket to the first day overdue that falls in it.
BUCKETS = (("over_90", 91), ("days_61_90", 61), ("days_31_60", 31), ("days_1_30", 1))
CURRENT, CREDIT = "current", "credit"
COLUMNS = (CURRENT, "days_1_30", "days_31_60", "days_61_90", "over_90", CREDIT)


@dataclass(frozen=True, kw_only=True)
class Ageing:
    """One account in one currency. `current` is not due yet, `credit` (below zero) are notes that nobody settled yet."""

    account_id: str
    currency_code: str
    buckets: Mapping[str, Money]

    @property
    def receivable(self) -> Money:
        """The sum: the ledger's receivable."""
        return Money(sum(amount.minor for amount in self.buckets.values()), self.currency_code)


def ageing(documents: Mapping[str, DebtDocument], lines: Iterable[LedgerLine], *, today: date) -> list[Ageing]:
    """The ageing of accounts with something open, by account and currency.

    Args:
        documents: by invoice_id, all that lines name.
        lines: those of the receivable are read.
        today: the UTC day that is asked about.
    """
    open_minor: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.ledger_account is LedgerAccount.RECEIVABLE:
            open_minor[line.invoice_id] += line.amount.minor
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COLUMNS, 0))
    for invoice_id, minor in open_minor.items():
        if minor:
            document = documents[invoice_id]
            name = CREDIT if minor < 0 else bucket((today - document.due_date).days)
            sums[document.account_id, document.currency_code][name] += minor
    return [
        Ageing(account_id=account_id, currency_code=currency, buckets={name: Money(minor, currency) for name, minor in row.items()})
        for (account_id, currency), row in sorted(sums.items())
    ]


def bucket(days_overdue: int) -> str:
    """The column of a claim that is this many days past its due date."""
    return next((name for name, first in BUCKETS if days_overdue >= first), CURRENT)
