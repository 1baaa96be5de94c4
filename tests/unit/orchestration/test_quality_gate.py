"""What becomes of a command whose checks' process is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.quality.gate import ChecksError, QualityGate


def test_a_runner_that_was_killed_is_told_as_such_and_closing_it_says_nothing_else(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.wait()
    gate = QualityGate(process, tmp_path / "checks.log")

    with pytest.raises(ChecksError, match="ended early"):
        gate._ask({"expectations": []})
    gate.close()
