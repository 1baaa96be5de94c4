"""The antifraud in the control store: cards are screened as they are tried, holds are kept, released and confirmed, once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from control.bootstrap import Control
from control.domain.fraud import Action, Cause, Field, Finding
from control.domain.lifecycle import AccountState, AccountType
from control.fraud.policy import load_policy
from control.fraud.rules import Place, run_on_control
from control.ports import GatewayDispute, GatewayDisputeStatus, SavedCard
from control.services.follow import follow_dispute
from control.services.fraud import decide, known_accounts, screen_card
from control.services.fraud_review import confirm, queue, release, show
from control.services.lifecycle import account_history, move_account, resume, show_account
from control.services.looks import DUNNING
from control.services.payment_methods import keep, save_card, start_binding
from control.services.push import push
from control.services.recovery import recover
from control.services.register import Registration, Trial, register
from control.store import fraud
from control.store.agreements import FRAUD, active_restrictions
from control.store.fraud import CardAttempt
from control.store.tables import card_attempts, outbox, payments
from tests.contract.fake_gateway import DECLINES_WHEN_SAVED, PAYS, FakeGateway
from tests.control_bench.builders import NOW, a_draft, an_account, given_account_with_card, given_invoices, usd
from warehouse.errors import InputError, RefusedError

WHO = {"actor": "ada", "now": NOW}
POLICY = load_policy()


def a_finding(rule: str = "gpu_burst", score: int = 100, field: Field = Field.USAGE, evidence: str = "seen") -> Finding:
    return Finding(
        account_id="acc-1",
        rule=rule,
        version="1",
        field=field,
        score=score,
        reason=f"because of {rule}",
        evidence=evidence,
        inputs={"n": 3},
    )


STRONG = (a_finding(), a_finding("stolen_card", 60, Field.PAYMENT))


def decided(control: Control, *findings: Finding, now: datetime = NOW) -> Action | None:
    with control.store.reading() as connection:
        known = known_accounts(connection, POLICY, ["acc-1"], as_of=now, now=now)["acc-1"]
    decision = decide(control, POLICY, known, findings, cause=Cause.SCAN, as_of=now, now=now)
    return decision.action if decision else None


def state(control: Control) -> AccountState:
    return show_account(control, "acc-1").standing.state


def told(control: Control) -> list[str]:
    with control.store.reading() as connection:
        kinds = connection.execute(select(outbox.c.event_type).order_by(outbox.c.revision)).scalars()
        return [kind for kind in kinds if kind.startswith("fraud.")]


def tried(minutes: int, code: str = "", **card: str) -> CardAttempt:
    facts = {"payment_method_id": f"pm-{minutes}", "brand": "visa", "last4": "1", "expires": "", "fingerprint": f"fp-{minutes}"}
    return CardAttempt(
        attempt_id=f"try-{minutes}",
        account_id="acc-1",
        gateway="fake",
        tried_at=NOW + timedelta(minutes=minutes),
        code=code,
        card=None if code else SavedCard(**(facts | card)),
    )


def a_trial(control: Control, account_id: str) -> None:
    given = Trial(amount=usd(5_000), days=30)
    wanted = Registration(account=an_account(account_id), account_type=AccountType.COMPANY, owner_email="ada@acme.example", trial=given)
    register(control, wanted, actor="ada", now=NOW)


def test_a_suspension_is_decided_once_stops_the_account_and_tells_others(control: Control) -> None:
    given_account_with_card(control)
    assert decided(control, *STRONG) is Action.SUSPEND
    assert state(control) is AccountState.SUSPENDED
    assert decided(control, *STRONG) is None
    assert told(control) == ["fraud.suspend"]
    (item,) = queue(control)
    assert (item.account_id, item.action, item.score) == ("acc-1", Action.SUSPEND, Decimal(160))
    action, (decision,) = show(control, "acc-1")
    assert action is Action.SUSPEND
    assert decision.policy_version == POLICY.version
    assert [(found.rule, found.version, found.inputs) for found in decision.findings] == [
        ("gpu_burst", "1", {"n": 3}), ("stolen_card", "1", {"n": 3}),
    ]  # fmt: skip


def test_only_a_release_lets_an_account_go_on_and_the_same_evidence_holds_it_no_more(control: Control) -> None:
    given_account_with_card(control)
    decided(control, *STRONG)
    with pytest.raises(RefusedError, match="meterhouse fraud release acc-1"):
        resume(control, "acc-1", reason="they called", **WHO)
    with pytest.raises(RefusedError, match="needs a reason"):
        release(control, "acc-1", reason=" ", **WHO)
    assert len(release(control, "acc-1", reason="a known lab", **WHO)) == 1
    assert release(control, "acc-1", reason="a known lab", **WHO) == []
    assert state(control) is AccountState.ACTIVE
    assert queue(control) == []
    assert decided(control, *STRONG) is None
    assert decided(control, a_finding(evidence="ten times as much"), STRONG[1]) is Action.LIMIT
    assert told(control) == ["fraud.suspend", "fraud.released", "fraud.limit"]


def test_a_confirmed_fraud_stays_suspended(control: Control) -> None:
    given_account_with_card(control)
    assert decided(control, a_finding(score=70)) is Action.REVIEW
    assert state(control) is AccountState.ACTIVE
    confirm(control, "acc-1", reason="the holder called", **WHO)
    assert state(control) is AccountState.SUSPENDED
    with pytest.raises(RefusedError, match="suspended for fraud"):
        resume(control, "acc-1", reason="they called", **WHO)
    assert queue(control) == []


def test_more_evidence_makes_a_hold_harder_and_less_never_makes_it_milder(control: Control) -> None:
    given_account_with_card(control)
    assert decided(control, a_finding(score=70)) is Action.REVIEW
    assert decided(control, a_finding(score=40)) is None
    assert decided(control, a_finding(score=100)) is Action.LIMIT
    (item,) = queue(control)
    assert (item.action, len(item.decisions)) == (Action.LIMIT, 2)


def test_an_account_that_was_suspended_for_another_reason_stays_so_after_a_release(control: Control) -> None:
    given_account_with_card(control)
    move_account(control, "acc-1", AccountState.SUSPENDED, reason="owes", actor="debt", now=NOW)
    decided(control, *STRONG)
    release(control, "acc-1", reason="honest", **WHO)
    assert state(control) is AccountState.SUSPENDED
    assert len(account_history(control, "acc-1")) == 2


def test_who_paid_invoices_is_reviewed_at_most(control: Control) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft(), a_draft(period="2026-02"))
    push(control, now=NOW)
    assert decided(control, *STRONG) is Action.REVIEW


def test_a_limit_is_a_restriction_that_a_release_lifts(control: Control) -> None:
    given_account_with_card(control)
    assert decided(control, a_finding(score=100)) is Action.LIMIT
    with control.store.reading() as connection:
        assert active_restrictions(connection, "acc-1") == {"acc-1": {FRAUD: "suspected fraud: because of gpu_burst"}}
    assert state(control) is AccountState.ACTIVE
    release(control, "acc-1", reason="honest", **WHO)
    with control.store.reading() as connection:
        assert active_restrictions(connection, "acc-1") == {}


def test_an_account_that_paid_its_debt_stays_suspended_for_fraud(control: Control) -> None:
    given_account_with_card(control)
    move_account(control, "acc-1", AccountState.SUSPENDED, reason="owes", actor=DUNNING, now=NOW)
    decided(control, *STRONG)
    recover(control, now=NOW)
    assert state(control) is AccountState.SUSPENDED
    release(control, "acc-1", reason="honest", **WHO)
    recover(control, now=NOW)
    assert state(control) is AccountState.ACTIVE


def test_a_challenge_ends_by_itself_and_waits_for_nobody(control: Control) -> None:
    given_account_with_card(control)
    assert decided(control, a_finding(score=40)) is Action.CHALLENGE
    assert queue(control) == []
    assert decided(control, a_finding(score=40), now=NOW + timedelta(days=89)) is None
    assert decided(control, a_finding(score=40), now=NOW + timedelta(days=90)) is Action.CHALLENGE


def test_after_a_challenge_charges_ask_for_the_holder_until_one_is_paid(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    decided(control, a_finding(score=40))
    (invoice,) = given_invoices(control, a_draft())
    (outcome,) = push(control, now=NOW)
    assert outcome.result == "requires_action"
    with control.store.reading() as connection:
        customer_id = connection.execute(select(payments.c.gateway_customer_id)).scalar_one()
    seen = gateway.find_invoice(customer_id, invoice.invoice_id)
    assert seen is not None
    gateway.authenticate(seen.gateway_invoice_id)
    later = NOW + timedelta(hours=1)
    assert [outcome.result for outcome in push(control, now=later)] == ["paid"]
    given_invoices(control, a_draft(period="2026-02"))
    assert [outcome.result for outcome in push(control, now=later)] == ["paid"]


def test_who_tries_many_cards_is_held_at_once_and_may_try_no_more(control: Control) -> None:
    given_account_with_card(control)
    for _ in range(6):
        with pytest.raises(RefusedError, match="declined"):
            save_card(control, "acc-1", DECLINES_WHEN_SAVED, now=NOW)
    assert show(control, "acc-1")[0] is Action.LIMIT
    with pytest.raises(RefusedError, match="may bind no card before a person has looked"):
        save_card(control, "acc-1", PAYS, now=NOW)
    with pytest.raises(RefusedError, match="may bind no card before a person has looked"):
        start_binding(control, "acc-1", binding_id="binding-1", return_url="https://cloud.example/cards")
    release(control, "acc-1", reason="a broken reader", **WHO)
    save_card(control, "acc-1", PAYS, now=NOW)


def test_a_card_that_banks_call_stolen_suspends_who_tries_on(control: Control) -> None:
    given_account_with_card(control)
    for minute in range(4):
        screen_card(control, tried(minute, code="stolen_card"))
    assert state(control) is AccountState.SUSPENDED


def test_a_try_is_written_down_once(control: Control) -> None:
    given_account_with_card(control)
    with control.store.reading() as connection:
        before = len(connection.execute(select(card_attempts)).all())
    for _ in range(2):
        screen_card(control, tried(1))
    with control.store.reading() as connection:
        assert len(connection.execute(select(card_attempts)).all()) == before + 1


def test_a_trial_goes_back_to_being_one_when_it_is_released(control: Control) -> None:
    a_trial(control, "acc-1")
    decided(control, *STRONG)
    release(control, "acc-1", reason="honest", **WHO)
    assert state(control) is AccountState.TRIAL


def test_who_is_held_before_the_registration_ends_begins_suspended(control: Control) -> None:
    account = an_account(gateway="fake")
    wanted = Registration(account=account, account_type=AccountType.COMPANY, owner_email="ada@acme.example", card_token=DECLINES_WHEN_SAVED)
    register(control, wanted, actor="ada", now=NOW)
    assert state(control) is AccountState.NEW
    assert decided(control, *STRONG) is Action.SUSPEND
    assert state(control) is AccountState.NEW
    release(control, "acc-1", reason="a typo", **WHO)
    decided(control, a_finding(evidence="more"), a_finding("stolen_card", 60, Field.PAYMENT, evidence="more"))
    # No card is tried: this flow stood behind its card when the decision came.
    trial = Trial(amount=usd(100), days=3)
    register(control, replace(wanted, card_token="", trial=trial), actor="ada", now=NOW)
    assert state(control) is AccountState.SUSPENDED


def test_each_rule_of_the_control_store_sees_what_there_was_at_its_as_of(control: Control) -> None:
    for number in (1, 2, 3):
        a_trial(control, f"acc-{number}")
    cards = {"fingerprint": "fp-same", "funding": "prepaid", "country_code": "BR"}
    control.store.transact(lambda connection: [keep_card(connection, f"acc-{number}", **cards) for number in (1, 2, 3)])
    for minute in range(5):
        screen_card(control, tried(minute, code="lost_card"))
        screen_card(control, tried(100 + minute))
    given_account_with_card(control, "acc-4")
    given_invoices(control, a_draft("acc-4"))
    push(control, now=NOW)
    with control.store.reading() as connection:
        dispute(control, connection.execute(select(payments.c.gateway_payment_id)).scalar_one())
    later = found(control, NOW + timedelta(hours=3))
    assert later == {
        "card_testing": ["acc-1"],
        "card_velocity": ["acc-1"],
        "country_mismatch": ["acc-1", "acc-2", "acc-3"],
        "disputed_payment": ["acc-4"],
        "prepaid_on_trial": ["acc-1", "acc-2", "acc-3"],
        "shared_card": ["acc-1", "acc-2", "acc-3"],
        "stolen_card": ["acc-1"],
    }
    assert found(control, NOW - timedelta(seconds=1)) == {}


def test_what_was_decided_never_changes(control: Control) -> None:
    given_account_with_card(control)
    decided(control, *STRONG)
    for statement in ("UPDATE fraud_decisions SET action = 'review'", "DELETE FROM fraud_decisions", "DELETE FROM card_attempts"):
        with pytest.raises((DBAPIError, Exception), match="frozen"):
            control.store.transact(lambda connection, statement=statement: connection.execute(text(statement)))


def test_an_account_that_does_not_exist_is_an_error_in_words(control: Control) -> None:
    for ask in (lambda: show(control, "nobody"), lambda: release(control, "nobody", reason="x", **WHO)):
        with pytest.raises(InputError, match="'nobody' does not exist"):
            ask()


def test_decisions_are_read_back_as_they_were_made(control: Control) -> None:
    given_account_with_card(control)
    decided(control, *STRONG)
    with control.store.reading() as connection:
        (decision,) = fraud.decisions(connection)
    assert decision.findings == STRONG
    assert json.dumps(decision.findings[0].inputs) == '{"n": 3}'


def keep_card(connection: Connection, account_id: str, **facts: str) -> None:
    card = SavedCard(payment_method_id=f"pm-{account_id}", brand="visa", last4="4242", expires="2031-12", **facts)
    keep(connection, account_id, "fake", card, now=NOW)


def dispute(control: Control, gateway_payment_id: str) -> None:
    seen = GatewayDispute(
        gateway_dispute_id="dp-1",
        gateway_payment_id=gateway_payment_id,
        status=GatewayDisputeStatus.OPEN,
        amount=usd(10_000),
        reason="fraudulent",
        occurred_at=NOW,
    )
    follow_dispute(control, "fake", seen, now=NOW)


def found(control: Control, as_of: datetime) -> dict[str, list[str]]:
    with control.store.reading() as connection:
        findings = {
            rule.name: sorted(finding.account_id for finding in run_on_control(connection, rule, values, as_of=as_of))
            for rule, values in POLICY.switched_on(Place.CONTROL)
        }
    return {rule: accounts for rule, accounts in findings.items() if accounts}
