"""What counts as a build."""

from __future__ import annotations

import pytest

from orchestration.dbt import DbtError, NodeResult, require_all


def a_result(unique_id: str, *, status: str = "success") -> NodeResult:
    return NodeResult(unique_id=unique_id, status=status, message="", failure_count=0, seconds=0.0, sql="")


def test_a_build_with_a_result_for_everything_is_one_whatever_the_results_are() -> None:
    require_all(["model.a", "test.b"], [a_result("test.b", status="skipped"), a_result("model.a", status="error")])


def test_a_build_that_left_out_a_check_is_none() -> None:
    with pytest.raises(DbtError, match=r"left out test\.b, test\.c; the tick was not committed"):
        require_all(["model.a", "test.c", "test.b"], [a_result("model.a")])
