"""`payout list | export` as a person at the bank's desk uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

import orchestration.cli.payouts as verbs
from orchestration.cli.main import app
from orchestration.deployment import Deployment
from tests.conftest import make_settings
from tests.control_bench.bank import PAYER, give_back, given_paid_by_bank
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse.errors import InputError


def payout(*arguments: str) -> Any:  # noqa: ANN401 - JSON or an error
    ended = CliRunner().invoke(app, ["payout", *arguments, "--format", "json"])
    return ended.exception if ended.exit_code == 1 else json.loads(ended.stdout)


def test_what_waits_is_exported_once_and_a_lost_file_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make_settings(home=tmp_path, control_url=SecretStr(fresh_sqlite(tmp_path)))
    here = Deployment(settings=settings, control_settings=control_settings())
    with here.control() as control:
        given_paid_by_bank(control)
        give_back(control, 1_190)
    monkeypatch.setattr(verbs, "deployment", lambda: here)
    (waiting,) = payout("list", "--status", "waiting")
    assert (waiting["amount"], waiting["iban"], waiting["export_id"]) == ("11.90", PAYER, "")
    nowhere = payout("export", "--out", str(tmp_path / "none" / "out.xml"))
    assert isinstance(nowhere, InputError)
    (exported,) = payout("list")
    assert f"--again {exported['export_id']}" in str(nowhere)
    file = tmp_path / "out.xml"
    assert payout("export", "--out", str(file)) == [], "it is in a message already"
    assert not file.exists()
    assert [row["payout_id"] for row in payout("export", "--out", str(file), "--again", exported["export_id"])] == [waiting["payout_id"]]
    assert waiting["payout_id"] in file.read_text()
