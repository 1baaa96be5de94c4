"""What counts as a shape, and which lines have it. That SQL reads such lines right is shown by test_loader_property.py."""

from __future__ import annotations

import re

import pytest

from ingestion.sql.learning import MOST, shapes_of
from tests.warehouse.loader.lines import lifecycle, usage


def test_a_shape_is_all_of_a_line_but_its_values() -> None:
    (shape,) = shapes_of([usage(sequence="7").encode()])

    assert shape.texts == {"id", "source", "subject", "time", "account_id", "project_id", "region", "metric", "quantity"}
    assert shape.numbers == {"sequence"}
    assert shape.labels == ("team",)
    assert not shape.is_spaced
    assert re.match(shape.pattern, usage(sequence="-12", id='"other"', quantity='"0.5"', project_id='""', labels='{"team":""}'))


@pytest.mark.parametrize(
    "other",
    [
        usage(),  # without the sequence
        usage(sequence='"7"'),
        usage(sequence="7", id='""'),
        usage(sequence="7", id=r'"\u0061"'),
        usage(sequence="7", id='"é"'),
        usage(sequence="7", labels='{"env":"ml"}'),
        usage(sequence="7", labels='{"team":"ml","team":"ml"}'),
        usage(sequence="7", type='"resource.created"'),
        usage(sequence="7", specversion='"1.1"'),
        usage(sequence="7") + " ",
        usage(sequence="7")[:-1],
    ],
)
def test_a_line_that_differs_in_anything_else_has_another_shape_or_none(other: str) -> None:
    (shape,) = shapes_of([usage(sequence="7").encode()])

    assert not re.match(shape.pattern, other)


@pytest.mark.parametrize(
    "line",
    [
        lifecycle(),
        usage(specversion='"1.1"'),
        usage(quantity="null"),
        usage(quantity="1e3"),
        usage(sequence='"7"'),
        usage(labels="[]"),
        usage(labels='{"region":"r"}'),  # a name that is read as something else
        usage(labels='{"":"r"}'),
        usage(labels='{"team":5}'),
        usage(labels="{" + ",".join(f'"l{number}":"x"' for number in range(17)) + "}"),
        usage(value='"' + "x" * 4096 + '"'),
        usage(state='"running"'),
        usage(id='"é"'),
        usage(id=r'"a\\b"'),
        usage().replace('"id":', '"id" :'),
        usage().replace('"id":', '"id": '),  # a space here and none elsewhere
        usage().replace('"id":', '"source":"/other","id":'),
        usage().replace('"id":', '"region":"elsewhere","id":'),
        "[1]",
        "5",
        "",
        "{",
    ],
)
def test_a_line_that_is_no_usage_or_unusual_has_no_shape(line: str) -> None:
    assert shapes_of([line.encode()]) == []


def test_spaces_as_json_libraries_write_them_are_usual() -> None:
    (shape,) = shapes_of([usage().replace('":', '": ').replace(",", ", ").encode()])

    assert shape.is_spaced


def test_the_most_common_shapes_come_first_and_rare_ones_are_left_out() -> None:
    lines = [usage(labels=f'{{"l{number}":"x"}}').encode() for number in range(MOST + 1) for _ in range(number + 10)]

    found = shapes_of([*lines, usage(region="null").encode(), usage(labels='{"rare":"x"}').encode(), b"\xff"])

    assert [shape.labels for shape in found] == [(f"l{number}",) for number in range(MOST, 0, -1)]
