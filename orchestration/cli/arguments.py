"""Arguments that several verbs take, parsed. A value that is wrong here is wrong usage (exit code 2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import typer

from control.settings import load_control_settings
from orchestration.deployment import Deployment
from warehouse.settings import load_settings

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@lru_cache(maxsize=1)
def deployment() -> Deployment:
    """The deployment that the environment describes."""
    return Deployment(settings=load_settings(), control_settings=load_control_settings())


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant, or a date for its first moment; UTC, cut to milliseconds."""
    if not (_DATE.fullmatch(text) or _INSTANT.fullmatch(text)):
        raise typer.BadParameter(f"{text!r} is neither an RFC 3339 instant such as 2026-02-01T00:00:00Z nor a date such as 2026-02-01")
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} does not exist: {error}") from None
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def parse_period(text: str) -> str:
    """A month, `2026-01`."""
    if not _PERIOD.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no month such as 2026-01")
    return text


AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", parser=parse_instant, metavar="TS", help="RFC 3339 instant or date; default: the clock of METERHOUSE_CLOCK."),
]
Period = Annotated[str, typer.Argument(parser=parse_period, metavar="PERIOD", help="A month, such as 2026-01.")]
OptionalPeriod = Annotated[str | None, typer.Argument(parser=parse_period, metavar="[PERIOD]", help="A month; default: all.")]
