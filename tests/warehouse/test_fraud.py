"""The antifraud on the real engine: two simulated months of two dozen accounts, then scans, replays and releases over what is left."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from control.bootstrap import Control
from control.domain.fraud import Action
from control.fraud.policy import load_policy
from control.fraud.rules import Place, run_on_warehouse
from control.services.fraud import scan
from control.services.fraud_replay import Truth, replay
from control.services.fraud_review import queue, release, show
from control.services.publish import publish
from control.testing.fraud_simulation import Behaviour, Figures, populate, simulate
from control.testing.fraud_simulation.population import START
from orchestration.deployment import Deployment
from orchestration.fraud_simulation import make_rated_tables
from orchestration.jobs import fraud_scan
from orchestration.jobs.job import JobRun
from tests.conftest import make_settings
from tests.control_bench.stores import fresh_sqlite, opened
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.settings import LAYERS, Settings

SEED, ACCOUNTS, MONTHS = 4, 32, 2
POLICY = load_policy()
END = START + timedelta(days=60, hours=6)


@dataclass(frozen=True, kw_only=True)
class Played:
    control: Control
    client: Client
    settings: Settings
    figures: Figures


@pytest.fixture(scope="module")
def played(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("fraud")
    url = fresh_sqlite(folder)
    own = make_settings(home=server.home, database_prefix=f"f{uuid.uuid4().hex[:12]}_", control_url=SecretStr(url))
    with contextlib.closing(connect(own)) as client, opened(url, folder, gateways=lambda _: pytest.fail("nobody is charged")) as control:
        migrate(client, own)
        make_rated_tables(client, own)
        figures = simulate(control, client, own, seed=SEED, accounts=ACCOUNTS, months=MONTHS, scan_every=3)
        yield Played(control=control, client=client, settings=own, figures=figures)
        for layer in LAYERS:
            client.command(f"DROP DATABASE IF EXISTS {own.database(layer)} SYNC")


def test_no_honest_account_is_suspended_and_most_fraud_is_caught(played: Played) -> None:
    rows = {row.behaviour: row for row in played.figures.rows}
    frauds = [row for row in rows.values() if row.behaviour.is_fraud]
    assert played.figures.wrongly_suspended == 0
    assert all(row.caught == 0 for row in rows.values() if not row.behaviour.is_fraud)
    assert rows[Behaviour.TRIAL_FARMER].missed == 0
    assert sum(row.caught for row in frauds) > sum(row.missed for row in frauds)


def test_the_same_seed_makes_the_same_people_and_another_makes_others() -> None:
    assert populate(SEED, accounts=60, months=3) == populate(SEED, accounts=60, months=3)
    assert populate(SEED, accounts=60, months=3) != populate(SEED + 1, accounts=60, months=3)


def test_a_scan_that_is_repeated_changes_nothing(played: Played) -> None:
    scan(played.control, played.client, played.settings, as_of=END, now=END)
    assert scan(played.control, played.client, played.settings, as_of=END, now=END).decisions == ()


def test_a_released_account_is_not_held_again_by_the_next_scan(played: Played) -> None:
    waiting = queue(played.control)
    for item in waiting:
        release(played.control, item.account_id, reason="looked at", actor="ada", now=END)
    assert scan(played.control, played.client, played.settings, as_of=END, now=END).decisions == ()
    assert all(show(played.control, item.account_id)[0] is Action.ALLOW for item in waiting)


def test_the_job_reports_what_it_saw_and_repeating_it_decides_nothing(played: Played) -> None:
    here = Deployment(settings=played.settings, control_settings=played.control.settings)
    run = JobRun(deployment=here, control=played.control, client=played.client, now=END)
    fraud_scan.report(run)
    again = fraud_scan.report(run)
    assert (again.figures["policy_version"], again.figures["decisions"], again.findings) == (POLICY.version, 0, [])
    assert int(again.figures["accounts_named"]) > 0
    assert any(name.startswith("hits_of_") for name in again.figures)


def test_rules_of_the_warehouse_look_at_nothing_after_their_as_of(played: Played) -> None:
    before = [
        run_on_warehouse(played.client, played.settings, rule, values, as_of=START) for rule, values in POLICY.switched_on(Place.WAREHOUSE)
    ]
    after = {
        rule.name
        for rule, values in POLICY.switched_on(Place.WAREHOUSE)
        for day in range(20, 60, 8)
        if run_on_warehouse(played.client, played.settings, rule, values, as_of=START + timedelta(days=day))
    }
    assert not any(before)
    assert {"gpu_burst", "mining_usage", "disposable_mail"} <= after


def test_a_replay_says_how_often_rules_were_right_and_changes_nothing(played: Played) -> None:
    start = END - timedelta(days=16)
    first = replay(played.control, played.client, played.settings, start=start, end=END - timedelta(days=10))
    assert first == replay(played.control, played.client, played.settings, start=start, end=END - timedelta(days=10))
    assert first.days == 7
    named = [record for record in first.rules if record.hits]
    assert named
    assert all(record.true_positives + record.false_positives + record.unknown == record.hits for record in first.rules)
    assert all(record.truth is not Truth.UNKNOWN for record in first.accounts if record.account_id in played.figures.fraudulent)


def test_decisions_and_verdicts_are_in_the_warehouse_with_their_evidence(played: Played) -> None:
    publish(played.control, played.client, played.settings)
    raw = played.settings.database("raw")
    rows = played.client.query(
        f"SELECT decisions.findings, verdicts.verdict FROM {raw}.control_fraud_decisions AS decisions FINAL"
        f" LEFT JOIN {raw}.control_fraud_verdicts AS verdicts FINAL USING (account_id, number) ORDER BY account_id, number"
    ).result_rows
    assert {verdict for _, verdict in rows} >= {"released", "confirmed"}
    assert all({"rule", "version", "inputs", "evidence"} <= finding.keys() for findings, _ in rows for finding in json.loads(findings))
