"""The quickstart's commands, run as a reader runs them: block after block in one shell, in a fresh home."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"
RUNNABLE = re.compile(r"^<!-- runnable -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A dozen commands, two of which run the models: under a minute on an idle machine, many on a busy one.
LONGEST_SECONDS = 900
pytestmark = pytest.mark.timeout(LONGEST_SECONDS + 30)


def environment(home: Path) -> dict[str, str]:
    """A shell of its own: nothing that the person who runs the tests has set comes through."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return {"METERHOUSE_HOME": str(home), "PATH": path, "HOME": str(home.parent), "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bool]]:
    """The home after all runnable blocks, and whether they left a warehouse running."""
    folder = tmp_path_factory.mktemp("quickstart")
    home = folder / "home"
    script = "set -eux\n" + "\n".join(RUNNABLE.findall(PAGE.read_text()))
    try:
        ended = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=environment(home), capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        left_running = (home / "warehouse" / "server.json").exists()
        yield home, left_running
    finally:
        subprocess.run(["meterhouse", "warehouse", "stop"], env=environment(home), capture_output=True, timeout=60, check=True)


def test_the_page_has_runnable_blocks_and_every_sh_block_is_one() -> None:
    page = PAGE.read_text()
    assert len(RUNNABLE.findall(page)) == page.count("```sh\n") > 5


def test_the_blocks_end_with_the_invoice_that_the_page_promises(played: tuple[Path, bool]) -> None:
    home, _ = played
    listed = subprocess.run(
        ["meterhouse", "invoice", "list", "2026-01", "--format", "json"], env=environment(home), capture_output=True, text=True, check=True
    )
    (invoice,) = json.loads(listed.stdout)
    assert invoice["status"] == "issued"
    assert invoice["account_id"] == "acc-first"
    assert Decimal(invoice["total_amount"]) == Decimal("6.40")


def test_the_blocks_leave_no_warehouse_running(played: tuple[Path, bool]) -> None:
    _, left_running = played
    assert not left_running
