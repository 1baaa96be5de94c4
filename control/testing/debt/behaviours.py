"""How simulated customers behave. Each behaviour answers four events: an invoice, a card that is charged, a mail, a suspension.

Good payers always pay in time; what delays their money is never theirs: a slow bank, a transfer that nobody could place, a
card that fails once for no reason, a gateway whose message was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from control.domain.debt import Promise
from control.domain.money import Money
from control.testing.debt.customer import CURRENCY, Bill, Customer, at


def _nothing(_customer: Customer, _bill: Bill, _day: date) -> None:
    """Do nothing."""


def _accepts(_customer: Customer, _bill: Bill, _day: date) -> str:
    """Let every charge through."""
    return ""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A kind of customer. `share` is its part of a population, `charged` answers a decline code or nothing."""

    name: str
    share: int
    has_card: bool = False
    is_good: bool = False
    billed: Callable[[Customer, Bill, date], None] = _nothing
    charged: Callable[[Customer, Bill, date], str] = _accepts
    mailed: Callable[[Customer, Bill, date], None] = _nothing
    suspended: Callable[[Customer, Bill, date], None] = _nothing


def _pays_all(customer: Customer, day: date) -> None:
    for bill in customer.bills.values():
        if bill.open:
            customer.plan("pay", bill, day, bill.open)


def _in(customer: Customer, day: date, first: int, last: int) -> date:
    return day + timedelta(days=customer.chance.randint(first, last))


def _good_card(customer: Customer, bill: Bill, day: date) -> str:
    if customer.chance.random() < 0.02 and not bill.tries:
        return "processing_error"
    if customer.chance.random() < 0.01:
        customer.unheard[bill.invoice_id] = bill.open
        customer.plan("hear", bill, _in(customer, day, 1, 60), bill.open)
        return "lost"
    return ""


def _good_bank(customer: Customer, bill: Bill, _day: date) -> None:
    sent = bill.due - timedelta(days=customer.chance.randint(0, 8))
    arrives = _in(customer, sent, 1, 3)
    if customer.chance.random() < 0.03:
        customer.plan("name", bill, arrives, bill.minor)
        customer.plan("pay", bill, _in(customer, arrives, 5, 60), bill.minor)
    else:
        customer.plan("pay", bill, arrives, bill.minor)


def _late(customer: Customer, bill: Bill, _day: date) -> None:
    customer.plan("pay", bill, _in(customer, bill.due, 4, 28), bill.minor)


def _forgetful(customer: Customer, _bill: Bill, day: date) -> None:
    if customer.chance.random() < 0.7:
        _pays_all(customer, _in(customer, day, 1, 5))


def _wakes_up(customer: Customer, _bill: Bill, day: date) -> None:
    _pays_all(customer, _in(customer, day, 1, 3))


def _short(customer: Customer, _bill: Bill, day: date) -> str:
    is_payday = day.day in (1, 2, 15, 16)
    return "" if customer.chance.random() < (0.7 if is_payday else 0.15) else "insufficient_funds"


def _expired(customer: Customer, bill: Bill, _day: date) -> str:
    if len(customer.bills) % 9 == 4 and customer.card.endswith(f"-{len(customer.bills) // 9}"):
        customer.is_card_good = False
    return "" if customer.is_card_good or bill.paid else "expired_card"


def _new_card(customer: Customer, _bill: Bill, day: date) -> None:
    if not customer.is_card_good and customer.chance.random() < 0.6:
        customer.plan("card", _bill, _in(customer, day, 1, 6))


def _partial(customer: Customer, bill: Bill, _day: date) -> None:
    half = bill.minor // 2
    customer.plan("pay", bill, _in(customer, bill.due, -3, 5), half)
    customer.plan("pay", bill, _in(customer, bill.due, 15, 45), bill.minor - half)


def _promises(customer: Customer, _bill: Bill, day: date) -> None:
    overdue = sum(bill.open for bill in customer.bills.values() if bill.due < day)
    is_running = any(promise.promised_for >= day for promise in customer.promises)
    if not overdue or is_running or customer.chance.random() < 0.3:
        return
    promised_for = _in(customer, day, 5, 14)
    promise = Promise(
        promise_id=str(len(customer.promises)),
        account_id=customer.account_id,
        amount=Money(overdue, CURRENCY),
        promised_for=promised_for,
        made_at=at(day, 12),
        actor="simulation",
    )
    customer.promises.append(promise)
    customer.counts["promises"] += 1
    is_kept = customer.chance.random() < 0.6
    _pays_all(customer, promised_for if is_kept else _in(customer, promised_for, 5, 30))


def _disputes(customer: Customer, bill: Bill, day: date) -> None:
    if customer.chance.random() < 0.15:
        until = _in(customer, bill.due, 10, 60)
        customer.dispute(bill, day, until=until)
        customer.counts["disputes"] += 1
        customer.plan("pay", bill, _in(customer, until, -2, 12), bill.minor)
    else:
        customer.plan("pay", bill, _in(customer, bill.due, -5, 0), bill.minor)


def _insolvent(customer: Customer, bill: Bill, _day: date) -> None:
    last = customer.counts["months_of_money"] or customer.chance.randint(2, 20)
    customer.counts["months_of_money"] = last
    if len(customer.bills) <= last:
        customer.plan("pay", bill, _in(customer, bill.due, -5, 3), bill.minor)


BEHAVIOURS = (
    Behaviour(name="good_card", share=34, has_card=True, is_good=True, charged=_good_card),
    Behaviour(name="good_bank", share=26, is_good=True, billed=_good_bank),
    Behaviour(name="late", share=9, billed=_late),
    Behaviour(name="forgetful", share=8, mailed=_forgetful, suspended=_wakes_up),
    Behaviour(name="short_of_money", share=6, has_card=True, charged=_short, suspended=_wakes_up),
    Behaviour(name="expired_card", share=5, has_card=True, charged=_expired, mailed=_new_card, suspended=_new_card),
    Behaviour(name="partial", share=3, billed=_partial),
    Behaviour(name="promiser", share=3, mailed=_promises, suspended=_wakes_up),
    Behaviour(name="disputer", share=3, billed=_disputes),
    Behaviour(name="insolvent", share=3, billed=_insolvent),
)
