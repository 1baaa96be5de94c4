"""docs/catalog.md is true: it names every column, and its example and its refusal are what the reader says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestion.catalog import read_catalog
from ingestion.catalog.cells import AGGREGATIONS, BUDGET_SCOPES, GATEWAYS, MODELS
from ingestion.catalog.files import FORMATS
from warehouse.errors import InputError

PAGE = (Path(__file__).parents[4] / "docs" / "catalog.md").read_text()


@pytest.fixture
def example(tmp_path: Path) -> Path:
    for name, text in re.findall(r"^`(\w+\.csv)`\n```csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_worked_example_has_every_file_and_is_valid(example: Path) -> None:
    assert {path.name for path in example.iterdir()} == set(FORMATS)
    catalog = read_catalog(example)
    assert catalog.accounts[0].address == "Am Sandtorkai 1\nHaus B"
    assert len(catalog.price_tiers) == 5


def test_the_refusal_shown_is_the_refusal_given(example: Path) -> None:
    prices, taxes = example / "prices.csv", example / "taxes.csv"
    prices.write_text(prices.read_text().replace("graduated,,,2026-04-01,", "graduated,,,2026-03-01,"))
    taxes.write_text(taxes.read_text().replace(",19,", ",190,"))
    with pytest.raises(InputError) as refusal:
        read_catalog(example)
    shown = PAGE.rpartition("```\nthe catalog")[2].partition("\n```")[0].splitlines()[1:]
    assert str(refusal.value).splitlines()[1:] == shown


@pytest.mark.parametrize("name", FORMATS)
def test_each_file_has_a_section_that_names_exactly_its_columns(name: str) -> None:
    section = PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    named = {column for line in section.splitlines() if line.startswith("| `") for column in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named == {*FORMATS[name].columns, *FORMATS[name].optional_columns}


@pytest.mark.parametrize("word", [*AGGREGATIONS, *MODELS, *GATEWAYS, *BUDGET_SCOPES])
def test_each_word_a_cell_may_hold_is_named(word: str) -> None:
    assert f"`{word}`" in PAGE
