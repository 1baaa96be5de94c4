"""Instants, hours and months as the contract counts them: whole milliseconds since 1970-01-01 UTC, half-open periods.

Add here what turns text into instants and instants into periods. No billing rule belongs here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000
HOUR = 3_600 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


def parse_instant(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 instant with an offset; digits finer than a millisecond are cut off.

    Raises:
        ValueError: the text is no such instant, or names a second 60.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 instant with an offset")
    year, month, day, hour, minute, second, fraction, zulu, sign, offset_hours, offset_minutes = match.groups()
    whole = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    if not zulu:
        offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
        whole = whole - offset if sign == "+" else whole + offset
    return (whole - _EPOCH) // timedelta(milliseconds=1) + int((fraction or "").ljust(3, "0")[:3])


def parse_catalog_instant(text: str) -> int | None:
    """An instant of a catalog cell: RFC 3339 or a date (its midnight); an empty cell is unbounded, None."""
    if not text:
        return None
    if _DATE.fullmatch(text):
        return parse_instant(f"{text}T00:00:00Z")
    return parse_instant(text)


def format_instant(instant: int) -> str:
    """`2026-01-15T10:00:00Z`, with milliseconds where they are not zero."""
    moment = to_datetime(instant)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{instant % SECOND:03d}Z" if instant % SECOND else f"{text}Z"


@lru_cache(maxsize=100_000)
def to_datetime(instant: int) -> datetime:
    """The same instant as an aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=instant)


def hour_of(instant: int) -> int:
    """Start of the hour that holds the instant; an instant on the hour belongs to the hour it starts."""
    return instant - instant % HOUR


@lru_cache(maxsize=100_000)
def month_of(instant: int) -> str:
    """Month that holds the instant, `2026-01`."""
    return to_datetime(instant).strftime("%Y-%m")


@lru_cache(maxsize=1_000)
def month_start(period: str) -> int:
    """First instant of a month."""
    return parse_instant(f"{period}-01T00:00:00Z")


@lru_cache(maxsize=1_000)
def next_month(period: str) -> str:
    """The month after this one."""
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def month_end(period: str) -> int:
    """First instant after a month."""
    return month_start(next_month(period))
