"""The text of one cell to one value, strictly. Rules that need more than the cell are elsewhere.

Each function raises CellError with the reason and the fix; the caller knows file, line and column. Cells come without
surrounding spaces and are never empty here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches

from ingestion.catalog.countries import COUNTRY_CODES, USUAL_MISTAKES
from ingestion.catalog.limits import THRESHOLD, NumberRule
from warehouse.currencies import MINOR_UNITS
from warehouse.ticks import EPOCH, FOREVER

AGGREGATIONS = ("sum", "count", "max", "unique", "latest", "time_weighted")
BILLED_WHEN = ("running", "exists")
MODELS = ("per_unit", "graduated", "volume", "package")
TIERED_MODELS = ("graduated", "volume")
DISCOUNT_SCOPES = ("sku", "service", "all")
BUDGET_SCOPES = ("sku", "service", "project", "all")
# The customer pays the invoice without a gateway; the control store knows such an account as one without.
BANK_TRANSFER = "bank_transfer"
GATEWAYS = ("stripe", "adyen", BANK_TRANSFER)

# Identifiers are order keys of the warehouse and parts of file names and URLs; texts stand on invoices.
IDENTIFIER_LENGTH = 255
TEXT_LENGTH = 1000

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_SEPARATORS = re.compile(r"[;| ]+")


class CellError(ValueError):
    """Why a cell is refused, to be shown after its place."""


def identifier(text: str) -> str:
    """An id, code, metric, region, service or unit, compared byte by byte with what events say.

    Invisible characters (also the no-break space that spreadsheets paste) are refused: no event would ever match.
    """
    if not text.isprintable():
        raise CellError(f"{text!r} contains an invisible character; type it again")
    if len(text) > IDENTIFIER_LENGTH:
        raise CellError(f"has {len(text)} characters, at most {IDENTIFIER_LENGTH} are allowed")
    return text


def free_text(text: str) -> str:
    """A name or an address; a line break inside is kept as one newline."""
    cleaned = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(character) == "Cc" for character in cleaned if character != "\n"):
        raise CellError("contains a control character; type it again")
    if len(cleaned) > TEXT_LENGTH:
        raise CellError(f"has {len(cleaned)} characters, at most {TEXT_LENGTH} are allowed")
    return cleaned


def email(text: str) -> str:
    """An address such as billing@example.com; whether it exists is not known here."""
    local, _, domain = identifier(text).rpartition("@")
    if not local or not domain or "@" in local or " " in text:
        raise CellError(f"{text!r} is not an e-mail address such as billing@example.com")
    return text


def one_of(text: str, choices: Collection[str]) -> str:
    """One of a few words."""
    if text not in choices:
        near = get_close_matches(text.lower(), choices, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise CellError(f"{text!r} is not one of {', '.join(choices)}{hint}")
    return text


def currency(text: str) -> str:
    """A currency of ISO 4217 that has a minor unit."""
    if text in MINOR_UNITS:
        return text
    if text.upper() in MINOR_UNITS:
        raise CellError(f"{text!r} must be written {text.upper()}")
    raise CellError(f"{text!r} is not a currency code of ISO 4217 such as EUR, USD or JPY")


def country(text: str) -> str:
    """A country of ISO 3166-1 by its two letters."""
    if text in COUNTRY_CODES:
        return text
    code = USUAL_MISTAKES.get(text.upper(), text.upper())
    if code in COUNTRY_CODES:
        raise CellError(f"{text!r} must be written {code}")
    raise CellError(f"{text!r} is not a two-letter country code of ISO 3166 such as DE or US")


def boolean(text: str) -> bool:
    """True or false, in any case: spreadsheets write TRUE."""
    if text.lower() not in ("true", "false"):
        raise CellError(f"{text!r} must be true or false")
    return text.lower() == "true"


def integer(text: str, *, lowest: int, highest: int) -> int:
    """A whole number in plain digits, within the bounds."""
    # Seven digits are beyond all bounds used here, and int() of an endless run of digits is slow.
    if not re.fullmatch(r"-?[0-9]{1,7}", text) or not lowest <= int(text) <= highest:
        raise CellError(f"{text!r} must be a whole number from {lowest} to {highest}")
    return int(text)


def decimal(text: str, rule: NumberRule) -> Decimal:
    """An exact number in plain digits. The result has no superfluous zeros, so `1.0` and `1` give the same value and text.

    Exponents are refused: in a CSV file they are what a spreadsheet makes of a number it has already rounded.
    """
    if not _DECIMAL.fullmatch(text):
        raise CellError(f"{text!r} is not a plain number such as 1234.5 (digits and a point; no exponent, comma or sign)")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    value = Decimal(f"{whole}.{fraction}" if fraction else whole)
    reason = rule.broken_by(value, len(fraction))
    if reason:
        raise CellError(f"{text if len(text) <= 60 else text[:60] + '…'} {reason}")
    return value.copy_abs() if value == 0 else value


def instant(text: str) -> datetime:
    """An RFC 3339 instant with an offset, or a date (its start in UTC), in UTC to the millisecond; finer digits are cut off."""
    try:
        if _DATE.fullmatch(text):
            value = datetime.fromisoformat(text).replace(tzinfo=UTC)
        elif _INSTANT.fullmatch(text):
            value = datetime.fromisoformat(text.upper().replace(" ", "T")).astimezone(UTC)
        else:
            raise CellError(f"{text!r} is not an instant with an offset such as 2026-01-01T00:00:00Z, or a date such as 2026-01-01")
    except (ValueError, OverflowError) as error:
        if isinstance(error, CellError):
            raise
        raise CellError(f"{text!r} names a date or time that does not exist") from None
    if not EPOCH <= value <= FOREVER:
        raise CellError(f"{text!r} lies outside 1970-01-01 to 2299-12-31; leave the cell empty for unbounded")
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def full_hour(text: str) -> datetime:
    """An instant at which an hour of UTC begins: prices apply to whole hours."""
    value = instant(text)
    hour = value.replace(minute=0, second=0, microsecond=0)
    if value != hour:
        raise CellError(f"{text!r} is not on a full hour of UTC; write an instant such as {hour:%Y-%m-%dT%H:%M:%SZ}")
    return value


def thresholds(text: str) -> tuple[Decimal, ...]:
    """Percents separated by `;`, `|` or spaces, such as `50;80;100`; each once, returned rising."""
    values = [decimal(part, THRESHOLD) for part in _SEPARATORS.split(text) if part]
    if not values:
        raise CellError(f"{text!r} names no percent; write them as 50;80;100")
    if len(set(values)) != len(values):
        raise CellError(f"{text!r} names a percent twice")
    return tuple(sorted(values))
