"""`meterhouse debt …` as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from control.services.dunning import run_dunning
from control.services.dunning_policy import STANDARD
from orchestration.cli import debt, debt_agreements, debt_policies
from orchestration.cli.main import app
from orchestration.deployment import Deployment
from tests.conftest import make_settings
from tests.control_bench.dunning import POLICY, at, given_debtor
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse.errors import InputError, RefusedError

Verb = Callable[..., Any]


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verb:
    """Runs a verb 10 days after the due date of acc-1's only invoice; what it prints, or the error it ends with."""
    settings = make_settings(home=tmp_path, control_url=SecretStr(fresh_sqlite(tmp_path)))
    here = Deployment(settings=settings.model_copy(update={"now_text": at(10).isoformat()}), control_settings=control_settings())
    with here.control() as control:
        given_debtor(control)
        run_dunning(control, POLICY, now=at(3))
    for module in (debt, debt_agreements, debt_policies):
        monkeypatch.setattr(module, "deployment", lambda: here)

    def call(*arguments: str) -> Any:  # noqa: ANN401 - JSON or an error
        ended = CliRunner().invoke(app, ["debt", *arguments, "--format", "json"])
        return ended.exception if ended.exit_code == 1 else json.loads(ended.stdout)

    return call


def test_debt_is_shown_with_what_comes_next_and_what_was_done(verb: Verb) -> None:
    (row,) = verb("show")
    assert row == {
        "account_id": "acc-1",
        "account_state": "active",
        "currency_code": "USD",
        "open_amount": "100.00",
        "overdue_amount": "100.00",
        "overdue_since": "2026-02-17",
        "days_overdue": 10,
        "state": "warned",
        "next": "mail:second_reminder",
        "restricted_for": "",
        "held": "",
    }
    assert verb("show", "acc-1") == [row]
    assert isinstance(verb("show", "acc-9"), InputError)
    (ageing,) = verb("ageing")
    assert (ageing["days_1_30_amount"], ageing["receivable_amount"]) == ("100.00", "100.00")
    assert [row["step"] for row in verb("steps")] == ["enter", "mail:reminder"]
    assert [(row["template"], row["status"]) for row in verb("mails", "--account", "acc-1")] == [("reminder", "pending")]


def test_agreements_are_made_shown_and_ended(verb: Verb) -> None:
    (made,) = verb("promise", "acc-1", "--by", "2026-03-05", "--amount", "60")
    assert (made["amount"], made["status"], made["promised_for"]) == ("60.00", "open", "2026-03-05")
    assert verb("show")[0]["next"] == "promised for 2026-03-05"
    (withdrawn,) = verb("withdraw-promise", made["promise_id"])
    assert withdrawn["status"] == "withdrawn"
    assert isinstance(verb("promise", "acc-1", "--by", "2027-03-05"), RefusedError)
    assert verb("hold", "INV-000001", "--reason", "quantity")[0]["is_held"] is True
    assert verb("show")[0]["held"] == "INV-000001: disputed by the customer"
    assert verb("release", "INV-000001")[0]["is_held"] is False
    (terms,) = verb("terms", "acc-1", "--grace-days", "4", "--credit-limit", "500", "--language", "de")
    assert terms == {
        "account_id": "acc-1",
        "grace_days": 4,
        "language": "de",
        "currency_code": "USD",
        "credit_limit_amount": "500.00",
        "prepaid_minimum_amount": None,
    }
    assert verb("terms", "acc-1", "--credit-limit", "none")[0]["credit_limit_amount"] is None
    assert verb("show")[0]["days_overdue"] == 6


def test_a_policy_is_checked_replayed_and_simulated_before_it_is_switched_on(verb: Verb, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(STANDARD.read_text().replace("\ndays = 3\n", "\ndays = 5\n").replace('"standard"', '"mine"'))
    assert [row["state"] for row in verb("policy", str(mine))][:2] == ["written_off", "handed_over"]
    (change,) = verb("what-if", str(mine))
    assert (change["step"], change["active_day"], change["candidate_day"], change["change"]) == (
        "mail:reminder", "2026-02-20", "2026-02-22", "later",
    )  # fmt: skip
    rows = verb("simulate", "--accounts", "10", "--months", "3", "--policy", str(mine))
    assert (rows[-1]["behaviour"], rows[-1]["accounts"], rows[-1]["policy_errors"]) == ("all", 10, 0)
    mine.write_text(mine.read_text().replace("notice_days = 7", ""))
    refused = verb("policy", str(mine))
    assert isinstance(refused, InputError)
    assert f"{mine}: state suspended: notice_days" in str(refused)
