"""Death at every step of every flow: a few dozen schedules here, a thousand by `meterhouse crash-test`.

Most deaths are exceptions, after which nothing of the process acts; some here are real SIGKILLs of real processes.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr
from sqlalchemy import select, update

from control.bootstrap import Control, open_control
from control.domain.lifecycle import AccountType
from control.ports import GatewayRefundStatus
from control.services.lifecycle import list_accounts
from control.services.push import push
from control.services.refund import refund_invoice
from control.services.register import Registration, register
from control.services.registry import FLOWS, steps
from control.services.show import show_invoice
from control.services.verify import verify_ledger, verify_numbers
from control.services.work import work
from control.store.engine import Store, open_engine
from control.store.tables import deployment, refunds
from control.testing.crashes import run
from control.testing.crashes.audit import audit
from control.testing.crashes.process import Life
from control.testing.crashes.run import Figures as RunFigures
from control.testing.crashes.run import _Play
from control.testing.crashes.story import COMMANDS, WORK
from control.testing.crashes.world import World, fresh, over, prepare
from control.testing.stripe_server import StripeServer
from tests.control_bench.builders import NOW, a_draft, an_account, given_account_with_card, given_invoices, usd
from tests.control_bench.killing import count_effects, in_child
from tests.control_bench.stores import (
    control_settings,
    fresh_postgresql,
    fresh_sqlite,
    postgresql_server,
    settings_of,
)

# What outlives a process: a transaction of the store, and a request that Stripe answered.
EFFECTS = ((Store, "transact"), (requests.Session, "send"))
SCHEDULES = 10


@pytest.fixture(scope="module")
def figures() -> RunFigures:
    return run(SCHEDULES, seed=2026)


def test_whatever_dies_whenever_each_invoice_is_paid_once_and_everything_agrees(figures: RunFigures) -> None:
    assert figures.failures == []
    assert figures.schedules == SCHEDULES
    assert figures.kills > 20 * SCHEDULES
    assert figures.webhooks_repeated > 10 * SCHEDULES
    assert figures.faults > SCHEDULES


def test_every_step_that_the_registry_names_is_reached_and_died_at(figures: RunFigures) -> None:
    reached = set().union(*(seen.steps for seen in figures.seen.values()))
    assert reached <= set(steps()), "a step that the registry does not name"
    assert set(steps()) == reached
    assert len(figures.steps_never_killed) <= len(steps()) // 2, "the thousand schedules of the command die at all of them"
    assert {step.partition(".")[0] for step in steps()} >= set(FLOWS)


def test_a_schedule_is_a_function_of_its_seed(tmp_path: Path) -> None:
    def play() -> tuple[int, int, int]:
        found = run(1, seed=7)
        return found.processes, found.kills, found.webhooks

    assert play() == play()


def test_the_audit_sees_money_that_moved_twice(tmp_path: Path) -> None:
    world = fresh(tmp_path)
    calm(world)
    payment = next(one for one in world.charging.payments.values() if one.invoice_id == "charged:invoice")
    world.charging.payments["again"] = payment
    assert any("charged:invoice was charged 2 times" in sentence for sentence in audited(world))


def test_the_audit_sees_a_refund_that_nobody_asked_for(tmp_path: Path) -> None:
    world = fresh(tmp_path)
    calm(world)
    refund = next(iter(world.billing.refunds.values()))
    assert refund.status is GatewayRefundStatus.SUCCEEDED
    del world.billing.refunds[refund.gateway_refund_id]
    assert any(f"refund {refund.refund_id}" in sentence for sentence in audited(world))


def test_schedules_end_well_on_postgresql_too() -> None:
    with postgresql_server() as server:

        def world(_seed: int) -> Iterator[World]:
            with fresh_postgresql(server) as url:
                prepare(url)
                yield over(url)

        figures = RunFigures()
        for made in world(1):
            assert _Play(world=made, chance=random.Random(1), figures=figures).play() == []  # noqa: S311 - a schedule
        assert figures.kills > 0


def test_a_statement_import_killed_by_the_system_takes_each_entry_once(tmp_path: Path) -> None:
    """SIGKILL after each transaction in turn; then the command again, and work: the end is the same as without."""
    command = next(command for command in COMMANDS if command.name == "statement")

    def once(world: World) -> None:
        world.machine.process(lambda control: command.run(control, world), Life())

    undisturbed = fresh_world(tmp_path)
    once(undisturbed)
    expected = states(undisturbed)
    for transaction in range(1, 4):
        world = fresh_world(tmp_path)
        assert in_child(partial(once, world), effects=((Store, "transact"),), die_after=transaction).was_killed
        once(world)
        one_round = partial(WORK.run, world=world)
        world.machine.process(one_round, Life())
        assert states(world) == expected, transaction


class Deployment:
    """A customer with a paid invoice at Stripe's double, over HTTP: what a killed process did there stays done."""

    def __init__(self, server: StripeServer, folder: Path) -> None:
        self.server, self.folder, self.url = server, folder, fresh_sqlite(folder)
        with self.control() as control:
            control.store.transact(lambda connection: connection.execute(update(deployment).values(deployment_id=uuid.uuid4().hex)))
            given_account_with_card(control, "acc-1", gateway="stripe", token="pm_card_visa")
            given_invoices(control, a_draft("acc-1", percent="19"))
            push(control, now=NOW)

    @contextmanager
    def control(self) -> Iterator[Control]:
        settings = control_settings(stripe_api_key=SecretStr("sk_test_51Faults"), stripe_api_base=self.server.url)
        with open_control(settings_of(self.url, self.folder), settings) as control:
            yield control

    def refund(self) -> None:
        with self.control() as control:
            if not self.refunded(control):
                refund_invoice(control, "INV-000001", amount=usd(1_190), reason="goodwill", actor="ada", now=NOW)

    def register(self) -> None:
        account = an_account("acc-2", gateway="stripe")
        wanted = Registration(
            account=account, account_type=AccountType.INDIVIDUAL, owner_email="ada@acme.example", card_token="pm_card_visa"
        )
        with self.control() as control:
            if show_state(control, "acc-2") in ("", "new"):
                register(control, wanted, actor="ada", now=NOW)

    def work(self) -> None:
        with self.control() as control:
            assert work(control, now=NOW + timedelta(hours=1)).is_idle

    def refunded(self, control: Control) -> list[tuple[str, int]]:
        with control.store.reading() as connection:
            return [(str(row.status), int(row.amount_minor)) for row in connection.execute(select(refunds))]


