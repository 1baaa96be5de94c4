"""The process of the checks, played by a small program: which run of the suite an answer is of, and what becomes of one that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.quality.gate import ChecksError, QualityGate
from orchestration.quality.suite import SUITE
from tests.conftest import make_settings
from warehouse.settings import Settings

# Finds as many bad rows as there were requests before, of each expectation.
_COUNTING = """
import json, sys
for number, line in enumerate(sys.stdin):
    names = [item["name"] for item in json.loads(line)["expectations"]]
    print(json.dumps({"results": [{"name": name, "count": number, "rows": [], "error": ""} for name in names]}), flush=True)
"""


def a_gate(tmp_path: Path, program: str) -> QualityGate:
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return QualityGate(process, tmp_path / "checks.log")


@pytest.fixture
def settings() -> Settings:
    return make_settings(clickhouse_url="http://127.0.0.1:1", clickhouse_user="pipeline")


def test_a_runner_that_was_killed_is_told_as_such_and_closing_it_says_nothing_else(tmp_path: Path, settings: Settings) -> None:
    gate = a_gate(tmp_path, "")
    gate._process.wait()

    with pytest.raises(ChecksError, match="ended early"):
        gate.look(settings, scope="touched")
    gate.close()


def test_a_look_takes_the_answer_of_the_run_that_has_begun_and_never_that_of_an_earlier_one(tmp_path: Path, settings: Settings) -> None:
    gate = a_gate(tmp_path, _COUNTING)

    gate.begin(settings, scope="touched")
    found = gate.look(settings, scope="touched")
    assert [(outcome.name, outcome.is_passed) for outcome in found] == [(expectation.name, True) for expectation in SUITE]
    gate.begin(settings, scope="touched")  # its tick fails before it looks
    gate.begin(settings, scope="touched")
    assert gate.look(settings, scope="touched")[0].figures == "2 rows"
    gate.begin(settings, scope="all")  # not what is looked at next
    assert gate.look(settings, scope="touched")[0].figures == "4 rows"
    gate.begin(settings, scope="touched")
    gate.close()
