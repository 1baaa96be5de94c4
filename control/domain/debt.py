"""What an account owes at an instant, read from its ledger lines: claims, credit, what is overdue and since when.

Everything is a function of the lines posted before that instant, so the same look gives the same answer whenever it is
taken, and a policy can be replayed on history. Days are UTC days; a claim is overdue from the day after its due date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from control.domain.documents import Kind
from control.domain.ledger import LedgerAccount, Source
from control.domain.money import Money


@dataclass(frozen=True, kw_only=True)
class DebtDocument:
    """What a claim is about. Only invoices and debit notes ask for money."""

    invoice_id: str
    invoice_number: str
    account_id: str
    kind: Kind
    due_date: date
    currency_code: str

    @property
    def is_claim(self) -> bool:
        """Whether somebody has to pay it."""
        return self.kind in (Kind.INVOICE, Kind.DEBIT_NOTE)


@dataclass(frozen=True, kw_only=True)
class LedgerLine:
    """One posting of an account, as far as debt is concerned: receivable, customer_balance or bad_debt."""

    posted_at: datetime
    account_id: str
    invoice_id: str
    ledger_account: LedgerAccount
    source: Source
    amount: Money


@dataclass(frozen=True, kw_only=True)
class Hold:
    """The time in which a claim does not count: its customer says that it is wrong. `lifted_at` None: still."""

    invoice_id: str
    placed_at: datetime
    lifted_at: datetime | None


class PromiseStatus(StrEnum):
    """How a promise to pay stands. It is never stored: money and the calendar decide."""

    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """The word of a customer to pay an amount until the end of a day."""

    promise_id: str
    account_id: str
    amount: Money
    promised_for: date
    made_at: datetime
    actor: str
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is open of one document, above zero. `hold` says why it does not count now, and is empty where it does."""

    invoice_id: str
    invoice_number: str
    due_date: date
    open: Money
    hold: str = ""


@dataclass(frozen=True, kw_only=True)
class Position:
    """What an account owes. Claims are by due date, and less what the account has in its favour."""

    account_id: str
    currency_code: str
    claims: tuple[Claim, ...] = ()
    credit: Money  # in the account's favour after all claims
    written_off: Money
    promise: Promise | None = None  # an open one, with the latest day
    promises_ended: tuple[datetime, ...] = ()  # when those were made that were kept or broken

    def overdue(self, today: date) -> tuple[Claim, ...]:
        """Claims whose due date has passed and that nothing holds."""
        return tuple(claim for claim in self.claims if claim.due_date < today and not claim.hold)

    def anchor(self, today: date) -> date | None:
        """The earliest unpaid due date that has passed: where the clock of dunning starts. None: nothing is overdue."""
        return min((claim.due_date for claim in self.overdue(today)), default=None)

    def overdue_amount(self, today: date) -> Money:
        """The sum of what is overdue."""
        return Money(sum(claim.open.minor for claim in self.overdue(today)), self.currency_code)

    def round(self, anchor: date) -> int:
        """How many promises ended since the anchor's due date: after each one the steps begin anew."""
        return sum(made_at.date() >= anchor for made_at in self.promises_ended)


