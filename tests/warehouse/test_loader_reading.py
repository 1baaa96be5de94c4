"""What becomes of one line: each edge of CONTRACTS section 2 through the loader, all in one load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.warehouse.loader.cases import CASES, Case
from tests.warehouse.loader.contract_reader import Rejected, read
from tests.warehouse.loader.deployments import NOW, Deployment, open_deployment
from warehouse.settings import Settings

USAGE = "line_number, source, event_id, resource_id, event_at, account_id, project_id, region, metric, quantity, value, labels, sequence"
LIFECYCLE = (
    "line_number, source, event_id, resource_id, event_at, kind, sequence, account_id, project_id, region, resource_type, state,"
    " metrics, labels"
)


@pytest.fixture(scope="module")
def loaded(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Any]]:
    """Line number -> reason code and raw text, or the columns of the event; blank lines are absent."""
    with open_deployment(server.home, tmp_path_factory.mktemp("reading")) as deployment:
        # An identity for each line, so that none is a duplicate of another.
        lines = [case.line.replace(b"event-000001", b"event-%06d" % number) for number, case in enumerate(CASES, 1)]
        result = deployment.load(_apart(lines))
        assert result.conflicts == result.duplicates == 0
        yield _outcomes(deployment)


def _apart(lines: list[bytes]) -> list[bytes]:
    """Give each line whose id is part of its case a source of its own."""
    return [
        line if b"event-%06d" % number in line else line.replace(b"/storage/", b"/storage/%d/" % number)
        for number, line in enumerate(lines, 1)
    ]


def _outcomes(deployment: Deployment) -> dict[int, Any]:
    outcomes: dict[int, Any] = {}
    for line_number, reason_code, raw_line in deployment.rows("ops.rejected_events", "line_number, reason_code, hex(raw_line)"):
        outcomes[line_number] = (reason_code, bytes.fromhex(raw_line))
    label_sets = f"{deployment.settings.database('raw')}.label_sets"
    usage = f"raw.usage_events LEFT ANY JOIN {label_sets} AS carried USING (labels_hash)"
    for table, columns in ((usage, USAGE), ("raw.lifecycle_events", LIFECYCLE)):
        names = columns.split(", ")
        for row in deployment.rows(table, columns, "line_number"):
            outcomes[row[0]] = dict(zip(names, row, strict=True))
    return outcomes


@pytest.mark.parametrize(("line_number", "case"), list(enumerate(CASES, 1)), ids=[case.name for case in CASES])
def test_a_line_is_read_or_rejected_as_the_contract_says(loaded: dict[int, Any], line_number: int, case: Case) -> None:
    outcome = loaded.get(line_number)
    if case.outcome is None:
        assert outcome is None
    elif isinstance(case.outcome, str):
        assert isinstance(outcome, tuple), outcome
        assert outcome[0] == case.outcome
    else:
        assert isinstance(outcome, dict), outcome
        for name, value in case.outcome.items():
            if value is None:
                assert name not in outcome
            else:
                assert outcome[name] == value
                assert not isinstance(value, dict) or list(outcome[name]) == list(value)  # maps are kept in byte order


def test_a_rejected_line_is_kept_to_the_byte(loaded: dict[int, Any]) -> None:
    for line_number, case in enumerate(CASES, 1):
        if isinstance(case.outcome, str):
            kept = loaded[line_number][1]
            assert kept.replace(b"event-%06d" % line_number, b"event-000001").replace(b"/%d/" % line_number, b"/") == case.line


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_reader_that_the_sql_is_compared_with_knows_the_same_edges(case: Case) -> None:
    if "nesting" in case.name:
        return  # Python's own limit of nesting is another; the engine's stands above
    found = read(case.line, now=NOW)
    if case.outcome is None or isinstance(case.outcome, str):
        assert found == (None if case.outcome is None else Rejected(case.outcome))
    else:
        assert isinstance(found, dict), found
        known = {name: value for name, value in case.outcome.items() if value is not None and name != "kind"}
        assert {name: found[name] for name in known} == known
