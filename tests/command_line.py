"""Runs `meterhouse` as a user does: a process of its own, in a home of its own, with nothing of the shell that runs the tests.

A called command is forked from a process that has its imports behind it (benchmarks/faults_process.py): they take seconds
each time and are the same each time. The quickstart, and what is started without waiting, begin as a user's commands do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import faults_process

METERHOUSE = str(Path(sys.executable).parent / "meterhouse")


@dataclass(frozen=True)
class Home:
    """A home and the settings of its commands."""

    path: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """All that a command sees."""
        return {"METERHOUSE_HOME": str(self.path), "PATH": "/usr/bin:/bin", "HOME": str(self.path), "LANG": "C.UTF-8", **self.settings}

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command, however it ends."""
        with tempfile.TemporaryDirectory() as folder:
            command = faults_process.start(
                arguments, environment=self.environment, folder=Path(folder) / "command", directory=self.path.parent
            )
            ended = command.wait()
        return subprocess.CompletedProcess(arguments, ended.exit_code, ended.output, ended.errors)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command prints as JSON; it must succeed."""
        ended = self.call(*arguments)
        assert ended.returncode == 0, f"meterhouse {' '.join(arguments)}: {ended.stderr}"
        found: list[dict[str, Any]] = json.loads(ended.stdout)
        return found

    def refusal(self, *arguments: str) -> str:
        """The one sentence of a command that must fail with exit code 1."""
        ended = self.call(*arguments)
        assert ended.returncode == 1, f"exit code {ended.returncode}: {ended.stdout}{ended.stderr}"
        assert "Traceback" not in ended.stderr
        sentence = ended.stderr.strip()
        assert sentence.startswith("meterhouse: ")
        return sentence

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command without waiting for it."""
        return subprocess.Popen(
            [METERHOUSE, *arguments],
            env=self.environment,
            cwd=self.path.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


PUBLIC_TABLES = (
    "metering.consumption_hourly",
    "rating.charges_hourly",
    "rating.charges_daily",
    "rating.unrated_consumption",
    "invoicing.invoices",
    "invoicing.invoice_lines",
    "ops.event_accounting",
    "ops.rejected_events",
)


def fingerprints(home: Home, *, prefix: str = "") -> dict[str, tuple[int, int]]:
    """Rows and a hash of the content of each public table, whatever the order of rows. `rejected_at` and `batch_seq` are of the load."""
    union = " UNION ALL ".join(
        f"SELECT '{table}' AS name, count() AS row_count, groupBitXor(cityHash64(toString(tuple(*)))) AS content"
        f" FROM (SELECT * {'EXCEPT (rejected_at, batch_seq)' if table == 'ops.rejected_events' else ''} FROM {prefix}{table})"
        for table in PUBLIC_TABLES
    )
    return {row["name"]: (row["row_count"], row["content"]) for row in home.rows("sql", union, "--format", "json")}
