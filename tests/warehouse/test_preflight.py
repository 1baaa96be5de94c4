"""Before a month is closed: what would stop it, what a person should know, and that looking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from control.bootstrap import Control, open_control
from control.services.accounts import upsert_accounts
from control.services.close import close_period
from control.services.lifecycle import suspend
from control.services.payment_methods import save_card
from control.services.preflight import Finding, Weight, last_as_of, next_to_close, preflight
from control.services.show import list_invoices
from orchestration.deployment import Deployment
from orchestration.jobs import month_preflight
from orchestration.jobs.job import JobRun
from tests.contract.fake_gateway import PAYS, FakeGateway
from tests.control_bench.builders import AS_OF, NOW, a_draft, an_account
from tests.control_bench.drafts import create_invoicing, put_drafts
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse import ticks
from warehouse.settings import Settings

UNRATED = "account_id String, metric String, hour_at DateTime64(3, 'UTC'), reason_code String"


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"control_url": SecretStr(fresh_sqlite(tmp_path)), "now_text": NOW.isoformat()})


@pytest.fixture
def control(own: Settings, client: Client) -> Iterator[Control]:
    create_invoicing(client, own)
    client.command(f"CREATE TABLE {own.database('rating')}.unrated_consumption ({UNRATED}) ENGINE = MergeTree ORDER BY account_id")
    gateway = FakeGateway()
    with open_control(own, control_settings(seller_address="Main St 1"), gateways=lambda _: gateway) as control:
        upsert_accounts(control, [an_account(f"acc-{number}") for number in (1, 2)])
        save_card(control, "acc-1", PAYS)
        yield control


def look(control: Control, client: Client, own: Settings, period: str = "2026-01", *, as_of: datetime = AS_OF) -> dict[str, Finding]:
    return {finding.check: finding for finding in preflight(control, client, own, period, as_of=as_of, now=NOW)}


def test_a_month_that_can_be_closed_is_shown_with_its_totals_and_stays_open(control: Control, client: Client, own: Settings) -> None:
    put_drafts(client, own, a_draft("acc-1", amounts=(12_000,)), a_draft("acc-1", amounts=(10_000,), period="2025-12"))
    close_period(control, client, own, "2025-12", as_of=AS_OF, now=NOW)
    assert next_to_close(control, client, own, as_of=AS_OF) == "2026-01"
    found = look(control, client, own)
    assert set(found) == {"totals"}
    assert (found["totals"].weight, found["totals"].message) == (Weight.TELLS, "120.00 USD; 2025-12: 100.00 USD, +20.0 %")
    assert list_invoices(control, "2026-01") == []
    (issued,) = close_period(control, client, own, "2026-01", as_of=AS_OF, now=NOW)
    assert issued.invoice_number == "INV-000002", "the rehearsal took no number"
    assert look(control, client, own)["is_open"].weight is Weight.TELLS


def test_whoever_cannot_be_charged_and_what_has_no_price_is_warned_of(control: Control, client: Client, own: Settings) -> None:
    put_drafts(client, own, a_draft("acc-1", amounts=(100,)), a_draft("acc-2", amounts=(50_000,)))
    put_drafts(client, own, a_draft("acc-1", amounts=(10_000,), period="2025-12"))
    close_period(control, client, own, "2025-12", as_of=AS_OF, now=NOW)
    suspend(control, "acc-2", reason="abuse", actor="ada", now=NOW)
    rows = [
        ["acc-2", "gpu.hours", datetime(2026, 1, 31, 23, tzinfo=UTC), "no_price"],
        ["acc-2", "x", datetime(2026, 2, 1, tzinfo=UTC), "no_price"],
    ]
    client.insert(f"{own.database('rating')}.unrated_consumption", rows, column_names=["account_id", "metric", "hour_at", "reason_code"])
    found = look(control, client, own)
    weights = {check: (finding.weight, finding.count) for check, finding in found.items()}
    assert weights == {
        "accounts_have_a_card": (Weight.WARNS, 1),
        "usage_is_rated": (Weight.WARNS, 1),
        "totals": (Weight.WARNS, 2),
        "accounts_are_active": (Weight.TELLS, 1),
    }
    assert "acc-2" in found["accounts_have_a_card"].message
    early = look(control, client, own, as_of=datetime(2026, 1, 20, tzinfo=UTC))
    assert early["drafts_are_whole"].weight is Weight.WARNS


def test_what_close_would_refuse_blocks_with_its_own_words(control: Control, client: Client, own: Settings) -> None:
    put_drafts(client, own, a_draft("acc-1"), a_draft("acc-9", period="2025-12"))
    blocked = look(control, client, own)["close"]
    assert (blocked.weight, "2025-12 has drafts" in blocked.message) == (Weight.BLOCKS, True)
    assert "acc-9" in look(control, client, own, "2025-12")["close"].message


def test_the_job_looks_at_the_earliest_open_month_and_fails_where_it_cannot_be_closed(
    control: Control, client: Client, own: Settings
) -> None:
    run = JobRun(deployment=Deployment(settings=own, control_settings=control.settings), control=control, client=client, now=NOW)
    assert month_preflight.report(run).figures["period"] == ""
    ticks.commit(client, own, ticks.begin(client, own, as_of=AS_OF))
    assert last_as_of(client, own) == AS_OF
    put_drafts(client, own, a_draft("acc-1"), a_draft("acc-9", period="2025-12"), a_draft("acc-1", period="2026-02"))
    report = month_preflight.report(run)
    assert (report.figures["period"], report.figures["blocks"]) == ("2025-12", 1)
    assert "acc-9" in report.problem
