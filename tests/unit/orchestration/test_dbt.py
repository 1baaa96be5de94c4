"""What counts as a build, and where the parsed project lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestration import dbt
from orchestration.dbt import DbtError, NodeResult, first_line, require_all
from tests.conftest import make_settings


def a_result(unique_id: str, *, status: str = "success") -> NodeResult:
    return NodeResult(unique_id=unique_id, status=status, message="", failure_count=0, seconds=0.0, sql="")


def test_a_build_with_a_result_for_everything_is_one_whatever_the_results_are() -> None:
    require_all(["model.a", "test.b"], [a_result("test.b", status="skipped"), a_result("model.a", status="error")])


def test_a_build_that_left_out_a_check_is_none() -> None:
    with pytest.raises(DbtError, match=r"left out test\.b, test\.c; the tick was not committed"):
        require_all(["model.a", "test.c", "test.b"], [a_result("model.a")])


def test_an_error_is_one_line_without_the_address_of_the_statement() -> None:
    message = """Database Error in model charges_hourly (dbt_project/models/rating/charges_hourly.sql)
      Error HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with url: /?join_use_nulls=0&session_id=x (Caused by y)
      compiled code at z"""
    assert first_line(message) == (
        "Database Error in model charges_hourly (dbt_project/models/rating/charges_hourly.sql)"
        " Error HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded (Caused by y)"
    )


def test_homes_have_the_parsed_project_in_common_and_one_of_a_checkout_that_is_only_read_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "checkout"
    checkout.touch()  # no folder can be made in it
    monkeypatch.setattr(dbt, "TARGET", checkout / "target")
    first, second = (make_settings(home=tmp_path / name) for name in ("first", "second"))
    assert "model.meterhouse.charges_hourly" in dbt.manifest(first)["nodes"]
    (parsed,) = (first.home / "dbt" / "parsed").iterdir()

    shutil.copytree(parsed.parent, tmp_path / "target" / "parsed")
    monkeypatch.setattr(dbt, "TARGET", tmp_path / "target")
    assert dbt.manifest(second) == dbt.manifest(first)
    assert not second.home.exists()
    assert (parsed.stat().st_mode & 0o777) == 0o755
