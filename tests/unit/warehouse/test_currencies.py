"""The currency table against the official list, and the traps others fell into."""

from __future__ import annotations

import re
from pathlib import Path

import iso4217
import pytest

from warehouse.currencies import MINOR_UNITS, minor_units
from warehouse.errors import InputError

OFFICIAL = {code: int(row["CcyMnrUnts"]) for code, row in iso4217.raw_table.items() if code and (row["CcyMnrUnts"] or "").isdigit()}


def test_every_currency_of_the_official_list_has_its_minor_unit() -> None:
    assert len(OFFICIAL) > 150
    assert {code: MINOR_UNITS.get(code) for code in OFFICIAL} == OFFICIAL


def test_what_the_official_list_no_longer_names_was_withdrawn_not_long_ago() -> None:
    assert set(MINOR_UNITS) - set(OFFICIAL) == {"ANG", "BGN", "CUC", "HRK", "MRO", "SLL", "STD", "VEF", "ZWL"}


@pytest.mark.parametrize(
    ("currency_code", "decimals"), [("JPY", 0), ("CLP", 0), ("EUR", 2), ("IQD", 3), ("BHD", 3), ("KWD", 3), ("CLF", 4), ("BGN", 2)]
)
def test_minor_units_are_those_of_iso_and_not_of_a_locale(currency_code: str, decimals: int) -> None:
    assert minor_units(currency_code) == decimals


@pytest.mark.parametrize("currency_code", ["", "eur", "XXX", "XAU", "EURO", "XTS"])
def test_what_nobody_can_pay_in_is_no_currency(currency_code: str) -> None:
    with pytest.raises(InputError, match="not a currency of ISO 4217"):
        minor_units(currency_code)


def test_sql_rounds_every_currency_to_the_same_minor_unit() -> None:
    macro = (Path(__file__).parents[3] / "dbt_project" / "macros" / "currencies.sql").read_text()
    listed = {
        code: int(decimals) for codes, decimals in re.findall(r"in \(([^)]*)\), (\d)", macro) for code in re.findall(r"'(\w{3})'", codes)
    }
    assert len(listed) > 20
    # What the macro does not list has two decimals there.
    assert {code: listed.get(code, 2) for code in MINOR_UNITS} == dict(MINOR_UNITS)
    assert set(listed) <= set(MINOR_UNITS)
