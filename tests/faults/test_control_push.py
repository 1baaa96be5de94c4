"""SIGKILL after every effect of a push, and pushes of several processes at once: each card is charged once.

The gateway is the Stripe adapter with its double over HTTP; the processes are real.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from sqlalchemy import select, update

from control.bootstrap import Control, open_control
from control.domain.status import InvoiceStatus
from control.services.accounts import upsert_accounts
from control.services.push import push
from control.services.show import list_invoices
from control.services.verify import verify_hashes, verify_ledger
from control.store.engine import Store
from control.store.tables import deployment, gateway_customers, payments
from control.testing.stripe_server import StripeServer
from tests.control_bench.builders import NOW, a_credit_note, a_draft, an_account, given_account_with_card, given_invoices, usd
from tests.control_bench.killing import count_effects, ended, in_child, start_child
from tests.control_bench.stores import control_settings, fresh_sqlite, settings_of

# What outlives a push: a transaction of the store, and a request that Stripe answered.
EFFECTS = ((Store, "transact"), (requests.Session, "send"))

BUSY = {
    "INV-000003": (InvoiceStatus.ISSUED, usd(0)),
    "INV-000004": (InvoiceStatus.PAID, usd(0)),
    "INV-000005": (InvoiceStatus.PAID, usd(-500)),
}

PAYS, DECLINES = "pm_card_visa", "pm_card_chargeCustomerFail"


class World:
    """A deployment with an invoice and a credit note to push to Stripe; `is_busy`: and more that is declined, empty or without a card."""

    def __init__(self, server: StripeServer, folder: Path, *, is_busy: bool = False) -> None:
        self.server, self.folder, self.url, self.is_busy = server, folder, fresh_sqlite(folder), is_busy
        with self.control() as control:
            # Stores are copies of one another; the gateway account, which worlds share, must tell them apart.
            control.store.transact(lambda connection: connection.execute(update(deployment).values(deployment_id=uuid.uuid4().hex)))
            given_account_with_card(control, "acc-1", gateway="stripe", token=PAYS)
            given_invoices(control, a_draft("acc-1", percent="19"), a_credit_note("acc-1", amount=-3_000))
            if is_busy:
                given_account_with_card(control, "acc-2", gateway="stripe", token=DECLINES)
                upsert_accounts(control, [an_account("acc-3", gateway="stripe"), an_account("acc-4", gateway="")])
                given_invoices(control, a_draft("acc-2"), a_draft("acc-4", amounts=(500, -500)), a_credit_note("acc-3", amount=-500))

    @contextmanager
    def control(self) -> Iterator[Control]:
        """As a process of its own would open it."""
        settings = control_settings(stripe_api_key=SecretStr("sk_test_51Faults"), stripe_api_base=self.server.url)
        with open_control(settings_of(self.url, self.folder), settings) as control:
            yield control

    def push(self) -> None:
        with self.control() as control:
            push(control, now=NOW)

    def check(self) -> None:
        """Everything that can be settled is, once; the books balance; the gateway agrees."""
        with self.control() as control:
            status = {invoice.invoice_number: (invoice.status, invoice.paid) for invoice in list_invoices(control, "2026-01")}
            assert status == {
                "INV-000001": (InvoiceStatus.PAID, usd(11_900)),
                "INV-000002": (InvoiceStatus.PAID, usd(-3_000)),
                **(BUSY if self.is_busy else {}),
            }
            assert (verify_ledger(control), verify_hashes(control)) == ([], [])
            with control.store.reading() as connection:
                customers: set[str] = set(connection.execute(select(gateway_customers.c.gateway_customer_id)).scalars())
                assert "pending" not in set(connection.execute(select(payments.c.status)).scalars())
        assert [row["amount"] for row in self._of(customers, "charge") if row["paid"]] == [8_900]
        assert sorted(row["amount"] for row in self._of(customers, "customer_balance_transaction") if row["amount"] < 0) == (
            [-3_000, -500] if self.is_busy else [-3_000]
        )
        assert len(self._of(customers, "invoice")) == (2 if self.is_busy else 1)

    def _of(self, customers: set[str], kind: str) -> list[dict[str, Any]]:
        return [row for row in self.server.gateway.objects(kind) if row["customer"] in customers]


@pytest.fixture
def server() -> Iterator[StripeServer]:
    with StripeServer() as started:
        yield started


@pytest.fixture(scope="module")
def count(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many effects one push has."""
    with StripeServer() as server:
        world = World(server, tmp_path_factory.mktemp("undisturbed"))
        found = count_effects(world.push, EFFECTS)
        world.check()
        return found


def test_there_are_many_states_that_a_push_can_leave_behind(count: int) -> None:
    assert count > 15


@pytest.mark.parametrize("part", range(4))
def test_a_push_killed_after_any_effect_and_repeated_charges_each_card_once(
    server: StripeServer, tmp_path: Path, count: int, part: int
) -> None:
    for effect in range(1 + part, count + 1, 4):
        world = World(server, tmp_path)
        assert in_child(world.push, effects=EFFECTS, die_after=effect).was_killed, effect
        world.push()
        world.check()


def test_a_push_killed_again_and_again_gets_there_and_charges_each_card_once(server: StripeServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, is_busy=True)
    for effect in (3, 7, 11, 2, 5, 13, 6, 4, 1, 9):
        in_child(world.push, effects=EFFECTS, die_after=effect)
    world.push()
    world.check()


def test_pushes_of_several_processes_at_once_charge_each_card_once(server: StripeServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, is_busy=True)
    for pid in [start_child(world.push) for _ in range(3)]:
        assert not ended(pid).was_killed
    world.check()
