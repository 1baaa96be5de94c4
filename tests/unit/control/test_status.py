"""The state machines of invoices and payment attempts, and the ledger that mirrors them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from control.domain.ledger import LedgerAccount, postings_of_issue, postings_of_settlement
from control.domain.money import Money
from control.domain.status import INVOICE_TRANSITIONS, InvoiceStatus, PaymentStatus, StatusError, after_collecting, end, move
from tests.control_bench.builders import a_draft, usd


def test_only_drawn_transitions_exist() -> None:
    for status, to in itertools.product(InvoiceStatus, InvoiceStatus):
        if to in INVOICE_TRANSITIONS[status]:
            assert move(status, to) is to
        else:
            with pytest.raises(StatusError):
                move(status, to)


def test_a_paid_invoice_never_moves_again() -> None:
    assert INVOICE_TRANSITIONS[InvoiceStatus.PAID] == frozenset()


def test_a_payment_attempt_ends_once_and_never_in_pending() -> None:
    for status, to in itertools.product(PaymentStatus, PaymentStatus):
        if status is PaymentStatus.PENDING and to is not PaymentStatus.PENDING:
            assert end(status, to) is to
        else:
            with pytest.raises(StatusError):
                end(status, to)


class InvoiceMachine(RuleBasedStateMachine):
    """Collects, writes off and misbehaves in any order; the status must stay a function of what was collected."""

    def __init__(self) -> None:
        super().__init__()
        self.total, self.collected, self.status, self.is_written_off = usd(1000), usd(0), InvoiceStatus.ISSUED, False

    @rule(amount=st.integers(min_value=0, max_value=1000))
    def collect(self, amount: int) -> None:
        after = usd(min(self.collected.minor + amount, 1000))
        self.status = after_collecting(self.status, total=self.total, before=self.collected, collected=after)
        if after != self.collected:
            self.is_written_off = False
        self.collected = after

    @rule(amount=st.integers(min_value=1, max_value=5000))
    def collecting_too_much_or_less_than_before_is_refused(self, amount: int) -> None:
        for wrong in (self.total + usd(amount), self.collected - usd(amount)):
            with pytest.raises(StatusError):
                after_collecting(self.status, total=self.total, before=self.collected, collected=wrong)

    @precondition(lambda self: self.status in (InvoiceStatus.ISSUED, InvoiceStatus.PARTIALLY_PAID))
    @rule()
    def write_off(self) -> None:
        self.status = move(self.status, InvoiceStatus.UNCOLLECTIBLE)
        self.is_written_off = True

    @invariant()
    def status_follows_the_money(self) -> None:
        if self.is_written_off:
            expected = InvoiceStatus.UNCOLLECTIBLE
        elif self.collected == self.total:
            expected = InvoiceStatus.PAID
        else:
            expected = InvoiceStatus.PARTIALLY_PAID if self.collected else InvoiceStatus.ISSUED
        assert self.status is expected


TestInvoiceMachine = InvoiceMachine.TestCase


@given(st.integers(min_value=1, max_value=10**20))
def test_a_credit_note_is_paid_by_giving_all_of_it(amount: int) -> None:
    total = usd(-amount)
    status = after_collecting(InvoiceStatus.ISSUED, total=total, before=usd(0), collected=total)
    assert status is InvoiceStatus.PAID
    with pytest.raises(StatusError):
        after_collecting(InvoiceStatus.ISSUED, total=total, before=usd(0), collected=usd(amount))


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=5), st.integers(0, 10**6), st.integers(0, 30))
def test_every_document_posts_debits_equal_to_credits(amounts: list[int], used: int, percent: int) -> None:
    draft = a_draft(amounts=amounts, uses=[("c", used)] if used else [], percent=str(percent))
    postings = postings_of_issue(draft, {})
    assert sum(posting.amount.minor for posting in postings) == 0
    receivable = sum(posting.amount.minor for posting in postings if posting.ledger_account is LedgerAccount.RECEIVABLE)
    assert receivable == draft.total.minor


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_every_settlement_posts_debits_equal_to_credits(charged: int, balance: int) -> None:
    postings = postings_of_settlement(gateway="fake", charged=Money(charged, "USD"), from_balance=Money(balance, "USD"))
    assert sum(posting.amount.minor for posting in postings) == 0
