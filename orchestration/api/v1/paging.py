"""Pages by cursor: a page ends at a row, and the next one begins after it, whatever was added meanwhile.

A cursor is opaque to callers. It holds the place of the last row in the order of the list, and what was asked: with other
filters it would point nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query

from ingestion.door.problems import Problem
from orchestration.api.v1.schemas.fields import Schema

Item = TypeVar("Item")

DEFAULT_LIMIT, MOST = 100, 1000


class Page(Schema, Generic[Item]):
    """Some items of a list. `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None


class Paging:
    """Which page is asked for."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=MOST, description="Items of a page, at most.")] = DEFAULT_LIMIT,
        cursor: Annotated[
            str | None,
            Query(pattern="^[A-Za-z0-9_-]{1,2000}$", description="`next_cursor` of the page before; the first page where not given."),
        ] = None,
    ) -> None:
        self.limit = limit
        self.cursor = cursor

    def after(self, question: object, *, width: int) -> list[str] | None:
        """The place after which the page begins, as many texts as the order has columns; None: at the start.

        Raises:
            Problem: the cursor is none of ours, or of another question.
        """
        if self.cursor is None:
            return None
        try:
            content = json.loads(base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4)))
            asked, place = content["q"], content["p"]
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise _refused() from None
        is_place = isinstance(place, list) and len(place) == width and all(isinstance(part, str) for part in place)
        if asked != _hash(question) or not is_place:
            raise _refused()
        return [str(part) for part in place]

    def page(self, found: Sequence[Item], places: Sequence[Sequence[str]], question: object) -> dict[str, Any]:
        """A page of what was found; one item more than asked for says that there is a next one."""
        if len(found) <= self.limit:
            return {"items": list(found), "next_cursor": None}
        content = {"q": _hash(question), "p": list(places[self.limit - 1])}
        text = base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")
        return {"items": list(found[: self.limit]), "next_cursor": text}


def instant_of(place: Sequence[str] | None) -> tuple[datetime, str] | None:
    """The place of a list that is in the order of an instant and an id.

    Raises:
        Problem: its first part is no instant.
    """
    if place is None:
        return None
    try:
        at = datetime.fromisoformat(place[0])
    except ValueError:
        raise _refused() from None
    if at.tzinfo is None:
        raise _refused()
    return at, place[1]


PagingOf = Annotated[Paging, Depends(Paging)]


def _refused() -> Problem:
    return Problem(404, "unknown-cursor", "the cursor is none of this list with these filters; begin again without one")


def _hash(question: object) -> str:
    return hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()[:16]
