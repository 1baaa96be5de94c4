"""A benchmark runs the product's own commands on a deployment of its own, and leaves nothing, however the last one ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import BenchmarkError
from benchmarks.ground import ground
from benchmarks.identity import bench_identity, figures
from benchmarks.slice import Slice, write_slice
from orchestration.session import open_warehouse
from tests.command_line import Home
from tests.conftest import make_settings
from warehouse import embedded
from warehouse.errors import RefusedError


def test_what_an_interrupted_benchmark_left_is_removed_and_a_running_one_is_respected(tmp_path: Path) -> None:
    settings = make_settings(home=tmp_path / "home")
    left = tmp_path / "home" / "bench"
    embedded.start(left)
    (left / "half a history").touch()
    with ground(settings) as here:
        assert embedded.running(left) is None
        assert sorted(path.name for path in left.iterdir()) == ["landing", "run"]
        assert here.settings.database("raw") == "bench_raw"
        with pytest.raises(RefusedError, match="another benchmark runs"), ground(settings):
            pass
    assert not left.exists()


def test_commands_are_run_as_processes_and_their_statements_seen(tmp_path: Path) -> None:
    written = write_slice(Slice.scaled(1_000), tmp_path / "slice")
    with ground(make_settings(home=tmp_path / "home")) as here, open_warehouse(here.deployment):
        ran = here.command("ingest", str(written.events), name="load")
        assert here.value("SELECT count() FROM {ops}.batches") == len(written.files)
        with pytest.raises(BenchmarkError, match=r"`meterhouse ingest` failed: .*no such file"):
            here.command("ingest", str(tmp_path / "nothing"))
    assert 0 < ran.busy_seconds < ran.seconds
    moved = [statement for statement in ran.statements if statement.label.startswith("INSERT INTO bench_raw.identities")]
    assert len(moved) == 1  # the files are loaded together
    assert sum(statement.written_rows for statement in moved) == written.accepted
    assert all(statement.read_rows > 0 for statement in moved)


def test_the_identity_check_is_measured_against_each_size_and_its_answer_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.ground._IDLE_SECONDS", 0.1)
    found = bench_identity(make_settings(home=tmp_path / "home"), sizes=[60_000, 20_000], tell=print, batch_lines=5_000)
    assert [one.stored for one in found] == [20_000, 60_000]
    assert all(one.stored_bytes > 0 and one.read_rows > 0 and len(one.check_seconds) == 3 for one in found)
    ratios = [figure for figure in figures(found) if figure.beside_name == "20,000 stored"]
    assert [figure.name for figure in ratios] == ["60,000 stored: check of 5,000 lines"]


def test_the_slice_goes_from_files_to_drafts_beside_its_limit(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    rows = {row["figure"]: row for row in home.rows("bench", "slice", "--events", "1000")}
    assert {"files to raw", "raw to drafts", "files to drafts", "limit", "empty tick", "peak memory of the slice"} <= set(rows)
    assert rows["files to drafts"]["ratio_to"] == "limit"
    assert float(rows["files to drafts"]["ratio"].replace(",", "")) > 1
    assert not (home.path / "bench").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("slice", "--events", "10"),
        ("history", "--history", "many"),
        ("nothing",),
        ("day", "--hours", "6"),
        ("identity", "--identities", "1"),
        ("faults", "--seeds", "0"),
    ],
)
def test_wrong_usage_is_refused_before_anything_runs(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    home = Home(tmp_path / "home")
    assert home.call("bench", *arguments).returncode == 2
    assert not home.path.exists()
