"""The fraud verbs as a user runs them."""

from __future__ import annotations

from pathlib import Path

from orchestration.cli.fraud import QUEUE_COLUMNS, RULE_COLUMNS
from tests.command_line import Home


def test_the_fraud_verbs_print_what_there_is_and_say_what_to_do_next(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    rules = home.rows("fraud", "rules")
    assert tuple(rules[0]) == RULE_COLUMNS
    assert {rule["rule"] for rule in rules} >= {"card_testing", "shared_card", "gpu_burst"}
    assert home.call("fraud", "queue", "--format", "tsv").stdout == "\t".join(QUEUE_COLUMNS) + "\n"
    assert "start with `meterhouse run`" in home.refusal("fraud", "scan")
    broken = tmp_path / "fraud.toml"
    broken.write_text("[thresholds]\n")
    other = Home(tmp_path / "home", {"METERHOUSE_FRAUD_POLICY": str(broken)})
    assert "thresholds.challenge is missing" in other.refusal("fraud", "rules")
