"""What a run says about its checks."""

from __future__ import annotations

import pytest

from orchestration.figures import in_words
from orchestration.report import CheckFailedError, CheckOutcome, RunReport


def outcome(*, is_passed: bool, is_blocking: bool) -> CheckOutcome:
    return CheckOutcome(name="adds_up", is_passed=is_passed, is_blocking=is_blocking, figures="" if is_passed else "lines=3; accepted=2")


def test_a_failed_blocking_check_is_named_with_its_figures() -> None:
    report = RunReport(checks=[outcome(is_passed=False, is_blocking=True)])
    with pytest.raises(CheckFailedError, match=r"adds_up \(lines=3; accepted=2\)"):
        report.raise_if_failed()


def test_a_failed_warning_stops_nothing() -> None:
    report = RunReport(checks=[outcome(is_passed=False, is_blocking=False), outcome(is_passed=True, is_blocking=True)])
    report.raise_if_failed()
    assert [check.name for check in report.warnings] == ["adds_up"]


def test_figures_show_the_first_rows_and_count_the_rest() -> None:
    rows = [{"account_id": name, "difference": 1} for name in "abcd"]
    assert in_words(rows, count=9) == "account_id=a; difference=1 | account_id=b; difference=1 | account_id=c; difference=1 and 6 more"


def test_figures_of_nothing_are_empty() -> None:
    assert in_words([], count=0) == ""
