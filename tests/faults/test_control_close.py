"""SIGKILL after every effect of a close, and closes of several processes at once: each document is issued once."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.httpclient import HttpClient
from pydantic import SecretStr
from sqlalchemy import Connection, select

from control.bootstrap import open_control
from control.services.accounts import upsert_accounts, upsert_credits
from control.services.close import close_period
from control.services.show import list_invoices
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.store.engine import Store
from control.store.tables import credits_
from tests.control_bench.builders import AS_OF, NOW, a_credit, a_credit_note, a_draft, an_account
from tests.control_bench.drafts import create_invoicing, put_drafts
from tests.control_bench.killing import count_effects, ended, in_child, start_child
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse.client import connect
from warehouse.settings import Settings

# What outlives a close: a transaction of the store, and rows in the warehouse.
EFFECTS = ((Store, "transact"), (HttpClient, "raw_insert"))

TABLES = ("accounts", "credits", "budgets", "invoices", "invoice_lines", "credit_uses", "payments", "closed_taxes", "closed_periods")


class World:
    """A month with drafts, and a store of its own that may close it."""

    def __init__(self, settings: Settings, client: Client, folder: Path) -> None:
        self.client = client
        self.settings = settings.model_copy(update={"control_url": SecretStr(fresh_sqlite(folder))})
        # All that is published, or the second close of a test would have less to publish than the first.
        published = f"SELECT name FROM system.tables WHERE database = '{settings.database('raw')}' AND startsWith(name, 'control_')"
        for (table,) in client.query(published).result_rows:
            client.command(f"TRUNCATE TABLE {settings.database('raw')}.{table}")
        with open_control(self.settings, control_settings()) as control:
            upsert_accounts(control, [an_account("acc-1"), an_account("acc-2")])
            upsert_credits(control, [a_credit(amount="10.00")])

    def close(self) -> None:
        """As a process of its own would."""
        with open_control(self.settings, control_settings()) as control, contextlib.closing(connect(self.settings)) as client:
            close_period(control, client, self.settings, "2026-01", as_of=AS_OF, now=NOW)

    def check(self) -> None:
        """Store and warehouse hold the same three documents, whole."""
        with open_control(self.settings, control_settings()) as control:
            issued = list_invoices(control, "2026-01")
            assert [(invoice.invoice_number, invoice.content.account_id, invoice.content.kind.value) for invoice in issued] == [
                ("INV-000001", "acc-1", "credit_note"),
                ("INV-000002", "acc-1", "invoice"),
                ("INV-000003", "acc-2", "invoice"),
            ]
            assert (verify_numbers(control), verify_ledger(control), verify_hashes(control)) == ([], [], [])
            with control.store.reading() as connection:
                assert connection.execute(select(credits_.c.used_minor)).scalar_one() == 1_000
        counts = {table: self._count(table) for table in TABLES}
        assert counts == {
            "accounts": 2, "credits": 1, "budgets": 0, "invoices": 3, "invoice_lines": 4, "credit_uses": 1, "payments": 0,
            "closed_taxes": 2, "closed_periods": 1,
        }  # fmt: skip

    def _count(self, table: str) -> int:
        value: int = self.client.query(f"SELECT count() FROM {self.settings.database('raw')}.control_{table} FINAL").result_rows[0][0]
        return value


@pytest.fixture
def month(settings: Settings, client: Client) -> None:
    create_invoicing(client, settings)
    put_drafts(client, settings, a_draft("acc-1", uses=[("credit-1", 1_000)]), a_draft("acc-2", amounts=(5, 6)), a_credit_note("acc-1"))


@pytest.mark.usefixtures("month")
def test_a_close_killed_after_any_effect_and_repeated_issues_each_document_once(settings: Settings, client: Client, tmp_path: Path) -> None:
    world = World(settings, client, tmp_path)
    count = count_effects(world.close, EFFECTS)
    world.check()
    assert count > 7
    for effect in range(1, count + 1):
        world = World(settings, client, tmp_path)
        assert in_child(world.close, effects=EFFECTS, die_after=effect).was_killed, effect
        world.close()
        world.check()


@pytest.mark.usefixtures("month")
def test_a_close_killed_within_its_transaction_freezes_nothing(settings: Settings, client: Client, tmp_path: Path) -> None:
    world = World(settings, client, tmp_path)
    statements = ((Connection, "execute"),)
    count = count_effects(world.close, statements)
    for statement in range(1, count + 1, 9):
        world = World(settings, client, tmp_path)
        assert in_child(world.close, effects=statements, die_after=statement).was_killed, statement
        with open_control(world.settings, control_settings()) as control:
            assert len(list_invoices(control, "2026-01")) in (0, 3)
        world.close()
        world.check()


@pytest.mark.usefixtures("month")
def test_closes_of_several_processes_at_once_issue_each_document_once(settings: Settings, client: Client, tmp_path: Path) -> None:
    world = World(settings, client, tmp_path)
    for pid in [start_child(world.close) for _ in range(4)]:
        assert not ended(pid).was_killed
    world.check()
