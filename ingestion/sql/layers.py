"""Chains of computed columns as nested SELECTs, each with the columns that are still needed above it.

ClickHouse repeats the whole expression of an alias wherever the same SELECT uses it, so a chain of aliases in one SELECT
takes seconds to plan; a column of an inner SELECT is only named.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence


def layered(source: str, columns: Collection[str], layers: Sequence[Mapping[str, str]], *, wanted: Sequence[str]) -> str:
    """A subquery with the columns `wanted`.

    Args:
        source: table or subquery.
        columns: those of `source`.
        layers: what each layer adds, name → SQL over what is below it; a name is never used twice.
        wanted: columns of the result, in order.
    """
    needed = set(wanted)
    selects = []
    for depth, layer in reversed(list(enumerate(layers))):
        used = {name: expression for name, expression in layer.items() if name in needed}
        kept = sorted(needed.difference(layer))
        selects.append(", ".join([*kept, *(f"{expression} AS {name}" for name, expression in used.items())]))
        below = {*columns, *(name for lower in layers[:depth] for name in lower)}
        needed = {*kept, *_words(used.values()) & below}
    query = source
    for select in reversed(selects):
        query = f"(SELECT {select}\nFROM {query})"
    return f"(SELECT {', '.join(wanted)} FROM {query})"


def _words(expressions: Iterable[str]) -> set[str]:
    return {word for expression in expressions for word in re.findall(r"[A-Za-z_]\w*", expression)}
