"""The shared case files: facts from the tests and documents of other billing systems, as worlds to bill.

A case observes public tables only, so the same cases run through this model and through the warehouse: bill `case.world` (all of them in
one warehouse, if you like: no two share an id), hand the rows of `TABLES` to `case.failures`.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.reference import aggregation_cases, pricing_cases
from tests.reference.golden import Case, OutOfScope, Raw, Tables
from tests.reference.model import Result, as_rows

SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

# Public tables a case may observe, by the name it knows them under.
TABLES = {
    "consumption_hourly": "metering.consumption_hourly",
    "charges_hourly": "rating.charges_hourly",
    "invoice_lines": "invoicing.invoice_lines",
    "invoices": "invoicing.invoices",
}


def tables_of(result: Result) -> Tables:
    """The observed tables from the reference model, as rows under the public column names."""
    return {name: as_rows(getattr(result, name)) for name in TABLES}


def load_cases() -> list[Case | OutOfScope]:
    """All cases of both files, in their order; none where the shared data does not lie beside the checkout."""
    if not SHARED_DATA.is_dir():
        return []
    translated = [pricing_cases.translate(raw) for raw in _read("pricing_cases.json")]
    return translated + [aggregation_cases.translate(raw) for raw in _read("aggregation_cases.json")]


def covered_cases() -> list[Case]:
    """The cases that the contract can express."""
    return [case for case in load_cases() if isinstance(case, Case)]


def cases_out_of_scope() -> list[OutOfScope]:
    """The others, each with the reason."""
    return [case for case in load_cases() if isinstance(case, OutOfScope)]


def _read(name: str) -> list[Raw]:
    cases: list[Raw] = json.loads((SHARED_DATA / name).read_text(encoding="utf-8"))["cases"]
    return cases
