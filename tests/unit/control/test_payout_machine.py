"""Pay-outs, model-checked: whatever people and the bank do, books and bank agree."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from control.domain.payouts import PAYOUT_TRANSITIONS, Payout, PayoutStatus
from control.domain.refunds import RefundStatus
from control.services.payouts import cancel, export_payouts, list_payouts
from control.services.show import list_refunds
from control.services.verify import verify_ledger, verify_numbers
from control.testing.bank_statement import Transfer
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.bank import LATER, cash, give_back, given_paid_by_bank, statement, went_out
from tests.control_bench.builders import NOW
from tests.control_bench.stores import fresh_sqlite, opened
from warehouse.errors import RefusedError


class PayoutMachine(RuleBasedStateMachine):
    """People and the bank do anything at any time; a note stands where the money left, and the cash is what is at the bank."""

    path: Any

    @initialize()
    def open(self) -> None:
        self.context = opened(fresh_sqlite(self.path), self.path, gateways=lambda _: FakeGateway())
        self.control = self.context.__enter__()
        given_paid_by_bank(self.control)
        self.at_bank = 11_900
        self.numbers = count(1)

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.__exit__(None, None, None)

    @rule(minor=st.integers(1, 6_000))
    def ask(self, minor: int) -> None:
        promised = sum(one.amount.minor for one in list_refunds(self.control) if one.status is not RefundStatus.FAILED)
        if minor <= 11_900 - promised:
            give_back(self.control, minor)
        else:
            with pytest.raises(RefusedError):
                give_back(self.control, minor)

    @rule()
    def export(self) -> None:
        export_payouts(self.control, now=NOW)

    @rule(is_rejected=st.booleans(), data=st.data())
    def give_up(self, is_rejected: bool, data: st.DataObject) -> None:
        if payout := self.one(data):
            with suppress(RefusedError):
                cancel(self.control, payout.payout_id, reason="x", is_rejected=is_rejected, now=LATER)

    @rule(data=st.data())
    def bank_executes(self, data: st.DataObject) -> None:
        payout = self.one(data)
        if payout and payout.status is PayoutStatus.EXPORTED:
            statement(self.control, went_out(payout), number=next(self.numbers))
            self.at_bank -= payout.amount.minor

    @rule(data=st.data())
    def bank_sends_back(self, data: st.DataObject) -> None:
        payout = self.one(data)
        if payout and payout.status is PayoutStatus.BOOKED and payout.payout_id not in self.returned():
            back = Transfer(amount=payout.amount, end_to_end_id=payout.payout_id, return_reason="AC04")
            statement(self.control, back, number=next(self.numbers))
            self.at_bank += payout.amount.minor

    def one(self, data: st.DataObject) -> Payout | None:
        found = list_payouts(self.control)
        return data.draw(st.sampled_from(found)) if found else None

    def returned(self) -> set[str]:
        return {one.refund_id for one in list_refunds(self.control) if "sent it back" in one.message}

    @invariant()
    def the_books_say_what_happened(self) -> None:
        if not hasattr(self, "at_bank"):
            return
        assert cash(self.control) == self.at_bank
        status = {payout.payout_id: payout.status for payout in list_payouts(self.control)}
        for refund in list_refunds(self.control):
            assert (refund.status is RefundStatus.SUCCEEDED) == (status[refund.refund_id] is PayoutStatus.BOOKED) == bool(refund.note_id)
        assert (verify_ledger(self.control), verify_numbers(self.control)) == ([], [])


def test_the_state_machine_of_pay_outs_follows_its_drawing(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert PAYOUT_TRANSITIONS[PayoutStatus.FAILED] == frozenset()
    machine = type("Machine", (PayoutMachine,), {"path": tmp_path_factory.mktemp("payouts")}).TestCase
    machine.settings = hypothesis_settings(max_examples=8, stateful_step_count=12, deadline=None)
    machine("runTest").runTest()
