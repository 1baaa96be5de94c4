"""Chains of computed columns as nested SELECTs.

ClickHouse repeats the whole expression of an alias wherever the same SELECT uses it, so a chain of aliases in one SELECT
takes seconds to plan. A column of an inner SELECT is only named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def layered(source: str, layers: Sequence[Mapping[str, str]]) -> str:
    """SELECT of all columns of `source` and of those that each layer adds (name → SQL over what is below it)."""
    query = source
    for layer in layers:
        added = ",\n    ".join(f"{expression} AS {name}" for name, expression in layer.items())
        query = f"(SELECT\n    *,\n    {added}\nFROM {query})"
    return query
