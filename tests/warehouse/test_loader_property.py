"""The SQL that reads lines agrees with the contract written down in plain Python, on lines nobody thought of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingestion.sql.learning import shapes_of
from ingestion.sql.shapes import Shape
from ingestion.sql.stage import COLUMNS, Stage
from tests.warehouse.loader.contract_reader import KINDS, Rejected, read
from tests.warehouse.loader.deployments import NOW, open_deployment
from tests.warehouse.loader.inventions import alike_lines, random_lines
from warehouse.settings import Settings

NOW_MILLISECONDS = int(NOW.timestamp()) * 1000
LINES_AN_EXAMPLE, ALIKE_AN_EXAMPLE = 2500, 1000

Read = tuple[dict[str, Any] | Rejected | None, int]


@pytest.fixture(scope="module")
def deployment(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Client]]:
    with open_deployment(server.home, tmp_path_factory.mktemp("property")) as opened:
        yield opened.settings, opened.client


# No shrinking: lines are compared one by one, so a failure names its line already.
@hypothesis_settings(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_sql_and_python_read_every_line_alike(deployment: tuple[Settings, Client], seed: int) -> None:
    lines = [*random_lines(seed, LINES_AN_EXAMPLE), *alike_lines(seed, ALIKE_AN_EXAMPLE)]
    shapes = shapes_of(lines[LINES_AN_EXAMPLE:])
    found = _read_by_sql(*deployment, lines, shapes)
    hashes: dict[str, set[int]] = defaultdict(set)
    for number, (line, (outcome, content_hash)) in enumerate(zip(lines, found, strict=True), 1):
        expected = read(line, now=NOW, is_first=number == 1)
        assert outcome == expected, f"seed {seed}, line {number}: {line!r}"
        if isinstance(expected, dict):
            content = {name: value for name, value in expected.items() if name not in ("source", "event_id")}
            content |= {name: sorted((key, value) for key, value in content[name].items()) for name in ("metrics", "labels")}
            hashes[repr(content)].add(content_hash)
    # Equal content, however it is written, has one hash; other content has another.
    assert all(len(found_hashes) == 1 for found_hashes in hashes.values())
    assert len(set().union(*hashes.values())) == len(hashes)
    # Or the test says little about good lines and those of a shape.
    assert len(hashes) > LINES_AN_EXAMPLE / 20
    assert (
        sum(re.match(shape.pattern, line.decode(errors="replace")) is not None for line in lines for shape in shapes)
        > ALIKE_AN_EXAMPLE / 10
    )


def _read_by_sql(settings: Settings, client: Client, lines: Sequence[bytes], shapes: Sequence[Shape]) -> list[Read]:
    """Each line's outcome and content hash, from the stage, where they stand before anything depends on them."""
    stage = Stage(settings=settings, attempt="property", shapes=shapes)
    for statement in stage.creation(now_milliseconds=NOW_MILLISECONDS):
        client.command(statement)
    try:
        client.raw_insert(
            stage.sending(1, "input('line String')", line="line").removeprefix("INSERT INTO "),
            insert_block=b"\n".join(lines),
            fmt="LineAsString",
        )
        client.command(stage.odd_lines(now_milliseconds=NOW_MILLISECONDS))
        columns = ("line_number", "is_blank", "reason_code", "content_hash", *COLUMNS)
        wanted = ", ".join(columns)
        refused = f"SELECT {wanted} FROM {stage.rest} WHERE is_blank OR notEmpty(reason_code)"
        events = f"SELECT {wanted} FROM (SELECT *, false AS is_blank, '' AS reason_code FROM {stage.events('true')}) AS event"
        rows = client.query(f"{refused} UNION ALL {events} INNER JOIN {stage.hashes} AS hashes USING (line_number)").result_rows
        rows = sorted(rows, key=lambda row: row[0])
    finally:
        client.command(stage.removal())
    assert [row[0] for row in rows] == list(range(1, len(lines) + 1))
    return [(_outcome(dict(zip(columns, row, strict=True))), row[3]) for row in rows]


def _outcome(row: dict[str, Any]) -> dict[str, Any] | Rejected | None:
    if row["is_blank"]:
        return None
    if row["reason_code"]:
        return Rejected(row["reason_code"])
    assert row["kind"] in KINDS.values()
    return {name: row[name] for name in COLUMNS}
