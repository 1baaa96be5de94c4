"""How invoice numbers look. Which number is next is decided by the store, inside the issuing transaction."""

from __future__ import annotations

DIGITS = 6  # a series may pass 999999; numbers then get longer, never reused


def format_number(prefix: str, number: int) -> str:
    """`INV-000042`. Numbers count from 1, without gaps, through all kinds of document and all years."""
    if number < 1:
        raise ValueError(f"invoice numbers count from 1, not {number}")
    return f"{prefix}-{number:0{DIGITS}d}"


def series_prefix(configured: str, taken: frozenset[str]) -> str:
    """The prefix of a further legal entity's series: the configured one, else the first of `INV2`, `INV3`, … that is free.

    Two entities must not share a prefix, or two documents would carry the same number.
    """
    if configured not in taken:
        return configured
    ordinal = 2
    while f"{configured}{ordinal}" in taken:
        ordinal += 1
    return f"{configured}{ordinal}"
