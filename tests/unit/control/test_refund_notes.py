"""Refund notes as arithmetic, and payments with their refunds as a state machine."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from control.domain.documents import IssuedInvoice, issue, problems
from control.domain.parties import Seller
from control.domain.refunds import Refunded, refund_note
from control.domain.status import InvoiceStatus
from control.services.push import push
from control.services.receive import receive
from control.services.refund import refund_invoice
from control.services.show import show_invoice
from control.services.verify import verify_ledger, verify_numbers
from control.services.work import work
from control.store.tables import refunds
from tests.contract.fake_gateway import PAYS, FakeGateway
from tests.control_bench.builders import NOW, a_draft, an_account, given_account_with_card, given_invoices, usd
from tests.control_bench.stores import fresh_sqlite, opened
from warehouse.errors import RefusedError


@given(
    amounts=st.lists(st.integers(min_value=-500, max_value=10**7), min_size=1, max_size=6),
    percent=st.decimals(min_value=0, max_value=30, places=2),
    cuts=st.lists(st.integers(min_value=1, max_value=10**7), max_size=4),
)
def test_every_note_adds_up_and_all_notes_take_back_the_document(amounts: list[int], percent: Decimal, cuts: list[int]) -> None:
    if sum(amounts) <= 0:
        return
    invoice = _issued(amounts, percent)
    left, before = invoice.content.total, Refunded(net=usd(0), gross=usd(0))
    for cut in [*cuts, left.minor]:
        amount = usd(min(cut, left.minor))
        if not amount.minor:
            continue
        note = refund_note(invoice, note_id="note", amount=amount, before=before, period="2026-02")
        assert problems(note) == []
        assert note.total == -amount
        assert note.subtotal.minor <= 0 >= note.tax.minor
        left -= amount
        before = Refunded(net=before.net - note.subtotal, gross=before.gross + amount)
    assert (before.net, before.gross) == (invoice.content.subtotal, invoice.content.total)


def _issued(amounts: list[int], percent: Decimal) -> IssuedInvoice:
    nobody = Seller(legal_name="", address="", postal_code="", city="", country_code="", tax_id="")
    draft = a_draft(amounts=amounts, percent=str(percent))
    return issue(draft, invoice_number="INV-1", seller=nobody, buyer=an_account().buyer, issued_at=NOW, due_date=NOW.date())


class PaymentMachine(RuleBasedStateMachine):
    """Pays, gives back, loses answers and hears late, in any order; gateway, documents and ledger agree after every step."""

    path: Any

    @initialize()
    def open(self) -> None:
        self.gateway = FakeGateway()
        self.context = opened(fresh_sqlite(self.path), self.path, gateways=lambda _: self.gateway)
        self.control = self.context.__enter__()
        self.now = NOW
        given_account_with_card(self.control, token=PAYS)
        given_invoices(self.control, a_draft(percent="19"))

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.__exit__(None, None, None)

    @rule(fault=st.sampled_from(["drop_after", "drop_before", "error_after", "error_before", "rate_limit"]))
    def go_wrong(self, fault: Any) -> None:  # noqa: ANN401 - a Fault
        for operation in ("pay_invoice", "ensure_refund"):
            self.gateway.plan(fault, operation)

    @rule()
    def pay(self) -> None:
        push(self.control, now=self.now)

    @rule(minor=st.integers(min_value=1, max_value=12_000))
    def give_back(self, minor: int) -> None:
        left = 11_900 - sum(row.amount_minor for row in self._refunds() if row.status != "failed")
        if self._invoice().status is not InvoiceStatus.PAID or minor > left:
            with pytest.raises(RefusedError):
                refund_invoice(self.control, "INV-000001", amount=usd(minor), reason="x", actor="ada", now=self.now)
        else:
            refund_invoice(self.control, "INV-000001", amount=usd(minor), reason="x", actor="ada", now=self.now)

    @rule(stay=st.booleans())
    def banks_take_their_time(self, stay: bool) -> None:
        self.gateway.refunds_stay_pending = stay

    @rule(succeeds=st.booleans())
    def banks_decide(self, succeeds: bool) -> None:
        for refund in list(self.gateway.refunds.values()):
            if refund.status == "pending":
                self.gateway.end_refund(refund.refund_id, succeeds=succeeds)

    @rule(order=st.randoms(use_true_random=False))
    def hear(self, order: Any) -> None:  # noqa: ANN401 - a random.Random
        events = list(self.gateway.events)
        order.shuffle(events)
        if events:
            receive(self.control, "fake", *self.gateway.webhook(*events[: order.randint(1, len(events))]), now=self.now)

    @rule()
    def go_on(self) -> None:
        self.now += timedelta(hours=2)
        work(self.control, now=self.now)

    @invariant()
    def books_agree(self) -> None:
        if not hasattr(self, "control"):
            return
        assert (verify_ledger(self.control), verify_numbers(self.control)) == ([], [])
        assert sum(charge.amount.minor for charge in self.gateway.charges) in (0, 11_900)
        succeeded = [row for row in self._refunds() if row.status == "succeeded"]
        there = {one.refund_id: one for one in self.gateway.refunds.values()}
        assert all(there[row.refund_id].amount.minor == row.amount_minor and row.note_id for row in succeeded)
        assert sum(one.amount.minor for one in there.values() if one.status != "failed") <= 11_900

    def _invoice(self) -> IssuedInvoice:
        return show_invoice(self.control, "INV-000001")

    def _refunds(self) -> list[Any]:
        with self.control.store.reading() as connection:
            return list(connection.execute(select(refunds)))


def test_the_payment_state_machine_keeps_gateway_documents_and_ledger_together(tmp_path_factory: pytest.TempPathFactory) -> None:
    machine = type("Machine", (PaymentMachine,), {"path": tmp_path_factory.mktemp("payments")}).TestCase
    machine.settings = hypothesis_settings(max_examples=15, stateful_step_count=15, deadline=None)
    machine("runTest").runTest()
