"""Units of measure as UN/ECE Recommendation 20 codes.

Only what the list truly has: a GiB is no gigabyte and a vCPU-hour no hour. Everything else is `C62`, one, and the document
names the unit in words beside it. Adding a unit here changes how documents are written from then on, also older ones.
"""

from __future__ import annotations

ONE = "C62"

_CODES = {
    "second": "SEC",
    "minute": "MIN",
    "hour": "HUR",
    "day": "DAY",
    "week": "WEE",
    "month": "MON",
    "year": "ANN",
    "byte": "AD",
    "kilobyte": "2P",
    "kb": "2P",
    "megabyte": "4L",
    "mb": "4L",
    "gigabyte": "E34",
    "gb": "E34",
    "terabyte": "E35",
    "tb": "E35",
    "kwh": "KWH",
}


def unit_code(unit: str) -> str:
    """The code of a SKU's unit, singular or plural, in any case."""
    word = unit.strip().lower()
    return _CODES.get(word) or _CODES.get(word.removesuffix("s"), ONE)
