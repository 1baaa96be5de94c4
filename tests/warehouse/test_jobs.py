"""Jobs that run by themselves: the report of each is its asset's metadata and what the command line prints, also where it failed."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from dagster import DagsterInstance, ExecuteInProcessResult, materialize
from pydantic import SecretStr
from typer.testing import CliRunner

import orchestration.cli.jobs as verbs
from control.bootstrap import Control, Gateways, open_control
from control.domain.status import InvoiceStatus
from control.services.push import push
from control.services.show import show_invoice
from orchestration.assets.jobs import job_assets
from orchestration.cli.main import app
from orchestration.deployment import Deployment
from orchestration.jobs import payment_method_expiry, reconcile
from orchestration.jobs.job import Job, execute
from tests.contract.fake_gateway import NEEDS_HOLDER, FakeGateway
from tests.control_bench.builders import NOW, a_draft, given_account_with_card, given_invoices
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse.errors import RefusedError
from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Here(Deployment):
    """A deployment whose accounts pay at the gateway in memory."""

    gateways: Gateways

    def control(self) -> AbstractContextManager[Control]:
        return open_control(self.settings, self.control_settings, gateways=self.gateways)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway(now=lambda: NOW)


@pytest.fixture
def here(settings: Settings, client: Client, tmp_path: Path, gateway: FakeGateway) -> Deployment:
    own = settings.model_copy(update={"control_url": SecretStr(fresh_sqlite(tmp_path)), "now_text": (NOW + timedelta(hours=1)).isoformat()})
    return Here(settings=own, control_settings=control_settings(), gateways=lambda _: gateway)


def by_dagster(here: Deployment, job: Job) -> ExecuteInProcessResult:
    with DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        return materialize(job_assets([job]), resources={"deployment": here}, instance=instance, raise_on_error=False)


def figures(result: ExecuteInProcessResult) -> dict[str, object]:
    (made,) = result.asset_materializations_for_node(result.job_def.nodes[0].name)
    return {name: value.value for name, value in made.metadata.items() if name != "report"}


def test_a_payment_nobody_heard_of_is_mended_reported_and_in_the_warehouse(here: Deployment, client: Client, gateway: FakeGateway) -> None:
    with here.control() as control:
        given_account_with_card(control, token=NEEDS_HOLDER)
        given_invoices(control, a_draft())
        push(control, now=NOW)
        seen = gateway.find_invoice(next(iter(gateway.customers)), "acc-1:2026-01:invoice:")
        assert seen is not None
        gateway.authenticate(seen.gateway_invoice_id)
    result = by_dagster(here, reconcile.JOB)
    assert result.success
    assert figures(result) == {"payments": 1, "refunds": 0, "mended": 1, "left": 0, "findings": 1}
    again = figures(by_dagster(here, reconcile.JOB))
    assert again == {"payments": 1, "refunds": 0, "mended": 0, "left": 0, "findings": 0}
    with here.control() as control:
        assert show_invoice(control, "INV-000001").status is InvoiceStatus.PAID
    shown = client.query(f"SELECT status FROM {here.settings.database('raw')}.control_invoices FINAL").result_rows
    assert shown == [("paid",)]


def test_what_needs_a_person_fails_the_run_after_its_report(
    here: Deployment, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    with here.control() as control:
        given_account_with_card(control)
        given_invoices(control, a_draft())
        push(control, now=NOW)
    gateway.payments.clear()
    result = by_dagster(here, reconcile.JOB)
    assert not result.success
    assert figures(result)["left"] == 1
    monkeypatch.setattr(verbs, "deployment", lambda: here)
    ended = CliRunner().invoke(app, ["job", "run", "reconcile", "--format", "json"])
    assert isinstance(ended.exception, RefusedError)
    assert "missing_there" in str(ended.exception)
    assert [row["kind"] for row in json.loads(ended.stdout)] == ["missing_there"]


def test_a_card_that_ends_is_reminded_of_once_and_stays_on_the_list(here: Deployment) -> None:
    with here.control() as control:
        given_account_with_card(control)  # until 2031-12
    later = Here(
        settings=here.settings.model_copy(update={"now_text": "2031-11-05T00:00:00Z"}),
        control_settings=here.control_settings,
        gateways=lambda _: FakeGateway(),
    )
    assert execute(payment_method_expiry.JOB, here).figures == {"reminders": 0, "ending": 0, "ended": 0}
    first, second = execute(payment_method_expiry.JOB, later), execute(payment_method_expiry.JOB, later)
    assert (first.figures["reminders"], second.figures["reminders"]) == (1, 0)
    assert [row["account_id"] for row in second.findings] == ["acc-1"]
