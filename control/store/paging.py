"""Goes on in a list after a place: the keys of the last row that was shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, literal, tuple_


def after(columns: Sequence[Column[Any]], place: Sequence[Any], *, is_descending: bool = False) -> ColumnElement[bool]:
    """Rows whose columns, in this order, come after the place. Values are bound in the columns' own types: instants are texts."""
    bound = tuple_(*(literal(value, column.type) for column, value in zip(columns, place, strict=True)))
    return tuple_(*columns) < bound if is_descending else tuple_(*columns) > bound
