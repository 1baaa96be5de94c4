"""`account contacts | set-contact | remove-contact` as a person uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

import orchestration.cli.accounts as verbs
from control.services.accounts import upsert_accounts
from orchestration.cli.main import app
from orchestration.deployment import Deployment
from tests.conftest import make_settings
from tests.control_bench.builders import an_account
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse.errors import InputError


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs `meterhouse account VERB acc-1 …`; what it prints, or the error it ends with."""
    here = Deployment(
        settings=make_settings(home=tmp_path, control_url=SecretStr(fresh_sqlite(tmp_path))), control_settings=control_settings()
    )
    with here.control() as control:
        upsert_accounts(control, [an_account()])
    monkeypatch.setattr(verbs, "deployment", lambda: here)

    def call(verb: str, *arguments: str) -> Any:  # noqa: ANN401 - JSON or an error
        ended = CliRunner().invoke(app, ["account", verb, "acc-1", *arguments, "--format", "json"])
        return ended.exception if ended.exit_code == 1 else json.loads(ended.stdout)

    return call


def test_a_contact_is_added_changed_and_removed(account: Callable[..., Any]) -> None:
    assert account("contacts") == []
    added = account("set-contact", "Bills@Example.com", "--name", "Bills")
    assert added == [{"email": "bills@example.com", "name": "Bills", "purpose": "billing"}]
    assert account("set-contact", "bills@example.com", "legal") == [{"email": "bills@example.com", "name": "", "purpose": "legal"}]
    assert account("remove-contact", "bills@example.com") == []
    again = account("remove-contact", "bills@example.com")
    assert isinstance(again, InputError)
    assert "no contact" in str(again)
    assert isinstance(account("set-contact", "nobody"), InputError)