def show_state(control: Control, account_id: str) -> str:
    return next((view.standing.state.value for view in list_accounts(control) if view.account.account_id == account_id), "")


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeServer]:
    with StripeServer() as server:
        yield server


def test_a_refund_killed_by_the_system_after_any_effect_gives_back_once(stripe: StripeServer, tmp_path: Path) -> None:
    effects = count_effects(Deployment(stripe, tmp_path).refund, EFFECTS)
    assert effects > 5
    for effect in range(1, effects + 1):
        given = Deployment(stripe, tmp_path)
        before = len(stripe.gateway.objects("refund"))
        assert in_child(given.refund, effects=EFFECTS, die_after=effect).was_killed, effect
        given.refund()
        given.work()
        assert len(stripe.gateway.objects("refund")) == before + 1, effect
        with given.control() as control:
            assert given.refunded(control) == [("succeeded", 1_190)]
            assert show_invoice(control, "INV-000002").paid == usd(-1_190)
            assert (verify_ledger(control), verify_numbers(control)) == ([], [])


def test_a_registration_killed_by_the_system_after_any_effect_makes_one_active_customer(stripe: StripeServer, tmp_path: Path) -> None:
    effects = count_effects(Deployment(stripe, tmp_path).register, EFFECTS)
    assert effects > 5
    for effect in range(1, effects + 1, 2):
        given = Deployment(stripe, tmp_path)
        before = len(stripe.gateway.objects("customer"))
        assert in_child(given.register, effects=EFFECTS, die_after=effect).was_killed, effect
        given.register()
        given.work()
        assert len(stripe.gateway.objects("customer")) == before + 1, effect
        with given.control() as control:
            assert show_state(control, "acc-2") == "active"


def fresh_world(folder: Path) -> World:
    url = fresh_sqlite(folder)
    prepare(url)
    return over(url)


def states(world: World) -> dict[str, object]:
    """What the store says at the end, but for ids and times."""
    engine = open_engine(world.machine.url)
    with Store(engine).reading() as connection:
        found = {
            "accounts": connection.exec_driver_sql("SELECT account_id, state, changes FROM billing_accounts ORDER BY 1").all(),
            "invoices": connection.exec_driver_sql("SELECT invoice_number, status, paid_minor FROM invoices ORDER BY 1").all(),
            "receipts": connection.exec_driver_sql("SELECT receipt_id, applied_minor, surplus_minor FROM bank_receipts ORDER BY 1").all(),
            "postings": connection.exec_driver_sql(
                "SELECT ledger_account, detail, count(*) FROM journal_postings GROUP BY 1, 2 ORDER BY 1, 2"
            ).all(),
            "cards": connection.exec_driver_sql("SELECT account_id, status FROM payment_methods ORDER BY 1").all(),
        }
    engine.dispose()
    return found


def calm(world: World) -> None:
    figures = RunFigures()
    assert _Play(world=world, chance=random.Random(3), figures=figures).play() == []  # noqa: S311 - a schedule


def audited(world: World) -> list[str]:
    found: list[str] = []

    def look(control: Control) -> None:
        found.extend(audit(control, world))

    world.machine.process(look, Life())
    return found
