"""Wrong usage ends with 2 before anything is opened."""

from __future__ import annotations

import pytest

from orchestration.cli.main import app


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["run", "--as-of", "yesterday"],
        ["close", "2026-13"],
        ["close"],
        ["ingest"],
        ["sql"],
        ["sql", " ; "],
        ["sql", "SELECT 1", "--as", "bob"],
        ["sql", "SELECT 1", "--format", "xml"],
        ["rebuild", "--from", "2026-02-01", "--to", "2026-01-01"],
        ["generate", "--events", "0", "--seed", "1", "--accounts", "1", "--out", "x"],
        ["invoice", "list", "January"],
        ["export", "focus", "2026-01"],
        ["export", "focus", "January", "--out", "x"],
        ["warehouse", "restart"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(args=arguments, prog_name="meterhouse")
    assert ended.value.code == 2
    assert "Error" in capsys.readouterr().err


def test_help_names_every_verb_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(args=["--help"], prog_name="meterhouse")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    verbs = "demo up down status warehouse connect catalog ingest run rebuild close push invoice explain sql export generate"
    assert [verb for verb in verbs.split() if f"  {verb} " not in shown] == []
