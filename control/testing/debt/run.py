"""Plays months of a population under a policy, audits each step by other means, and counts what came of it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from control.domain.debt import Promise, start_of
from control.domain.dunning import Decision, Policy, StepKind, decide
from control.domain.money import Money
from control.domain.retries import DeclinedTry, next_retry
from control.testing.debt.behaviours import BEHAVIOURS, Behaviour
from control.testing.debt.customer import CURRENCY, LOOK_HOUR, Bill, Customer, at

FIRST_DAY = date(2024, 1, 1)
# Cards are charged this long after an invoice is issued.
PUSH_DAYS = 2
# After the last invoice the world goes on, so that its debts come to an end: longer than any standard policy takes.
RUN_OUT_DAYS = 240


@dataclass(kw_only=True)
class Figures:
    """What came of one behaviour, or of all."""

    behaviour: str
    accounts: int = 0
    invoices: int = 0
    invoiced: Money = field(default_factory=lambda: Money(0, CURRENCY))
    recovered: Money = field(default_factory=lambda: Money(0, CURRENCY))
    recovered_overdue: Money = field(default_factory=lambda: Money(0, CURRENCY))  # of that, after the due date
    written_off: Money = field(default_factory=lambda: Money(0, CURRENCY))
    still_open: Money = field(default_factory=lambda: Money(0, CURRENCY))
    days_to_pay: int = 0  # the sum over paid invoices
    invoices_paid: int = 0
    mails: int = 0
    retries: int = 0
    accounts_suspended: int = 0
    suspensions: int = 0
    wrongly_suspended: int = 0  # accounts of good payers
    policy_errors: int = 0  # steps that the audit, which knows the truth, does not allow

    @property
    def mean_days_to_pay(self) -> str:
        """From issue, over the invoices that were paid."""
        return f"{self.days_to_pay / self.invoices_paid:.1f}" if self.invoices_paid else ""


def simulate(policy: Policy, *, seed: int, accounts: int, months: int, say: Callable[[str], None] = lambda _: None) -> list[Figures]:
    """Play a population, and return the figures of each behaviour and, last, of all.

    Args:
        policy: whose steps are taken.
        seed: the same seed is the same population with the same luck.
        accounts: how many.
        months: of invoices, one a month.
        say: is told what the audit finds, one sentence each.
    """
    figures = [Figures(behaviour=behaviour.name) for behaviour in BEHAVIOURS]
    for number, (behaviour, found) in _population(accounts, figures):
        customer = Customer(
            account_id=f"sim-{number:05d}",
            behaviour=behaviour.name,
            chance=random.Random(f"{seed}:{number}"),  # noqa: S311 - repeatable luck, no secret
            card=f"card-{number}-0" if behaviour.has_card else "",
        )
        _Life(customer=customer, behaviour=behaviour, policy=policy, figures=found, say=say).play(months)
    return [*figures, _sum(figures)]


def _population(accounts: int, figures: Sequence[Figures]) -> Iterator[tuple[int, tuple[Behaviour, Figures]]]:
    """Behaviours in proportion to their shares, however many accounts there are."""
    wheel = [(behaviour, found) for behaviour, found in zip(BEHAVIOURS, figures, strict=True) for _ in range(behaviour.share)]
    for number in range(accounts):
        # 37 and the wheel's length have no common divisor: each share comes up once a round, well mixed.
        yield number, wheel[number * 37 % len(wheel)]


@dataclass(kw_only=True)
class _Life:
    """One customer under one policy."""

    customer: Customer
    behaviour: Behaviour
    policy: Policy
    figures: Figures
    say: Callable[[str], None]

    def play(self, months: int) -> None:
        day = FIRST_DAY
        issued = 0
        last = _month_start(months) + timedelta(days=RUN_OUT_DAYS)
        while day <= last:
            # Who is suspended uses nothing, and gets no invoice.
            if day.day == 1 and issued < months:
                issued += 1
                if not self.customer.standing.is_suspended:
                    self._bill(day)
            self._happen(day)
            if self.customer.standing.is_suspended or self.customer.standing.is_restricted or self._owes(day):
                self._look(day)
            day += timedelta(days=1)
        self._count()

    def _bill(self, day: date) -> None:
        minor = int(self.customer.chance.lognormvariate(9.5, 1.2)) + 100
        bill = self.customer.issue(minor, day)
        if self.customer.card:
            self.customer.plan("charge", bill, day + timedelta(days=PUSH_DAYS))
        self.behaviour.billed(self.customer, bill, day)

    def _happen(self, day: date) -> None:
        """What was planned for a day."""
        customer = self.customer
        for what, invoice_id, minor in customer.plans.pop(day, ()):
            bill = customer.bills[invoice_id]
            match what:
                case "pay" | "hear":
                    customer.unassigned.pop(invoice_id, None)
                    customer.unheard.pop(invoice_id, None)
                    customer.receive(bill, minor, day)
                case "name":
                    customer.unassigned[invoice_id] = minor
                case "charge":
                    self._charge(bill, day)
                case "card":
                    customer.card, customer.is_card_good = f"{customer.card.rpartition('-')[0]}-{day:%y%m%d}", True

    def _charge(self, bill: Bill, day: date) -> None:
        if not bill.open:
            return
        code = self.behaviour.charged(self.customer, bill, day)
        if not code:
            self.customer.receive(bill, bill.open, day)
        elif code != "lost":
            bill.tries.append(DeclinedTry(at=at(day, LOOK_HOUR), code=code, payment_method_id=self.customer.card))

    def _owes(self, day: date) -> bool:
        return any(bill.due < day and bill.open for bill in self.customer.bills.values())

    def _look(self, day: date) -> None:
        customer = self.customer
        decision = self._decide(day)
        if decision.is_hard:
            # As the service does: the gateway is asked, and money that waits on the bank account is looked through.
            for invoice_id, minor in list(customer.unheard.items()):
                del customer.unheard[invoice_id]
                customer.receive(customer.bills[invoice_id], minor, day)
            if any(bill in customer.unassigned for bill in (claim.invoice_id for claim in decision.claims)):
                return
            decision = self._decide(day)
        was_suspended = customer.standing.is_suspended
        for step in customer.standing.take(customer.account_id, decision):
            if step.step.startswith(StepKind.MAIL):
                self.figures.mails += 1
                self.behaviour.mailed(customer, self._oldest(), day)
        if decision.steps:
            self._audit(decision, day)
        if any(step.kind is StepKind.WRITE_OFF for step in decision.steps):
            for claim in decision.claims:
                customer.write_off(customer.bills[claim.invoice_id], day)
        if customer.standing.is_suspended and not was_suspended:
            customer.counts["suspensions"] += 1
            self.behaviour.suspended(customer, self._oldest(), day)
        if decision.retries:
            self._retry(decision, day)

    def _decide(self, day: date) -> Decision:
        debt = self.customer.debt
        return decide(
            self.policy,
            start=debt.position(before=start_of(day), today=day),
            now=debt.position(before=at(day, LOOK_HOUR), today=day),
            progress=self.customer.standing.progress,
            today=day,
        )

    def _retry(self, decision: Decision, day: date) -> None:
        for claim in decision.claims:
            bill = self.customer.bills[claim.invoice_id]
            due_at = next_retry(self.policy.retry, bill.tries, payment_method_id=self.customer.card)
            if bill.open and due_at is not None and due_at <= at(day, LOOK_HOUR):
                self.figures.retries += 1
                self._charge(bill, day)

    def _oldest(self) -> Bill:
        return min(self.customer.bills.values(), key=lambda bill: (not bill.open, bill.due))

    def _audit(self, decision: Decision, day: date) -> None:
        """Hold a step against the bills themselves, without ledger, positions or states."""
        customer, state = self.customer, decision.state
        held = {hold.invoice_id for hold in customer.holds if hold.lifted_at and hold.placed_at < at(day, LOOK_HOUR) <= hold.lifted_at}
        owed = [bill for bill in customer.bills.values() if bill.open and bill.due < day and bill.invoice_id not in held]
        problem = ""
        if state is None or not owed:
            problem = "nothing is owed"
        elif day < min(bill.due for bill in owed) + timedelta(days=state.days):
            problem = "it is not yet its day"
        elif any(self._runs(promise, day) for promise in customer.promises):
            problem = "a promise runs"
        elif decision.is_hard and any(bill.invoice_id in customer.unassigned or bill.invoice_id in customer.unheard for bill in owed):
            problem = "the money is on its way"
        if problem:
            self.figures.policy_errors += 1
            self.say(f"{customer.account_id} ({customer.behaviour}) on {day}: {', '.join(map(str, decision.steps))}, but {problem}")

    def _runs(self, promise: Promise, day: date) -> bool:
        """Whether a promise from before this day is neither kept nor past its day."""
        made = promise.made_at.date()
        paid = sum(minor for paid_on, minor in self.customer.payments if paid_on > made)  # promises are made after a day's payments
        return made < day <= promise.promised_for and paid < promise.amount.minor

    def _count(self) -> None:
        found, customer = self.figures, self.customer
        found.accounts += 1
        suspensions = customer.counts["suspensions"]
        found.suspensions += suspensions
        found.accounts_suspended += bool(suspensions)
        found.wrongly_suspended += bool(suspensions) and self.behaviour.is_good
        overdue: dict[str, int] = defaultdict(int)
        for line in customer.lines:
            if line.source.value == "payment" and line.posted_at >= start_of(customer.bills[line.invoice_id].due + timedelta(days=1)):
                overdue[line.invoice_id] -= line.amount.minor
        for bill in customer.bills.values():
            found.invoices += 1
            found.invoiced += Money(bill.minor, CURRENCY)
            found.recovered += Money(bill.paid, CURRENCY)
            found.recovered_overdue += Money(overdue[bill.invoice_id], CURRENCY)
            found.written_off += Money(bill.minor - bill.paid if bill.is_written_off else 0, CURRENCY)
            found.still_open += Money(bill.open, CURRENCY)
            if bill.settled:
                found.invoices_paid += 1
                found.days_to_pay += (bill.settled - bill.issued).days


def _month_start(months: int) -> date:
    return date(FIRST_DAY.year + (FIRST_DAY.month - 1 + months) // 12, (FIRST_DAY.month - 1 + months) % 12 + 1, 1)


def _sum(figures: Sequence[Figures]) -> Figures:
    total = Figures(behaviour="all")
    for one in figures:
        for name in vars(one):
            if name != "behaviour":
                setattr(total, name, getattr(total, name) + getattr(one, name))
    return total
