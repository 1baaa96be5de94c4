"""Push: each unpaid document is settled once, whatever the gateway, the card and other pushes do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Row, select, text, update

from control.bootstrap import Control
from control.domain.money import Money
from control.domain.payments import PushOutcome, PushResult
from control.domain.status import InvoiceStatus
from control.ports import GatewayRefusedError
from control.services.accounts import upsert_accounts
from control.services.lease import hold
from control.services.payment_methods import save_card
from control.services.push import push
from control.services.show import show_invoice
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.store.tables import invoices, payments
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, NEEDS_HOLDER, PAYS, FakeGateway, Fault
from tests.control_bench.builders import (
    NOW,
    a_credit_note,
    a_draft,
    an_account,
    given_account_with_card,
    given_credit,
    given_invoices,
    usd,
)
from warehouse.errors import InputError, RefusedError, SettingsError


def results(outcomes: list[PushOutcome]) -> list[PushResult]:
    return [outcome.result for outcome in outcomes]


def attempts(control: Control) -> list[Row[tuple[object, ...]]]:
    with control.store.reading() as connection:
        return list(connection.execute(select(payments).order_by(payments.c.invoice_id, payments.c.attempt)))


def status_of(control: Control, number: str = "INV-000001") -> tuple[InvoiceStatus, Money]:
    invoice = show_invoice(control, number)
    return invoice.status, invoice.paid


@pytest.fixture(autouse=True)
def _books_balance(control: Control) -> Iterator[None]:
    yield
    assert verify_ledger(control) == []
    with control.store.reading() as connection:
        collected: dict[str, int] = {}
        for row in connection.execute(select(payments)):
            collected[row.invoice_id] = collected.get(row.invoice_id, 0) + row.charged_minor + row.balance_minor
        for row in connection.execute(select(invoices)):
            assert row.paid_minor == collected.get(row.invoice_id, 0)


def test_an_invoice_is_charged_its_total_and_paid(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_credit(control)
    given_invoices(control, a_draft(uses=[("credit-1", 500)], percent="19"))
    (outcome,) = push(control, now=NOW)
    assert outcome == PushOutcome(
        invoice_id="acc-1:2026-01:invoice:",
        invoice_number="INV-000001",
        account_id="acc-1",
        kind="invoice",
        gateway="fake",
        amount=usd(11_305),
        result=PushResult.PAID,
    )
    assert [charge.amount for charge in gateway.charges] == [usd(11_305)]
    assert status_of(control) == (InvoiceStatus.PAID, usd(11_305))


def test_pushing_again_charges_nothing_and_reports_nothing(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    assert push(control, now=NOW) == []
    assert len(gateway.charges) == 1


def test_only_the_period_asked_for_is_pushed(control: Control) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft(period="2026-01"), a_draft(period="2026-02"))
    assert [outcome.invoice_number for outcome in push(control, "2026-02", now=NOW)] == ["INV-000002"]
    with pytest.raises(InputError):
        push(control, "February", now=NOW)


def test_a_zero_total_is_paid_at_once_even_without_a_gateway(control: Control, gateway: FakeGateway) -> None:
    upsert_accounts(control, [an_account(gateway="")])
    given_invoices(control, a_draft(amounts=(500, -500)))
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    assert status_of(control) == (InvoiceStatus.PAID, usd(0))
    assert push(control, now=NOW) == []
    assert gateway.customers == {}


def test_an_account_without_a_gateway_or_a_card_is_skipped_with_the_reason(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1", gateway=""), an_account("acc-2")])
    given_invoices(control, a_draft("acc-1"), a_draft("acc-2"))
    outcomes = push(control, now=NOW)
    assert results(outcomes) == [PushResult.SKIPPED, PushResult.SKIPPED]
    assert [outcome.message for outcome in outcomes] == ["account acc-1 has no gateway", "account acc-2 has no saved card"]
    assert attempts(control) == []


def test_a_credit_note_fills_the_balance_that_the_next_invoice_uses(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft(), a_credit_note(amount=-3_000))
    assert results(push(control, now=NOW)) == [PushResult.CREDITED, PushResult.PAID]
    assert [charge.amount for charge in gateway.charges] == [usd(7_000)]
    assert status_of(control, "INV-000001") == (InvoiceStatus.PAID, usd(10_000))
    assert status_of(control, "INV-000002") == (InvoiceStatus.PAID, usd(-3_000))
    assert sorted((row.charged_minor, row.balance_minor) for row in attempts(control)) == [(0, -3_000), (7_000, 3_000)]


def test_a_credit_note_needs_no_card(control: Control, gateway: FakeGateway) -> None:
    upsert_accounts(control, [an_account()])
    given_invoices(control, a_credit_note())
    assert results(push(control, now=NOW)) == [PushResult.CREDITED]
    assert push(control, now=NOW) == []
    assert len(gateway.customers) == 1


def test_a_balance_that_covers_everything_pays_without_a_charge(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft(), a_credit_note(amount=-20_000))
    assert results(push(control, now=NOW)) == [PushResult.CREDITED, PushResult.PAID]
    assert gateway.charges == []
    assert status_of(control) == (InvoiceStatus.PAID, usd(10_000))


def test_a_declined_card_leaves_the_invoice_issued_and_the_next_push_tries_anew(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft())
    (first,) = push(control, now=NOW)
    assert (first.result, first.reason_code) == (PushResult.DECLINED, "generic_decline")
    assert status_of(control) == (InvoiceStatus.ISSUED, usd(0))
    assert results(push(control, now=NOW)) == [PushResult.DECLINED]
    save_card(control, "acc-1", PAYS)
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    rows = attempts(control)
    assert [(row.attempt, row.status) for row in rows] == [(1, "declined"), (2, "declined"), (3, "paid")]
    assert len({row.payment_id for row in rows}) == 3
    assert len(gateway.charges) == 1


def test_a_decline_after_the_balance_was_used_leaves_the_invoice_partially_paid(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft(), a_credit_note(amount=-3_000))
    assert results(push(control, now=NOW)) == [PushResult.CREDITED, PushResult.DECLINED]
    assert status_of(control) == (InvoiceStatus.PARTIALLY_PAID, usd(3_000))
    save_card(control, "acc-1", PAYS)
    (second,) = push(control, now=NOW)
    assert (second.result, second.amount) == (PushResult.PAID, usd(7_000))
    assert [charge.amount for charge in gateway.charges] == [usd(7_000)]
    assert status_of(control) == (InvoiceStatus.PAID, usd(10_000))


def test_a_card_that_needs_its_holder_waits_and_is_found_paid_later(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=NEEDS_HOLDER)
    given_invoices(control, a_draft())
    (outcome,) = push(control, now=NOW)
    assert outcome.result is PushResult.REQUIRES_ACTION
    assert "https://" in outcome.message
    gateway.authenticate("in_3")
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    assert len(gateway.charges) == 1


def test_what_the_gateway_cannot_charge_exactly_is_refused_and_leaves_no_attempt(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft(amounts=(49,)))
    (outcome,) = push(control, now=NOW)
    assert (outcome.result, outcome.reason_code) == (PushResult.REFUSED, "amount")
    assert attempts(control) == []
    assert gateway.charges == []


@pytest.mark.parametrize("operation", ["find_invoice", "ensure_invoice", "finalize_invoice", "pay_invoice"])
@pytest.mark.parametrize("fault", ["error_before", "error_after", "bad_gateway_after", "drop_before", "drop_after", "rate_limit"])
def test_an_outage_at_any_step_is_made_up_for_by_later_pushes_and_charges_once(
    control: Control, gateway: FakeGateway, operation: str, fault: Fault
) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft(), a_credit_note(amount=-3_000))
    gateway.plan(fault, operation)
    first = push(control, now=NOW)
    assert results(first) == [PushResult.CREDITED, PushResult.UNAVAILABLE]
    assert status_of(control)[0] is InvoiceStatus.ISSUED
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    assert [charge.amount for charge in gateway.charges] == [usd(7_000)]
    assert [row.status for row in attempts(control)].count("pending") == 0


@pytest.mark.parametrize("operation", ["ensure_customer", "ensure_balance_credit"])
@pytest.mark.parametrize("fault", ["error_before", "error_after", "bad_gateway_after", "drop_before", "drop_after"])
def test_an_outage_while_a_credit_note_is_given_gives_it_once(control: Control, gateway: FakeGateway, operation: str, fault: Fault) -> None:
    upsert_accounts(control, [an_account()])
    given_invoices(control, a_credit_note(amount=-3_000))
    gateway.plan(fault, operation)
    outcomes = [outcome for _ in range(2) for outcome in push(control, now=NOW)]
    assert results(outcomes)[-1] is PushResult.CREDITED
    save_card(control, "acc-1", PAYS)
    given_invoices(control, a_draft())
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    assert [charge.amount for charge in gateway.charges] == [usd(7_000)]


def test_a_gateway_that_is_down_is_asked_a_few_times_and_then_left_alone(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, *(a_draft(period=f"2025-{month:02d}") for month in range(1, 7)))
    for _ in range(10):
        gateway.plan("drop_before", "find_invoice")
    outcomes = push(control, now=NOW)
    assert results(outcomes) == [PushResult.UNAVAILABLE] * 6
    assert len(attempts(control)) == 3


def test_one_decline_holds_up_no_other(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, "acc-1", token=DECLINES_WHEN_CHARGED)
    given_account_with_card(control, "acc-2")
    given_invoices(control, a_draft("acc-1"), a_draft("acc-2"))
    assert results(push(control, now=NOW)) == [PushResult.DECLINED, PushResult.PAID]
    assert len(gateway.charges) == 1


def test_a_payment_under_way_at_the_gateway_is_waited_for(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    gateway.start_payment("in_3")
    assert results(push(control, now=NOW)) == [PushResult.UNAVAILABLE]
    gateway.authenticate("in_3")
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    assert len(gateway.charges) == 1


def test_an_invoice_voided_at_the_gateway_is_never_charged(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    gateway.void("in_3")
    save_card(control, "acc-1", PAYS)
    (outcome,) = push(control, now=NOW)
    assert (outcome.result, outcome.reason_code) == (PushResult.REFUSED, "void")
    assert gateway.charges == []


def test_an_invoice_that_somebody_changed_at_the_gateway_is_refused_and_not_charged(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    gateway.plan("drop_before", "finalize_invoice")
    push(control, now=NOW)
    gateway.add_by_hand("in_3", usd(1))
    (outcome,) = push(control, now=NOW)
    assert (outcome.result, outcome.reason_code) == (PushResult.REFUSED, "mismatch")
    assert gateway.charges == []


def test_a_gateway_that_collected_more_than_we_asked_for_is_reported_and_booked_nowhere(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    (invoice,) = given_invoices(control, a_draft())
    push(control, now=NOW)
    gateway.authenticate("in_3")
    known = gateway._invoices["in_3"]
    known.seen = replace(known.seen, paid=usd(10_001))
    (outcome,) = push(control, now=NOW)
    assert (outcome.result, outcome.reason_code) == (PushResult.REFUSED, "mismatch")
    assert status_of(control) == (InvoiceStatus.ISSUED, usd(0))
    assert invoice.open == usd(10_000)


@pytest.mark.parametrize("error", [SettingsError("STRIPE_API_KEY is missing"), GatewayRefusedError("no such customer")])
def test_a_definite_no_of_a_gateway_is_reported_and_the_next_push_tries_again(
    control: Control, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())

    def refuse(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(gateway, "ensure_invoice", refuse)
        (outcome,) = push(control, now=NOW)
    assert (outcome.result, outcome.message) == (PushResult.REFUSED, str(error))
    assert results(push(control, now=NOW)) == [PushResult.PAID]
    assert len(gateway.charges) == 1


def test_a_gateway_that_is_not_configured_holds_up_no_other(control: Control, gateway: FakeGateway) -> None:
    def find(name: str) -> FakeGateway:
        if name != "fake":
            raise SettingsError(f"no key for {name}")
        return gateway

    partial = replace(control, gateway=find)
    upsert_accounts(control, [an_account("acc-1", gateway="other")])
    given_account_with_card(control, "acc-2")
    given_invoices(control, a_draft("acc-1"), a_draft("acc-2"))
    outcomes = push(partial, now=NOW)
    assert results(outcomes) == [PushResult.REFUSED, PushResult.PAID]
    assert outcomes[0].message == "no key for other"


def test_a_document_stays_with_the_gateway_that_knows_it(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    upsert_accounts(control, [an_account(gateway="")])
    (outcome,) = push(control, now=NOW)
    assert (outcome.gateway, outcome.result) == ("fake", PushResult.DECLINED)


def test_pushes_at_once_charge_once(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft(), a_credit_note())
    outcomes: list[PushOutcome] = []
    threads = [threading.Thread(target=lambda: outcomes.extend(push(control, now=NOW))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results(outcomes)) == [PushResult.CREDITED, PushResult.PAID]
    assert len(gateway.charges) == 1


def test_pushes_that_both_believe_to_be_alone_charge_once(control: Control, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease can be lost by a stall; the intent and its keys must hold without it."""

    class Forever:
        def check(self) -> None:
            return None

    class Ignored:
        def __enter__(self) -> Forever:
            return Forever()

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr("control.services.push.lease.hold", lambda *_, **__: Ignored())
    given_account_with_card(control)
    given_invoices(control, a_draft(), a_credit_note(amount=-3_000))
    threads = [threading.Thread(target=lambda: push(control, now=NOW)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [charge.amount for charge in gateway.charges] in ([usd(7_000)], [usd(10_000)])
    assert status_of(control) == (InvoiceStatus.PAID, usd(10_000))


def test_a_second_push_says_who_pushes(control: Control) -> None:
    with (
        hold(control, "push", holder="meterhouse push", wait_seconds=0),
        pytest.raises(RefusedError, match=r"meterhouse push .* holds the push lease"),
    ):
        push(control, now=NOW, wait_seconds=0)


def test_a_changed_document_is_found_by_its_hash(control: Control) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft("acc-1"), a_draft("acc-1", period="2026-02"))

    def tamper(connection: Connection) -> None:
        if control.store.is_sqlite:
            connection.execute(text("DROP TRIGGER invoice_lines_refuse_update"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE invoice_lines SET quantity = '2.6' WHERE invoice_id LIKE '%2026-02%'"))

    control.store.transact(tamper)
    assert [invoice.invoice_number for invoice in verify_hashes(control)] == ["INV-000002"]


def test_a_missing_number_and_a_wrong_receivable_are_found(control: Control) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    assert verify_numbers(control) == []
    control.store.transact(lambda connection: connection.execute(text("UPDATE number_series SET last_number = 3")) and None)
    assert verify_numbers(control) == ["INV-2", "INV-3"]
    control.store.transact(lambda connection: connection.execute(update(invoices).values(paid_minor=1)))
    assert verify_ledger(control) == ["INV-000001 has 9999 open, the ledger says 10000 (minor units)"]
    control.store.transact(lambda connection: connection.execute(update(invoices).values(paid_minor=0)))
