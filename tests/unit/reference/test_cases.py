"""Facts of other billing systems, through the reference model; and that the documentation lists every case."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.generators import Step, Story, merge, play
from tests.reference import bill
from tests.reference.cases import cases_out_of_scope, covered_cases, load_cases, tables_of
from tests.reference.golden import Case

pytestmark = pytest.mark.needs_shared_data

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reference_cases.md"


@pytest.mark.parametrize("case", covered_cases(), ids=lambda case: case.id)
def test_a_case_comes_out_as_its_source_says(case: Case) -> None:
    assert case.failures(tables_of(bill(case.world))) == []


def test_all_cases_hold_in_one_world_too() -> None:
    cases = covered_cases()
    worlds = [case.world for case in cases]
    stories = [
        Story(name=case.id, steps=(Step(catalog=world.catalog, batches=world.batches, as_of=world.as_of),))
        for case, world in zip(cases, worlds, strict=True)
    ]
    tables = tables_of(play(merge(stories))[-1].result)
    assert [failure for case in cases for failure in case.failures(tables)] == []


def test_a_wrong_amount_fails_its_case() -> None:
    case = next(case for case in covered_cases() if case.id == "lago-graduated-12")
    tables = dict(tables_of(bill(case.world)))
    tables["charges_hourly"] = tables["charges_hourly"][:0]
    assert case.failures(tables) == ["lago-graduated-12, amount: expected 115, got 0"]


def test_the_documentation_counts_every_case_once() -> None:
    """Rows of the tables of the page: `| what | number | ids or reason |`."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"{len(load_cases())} cases, {len(covered_cases())} of them covered" in text
    covered, beyond = text.split("## Out of scope")
    assert sum(_numbers(covered)) == len(covered_cases())
    assert sum(_numbers(beyond)) == len(cases_out_of_scope())
    by_reason = Counter(case.reason for case in cases_out_of_scope())
    assert {reason: int(number) for reason, number in re.findall(r"^\| ([^|]+?) \| (\d+) \|", beyond, re.MULTILINE)} == by_reason
    assert all(f"`{case.id}`" in beyond for case in cases_out_of_scope())


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^\| [^|]+ \| (\d+) \|", text, re.MULTILINE)]
