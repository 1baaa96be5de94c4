"""Catalogs and batches as files: what is written reads back as the same world."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.generators import random_story, write_batches, write_catalog
from tests.generators.files import batch_bytes, decimal_text, render
from tests.reference import Batch, Catalog, read_catalog
from tests.reference.events import Event, Junk, load

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_written_catalog_reads_back_equal(seed: int, tmp_path: Path) -> None:
    catalog = random_story(seed).steps[-1].catalog
    read = read_catalog(write_catalog(catalog, tmp_path / "catalog"))
    assert read == catalog


def test_tables_that_are_not_required_may_be_absent(tmp_path: Path) -> None:
    write_catalog(Catalog(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accounts.csv", "prices.csv", "skus.csv"]
    assert read_catalog(tmp_path) == Catalog()


@pytest.mark.parametrize("seed", SEEDS)
def test_written_batches_read_back_as_the_same_events_in_the_same_order(seed: int, tmp_path: Path) -> None:
    batches = [batch for step in random_story(seed).steps for batch in step.batches]
    paths = write_batches(batches, tmp_path)
    assert paths == sorted(paths)
    read = [Batch(batch.name, _lines(path, batch)) for path, batch in zip(paths, batches, strict=True)]
    assert load(read) == load(batches)


def _lines(path: Path, batch: Batch) -> tuple[Event | Junk, ...]:
    """The lines of a file; junk is recognised by its place, an event is parsed."""
    text = path.read_bytes().decode("utf-8-sig")
    lines = text.removesuffix("\n").removesuffix("\r").split("\n")
    assert len(lines) == len(batch.lines)
    return tuple(
        Junk(line.removesuffix("\r"), written.reason_code) if isinstance(written, Junk) else json.loads(line, parse_float=Decimal)
        for line, written in zip(lines, batch.lines, strict=True)
    )


def test_numbers_are_written_digit_by_digit() -> None:
    assert (
        render({"a": Decimal("0.000000001"), "b": 10**15, "c": None, "d": ["é", True]})
        == '{"a":0.000000001,"b":1000000000000000,"c":null,"d":["é",true]}'
    )
    with pytest.raises(TypeError, match="no exact JSON form"):
        render(0.5)


def test_no_file_equals_an_earlier_one() -> None:
    for seed in SEEDS:
        batches = [batch for step in random_story(seed).steps for batch in step.batches]
        assert len({batch_bytes(batch) for batch in batches}) == len(batches)


def test_a_fraction_that_is_no_decimal_is_refused() -> None:
    assert decimal_text(Fraction("99.000000000001")) == "99.000000000001"
    with pytest.raises(ValueError, match="no decimal number"):
        decimal_text(Fraction(1, 3))
