"""How Python values become SQL text in this package. Nothing here knows an event."""

from __future__ import annotations

from collections.abc import Iterable


def text(value: str) -> str:
    """A SQL string literal. Control characters are escaped, so that a statement stays one readable line of text."""
    escaped = "".join(f"\\x{ord(char):02x}" if ord(char) < 32 else char for char in value.replace("\\", "\\\\").replace("'", "\\'"))
    return f"'{escaped}'"


def texts(values: Iterable[str]) -> str:
    """A SQL array of string literals."""
    return f"[{', '.join(text(value) for value in values)}]"
