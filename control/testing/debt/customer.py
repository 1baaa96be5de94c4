"""One simulated customer: its books with us, its cards, and money that is on its way."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from control.domain.debt import AccountDebt, DebtDocument, Hold, LedgerLine, Promise, start_of
from control.domain.documents import Kind
from control.domain.dunning_replay import Standing
from control.domain.ledger import LedgerAccount, Source
from control.domain.money import Money
from control.domain.retries import DeclinedTry

CURRENCY = "EUR"
PAYMENT_TERMS_DAYS = 14
# Payments are written before the look of their day.
PAYMENT_HOUR, LOOK_HOUR = 5, 6


@dataclass(kw_only=True)
class Bill:
    """An invoice as its customer and the simulation's audit know it, beside the ledger."""

    invoice_id: str
    issued: date
    due: date
    minor: int
    paid: int = 0
    settled: date | None = None
    is_written_off: bool = False
    tries: list[DeclinedTry] = field(default_factory=list)

    @property
    def open(self) -> int:
        """What is left to pay."""
        return 0 if self.is_written_off else self.minor - self.paid


@dataclass(kw_only=True)
class Customer:
    """An account and its world. `card` is the id of the card that is charged; empty: pays by bank."""

    account_id: str
    behaviour: str
    chance: random.Random
    card: str = ""
    is_card_good: bool = True
    bills: dict[str, Bill] = field(default_factory=dict)
    documents: dict[str, DebtDocument] = field(default_factory=dict)
    lines: list[LedgerLine] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    standing: Standing = field(default_factory=lambda: Standing(progress={}))
    plans: dict[date, list[tuple[str, str, int]]] = field(default_factory=lambda: defaultdict(list))  # day: (what, invoice, minor)
    payments: list[tuple[date, int]] = field(default_factory=list)
    unassigned: dict[str, int] = field(default_factory=dict)  # money on our bank account that named no invoice
    unheard: dict[str, int] = field(default_factory=dict)  # paid at the gateway, and we have not heard of it
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def debt(self) -> AccountDebt:
        """What positions are read from."""
        return AccountDebt(
            account_id=self.account_id,
            currency_code=CURRENCY,
            documents=self.documents,
            lines=self.lines,
            holds=self.holds,
            promises=self.promises,
        )

    def issue(self, minor: int, day: date) -> Bill:
        """Get an invoice."""
        number = f"{self.account_id}-{len(self.bills) + 1:02d}"
        bill = Bill(invoice_id=number, issued=day, due=day + timedelta(days=PAYMENT_TERMS_DAYS), minor=minor)
        self.bills[number] = bill
        self.documents[number] = DebtDocument(
            invoice_id=number,
            invoice_number=number,
            account_id=self.account_id,
            kind=Kind.INVOICE,
            due_date=bill.due,
            currency_code=CURRENCY,
        )
        self._post(number, LedgerAccount.RECEIVABLE, Source.DOCUMENT, minor, at(day, 1))
        return bill

    def plan(self, what: str, bill: Bill, day: date, minor: int = 0) -> None:
        """Something will happen: `pay`, `name` a payment, `hear` of a payment, `release` a dispute."""
        self.plans[day].append((what, bill.invoice_id, minor))

    def receive(self, bill: Bill, minor: int, day: date) -> None:
        """Money for an invoice is in the ledger; no more than is open."""
        minor = min(minor, bill.open)
        if minor <= 0:
            return
        bill.paid += minor
        self.payments.append((day, minor))
        if not bill.open:
            bill.settled = day
        self._post(bill.invoice_id, LedgerAccount.RECEIVABLE, Source.PAYMENT, -minor, at(day, PAYMENT_HOUR))

    def write_off(self, bill: Bill, day: date) -> None:
        """Nobody will pay what is left."""
        rest = bill.open
        self._post(bill.invoice_id, LedgerAccount.RECEIVABLE, Source.WRITE_OFF, -rest, at(day, LOOK_HOUR))
        self._post(bill.invoice_id, LedgerAccount.BAD_DEBT, Source.WRITE_OFF, rest, at(day, LOOK_HOUR))
        bill.is_written_off = True

    def dispute(self, bill: Bill, day: date, *, until: date) -> None:
        """Say that an invoice is wrong; somebody finds out until a day."""
        self.holds.append(Hold(invoice_id=bill.invoice_id, placed_at=at(day, 2), lifted_at=at(until, 2)))

    def _post(self, invoice_id: str, account: LedgerAccount, source: Source, minor: int, posted_at: datetime) -> None:
        self.lines.append(
            LedgerLine(
                posted_at=posted_at,
                account_id=self.account_id,
                invoice_id=invoice_id,
                ledger_account=account,
                source=source,
                amount=Money(minor, CURRENCY),
            )
        )


def at(day: date, hour: int) -> datetime:
    """An instant of a day."""
    return start_of(day) + timedelta(hours=hour)