@dataclass(frozen=True, kw_only=True)
class AccountDebt:
    """Everything that positions of one account are read from."""

    account_id: str
    currency_code: str
    documents: Mapping[str, DebtDocument]
    lines: Sequence[LedgerLine]
    holds: Sequence[Hold] = ()
    promises: Sequence[Promise] = ()
    under_way: Collection[str] = ()  # invoice_id of documents whose payment has no end yet

    def position(self, *, before: datetime, today: date, counts_under_way: bool = True) -> Position:
        """What is owed by the lines posted before an instant, on a day.

        Args:
            before: exclusive.
            today: decides whether a promise still runs.
            counts_under_way: whether claims whose payment has no end yet are held; that is known of the present only.
        """
        lines = [line for line in self.lines if line.posted_at < before]
        open_minor: dict[str, int] = defaultdict(int)
        balance = written_off = 0
        for line in lines:
            match line.ledger_account:
                case LedgerAccount.RECEIVABLE:
                    open_minor[line.invoice_id] += line.amount.minor
                case LedgerAccount.CUSTOMER_BALANCE:
                    balance -= line.amount.minor
                case LedgerAccount.BAD_DEBT if line.source is Source.WRITE_OFF:
                    written_off += line.amount.minor
        held = {hold.invoice_id for hold in self.holds if hold.placed_at < before and (hold.lifted_at is None or hold.lifted_at >= before)}
        claims: list[Claim] = []
        credit = max(balance, 0)
        for invoice_id, minor in open_minor.items():
            document = self.documents.get(invoice_id)
            if document is None or not minor:
                continue
            if minor < 0:
                # A refund note's money is on its way to the customer already.
                credit += -minor if document.kind is Kind.CREDIT_NOTE else 0
            elif document.is_claim:
                reason = "disputed by the customer" if invoice_id in held else ""
                if counts_under_way and invoice_id in self.under_way:
                    reason = reason or "a payment of it has no end yet"
                claims.append(
                    Claim(
                        invoice_id=invoice_id,
                        invoice_number=document.invoice_number,
                        due_date=document.due_date,
                        open=Money(minor, self.currency_code),
                        hold=reason,
                    )
                )
        states = {promise.promise_id: self._status(promise, lines, before=before, today=today) for promise in self.promises}
        known = [promise for promise in self.promises if promise.made_at < before]
        running = [promise for promise in known if states[promise.promise_id] is PromiseStatus.OPEN]
        ended = [promise for promise in known if states[promise.promise_id] in (PromiseStatus.KEPT, PromiseStatus.BROKEN)]
        claims, credit = _take_credit(claims, credit)
        return Position(
            account_id=self.account_id,
            currency_code=self.currency_code,
            claims=tuple(claims),
            credit=Money(credit, self.currency_code),
            written_off=Money(max(written_off, 0), self.currency_code),
            promise=max(running, key=lambda promise: promise.promised_for, default=None),
            promises_ended=tuple(sorted(promise.made_at for promise in ended)),
        )

    def status(self, promise: Promise, *, before: datetime, today: date) -> PromiseStatus:
        """How a promise stands by the lines posted before an instant, on a day."""
        return self._status(promise, [line for line in self.lines if line.posted_at < before], before=before, today=today)

    def _status(self, promise: Promise, lines: Iterable[LedgerLine], *, before: datetime, today: date) -> PromiseStatus:
        if promise.withdrawn_at is not None and promise.withdrawn_at < before:
            return PromiseStatus.WITHDRAWN
        end = start_of(promise.promised_for + timedelta(days=1))
        paid = -sum(
            line.amount.minor
            for line in lines
            if line.ledger_account is LedgerAccount.RECEIVABLE and line.source is Source.PAYMENT and promise.made_at <= line.posted_at < end
        )
        if paid >= promise.amount.minor:
            return PromiseStatus.KEPT
        return PromiseStatus.OPEN if today <= promise.promised_for else PromiseStatus.BROKEN


def start_of(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime.combine(day, time(), UTC)


def _take_credit(claims: Sequence[Claim], credit: int) -> tuple[list[Claim], int]:
    """Claims less what the account has in its favour, and what is left of that: nobody is dunned for money that we hold.

    The oldest claims that count come first.
    """
    left = []
    for claim in sorted(claims, key=lambda claim: (bool(claim.hold), claim.due_date, claim.invoice_number)):
        used = min(credit, claim.open.minor)
        credit -= used
        if claim.open.minor > used:
            left.append(replace(claim, open=Money(claim.open.minor - used, claim.open.currency_code)))
    return sorted(left, key=lambda claim: (claim.due_date, claim.invoice_number)), credit
