"""Debt and the warehouse: drafts count against limits, and what was done is published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from control.bootstrap import Control
from control.services.accounts import upsert_accounts
from control.services.dunning_policy import STANDARD, read_policy
from control.services.promises import hold_claim, make_promise, set_terms
from control.store.agreements import DebtTerms
from orchestration.dunning import run_debt
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.builders import NOW, a_draft, an_account, given_invoices, usd
from tests.control_bench.drafts import create_invoicing, put_drafts
from tests.control_bench.dunning import DUE, at
from tests.control_bench.stores import fresh_sqlite, opened
from warehouse.settings import Settings


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with opened(fresh_sqlite(tmp_path), tmp_path, gateways=lambda _: FakeGateway()) as control:
        yield control


def test_a_round_reads_drafts_takes_steps_and_publishes_them(control: Control, client: Client, settings: Settings) -> None:
    create_invoicing(client, settings)
    put_drafts(client, settings, a_draft("acc-2", period="2026-02"))
    upsert_accounts(control, [an_account(f"acc-{number}", gateway="", email="ada@acme.example") for number in (1, 2)], now=NOW)
    given_invoices(control, a_draft(amounts=(10_000,)), a_draft("acc-2", amounts=(500,)))
    set_terms(control, DebtTerms(account_id="acc-2", credit_limit=usd(10_000)), actor="ada", now=NOW)
    hold_claim(control, "INV-000002", reason="wrong", actor="ada", now=NOW)

    later = settings.model_copy(update={"now_text": at(3).isoformat()})
    report = run_debt(control, client, later)
    assert report.steps == {"enter": 1, "mail:reminder": 1, "credit_limit: restrict": 1}
    assert report.policy.content_hash == read_policy(STANDARD).content_hash
    make_promise(control, report.policy, "acc-1", amount=None, promised_for=DUE + timedelta(days=9), actor="ada", now=at(3, 8))
    again = run_debt(control, client, settings.model_copy(update={"now_text": at(3, 9).isoformat()}))
    assert again.steps == {}

    raw = settings.database("raw")

    def rows(columns: str, table: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in client.query(f"SELECT {columns} FROM {raw}.{table} FINAL ORDER BY ALL").result_rows]

    assert rows("account_id, state, step, toString(amount), invoice_numbers, days_overdue", "control_dunning_steps") == [
        ("acc-1", "reminded", "enter", "100", ["INV-000001"], 3),
        ("acc-1", "reminded", "mail:reminder", "100", ["INV-000001"], 3),
    ]
    assert rows("account_id, cause, lifted_at", "control_restrictions") == [("acc-2", "credit_limit", None)]
    assert rows("account_id, toString(amount), promised_for, withdrawn_at", "control_promises") == [
        ("acc-1", "100", DUE + timedelta(days=9), None)
    ]
    assert rows("reason, lifted_at", "control_claim_holds") == [("wrong", None)]
    assert rows("account_id, toString(credit_limit_amount), prepaid_minimum_amount", "control_debt_terms") == [("acc-2", "100", None)]
    assert rows("account_id, template, status, sent_at", "control_mails") == [
        ("acc-1", "reminder", "pending", None),
        ("acc-2", "credit_limit", "pending", None),
    ]
