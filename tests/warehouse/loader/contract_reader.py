"""CONTRACTS section 2 in plain Python: what one line is. The SQL readers are compared with this.

It shares nothing with ingestion/: no pattern, no table, no constant. Slow and obvious on purpose.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

KINDS = {
    "usage.recorded": 0,
    "resource.created": 1,
    "resource.started": 2,
    "resource.updated": 3,
    "resource.stopped": 4,
    "resource.deleted": 5,
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
RFC_3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Number(str):
    """A bare JSON number as it is written."""


@dataclass(frozen=True)
class Rejected:
    """Why a line is no event."""

    reason_code: str


class _NoNumber(Exception):
    pass


def read(line: bytes, *, now: datetime, is_first: bool = False) -> dict[str, Any] | Rejected | None:
    """The event's columns, why it is rejected, or None for a blank line. `line` comes without its line feed."""
    if is_first:
        line = line.removeprefix(b"\xef\xbb\xbf")
    line = line.removesuffix(b"\r")
    if not line.strip(b" \t"):
        return None
    if len(line) > 1_048_576:
        return Rejected("line_too_long")
    try:
        event = _json(line)
    except (ValueError, RecursionError):
        return Rejected("invalid_json")
    if not isinstance(event, dict):
        return Rejected("not_an_object")
    return _judge(event, now)


def _json(line: bytes) -> object:
    def first_of_each_name(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in pairs:
            result.setdefault(name, value)
        return result

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    value: object = json.loads(
        line.decode(), object_pairs_hook=first_of_each_name, parse_int=Number, parse_float=Number, parse_constant=refuse
    )
    if any("\ud800" <= char <= "\udfff" for char in json.dumps(value, ensure_ascii=False)):
        raise ValueError("half a surrogate pair is no character")
    return value


def _text(owner: dict[str, Any], name: str) -> str:
    value = owner.get(name)
    return value if isinstance(value, str) and not isinstance(value, Number) else ""


def _is_other(value: object, kind: type) -> bool:
    return value is not None and (not isinstance(value, kind) or isinstance(value, Number))


def _judge(event: dict[str, Any], now: datetime) -> dict[str, Any] | Rejected:  # noqa: PLR0911, PLR0912 - the rules, in their order
    data = event.get("data") if isinstance(event.get("data"), dict) else {}
    assert isinstance(data, dict)
    kind_name = _text(event, "type")
    kind = KINDS.get(kind_name, -1)
    if not all(_text(event, name) for name in ("id", "source", "type", "subject", "time")) or not _text(data, "account_id"):
        return Rejected("missing_field")
    if kind == 0 and (not _text(data, "metric") or data.get("quantity") is None or data["quantity"] == ""):
        return Rejected("missing_field")
    if 1 <= kind <= 4 and not isinstance(data.get("metrics"), dict):
        return Rejected("missing_field")
    if kind == 3 and not _text(data, "state"):
        return Rejected("missing_field")
    if _text(event, "specversion") != "1.0":
        return Rejected("unsupported_specversion")
    if kind == -1:
        return Rejected("unknown_type")
    milliseconds = _milliseconds(_text(event, "time"))
    if milliseconds is None:
        return Rejected("invalid_time")
    if milliseconds < (datetime(2015, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1):
        return Rejected("time_too_old")
    if milliseconds > (now + timedelta(hours=24) - EPOCH) // timedelta(milliseconds=1):
        return Rejected("time_in_future")
    optional = [*("project_id", "region"), *{0: ("value",), 5: ()}.get(kind, ("resource_type", "state"))]
    if any(_is_other(data.get(name), str) for name in optional) or _is_other(data.get("labels"), dict):
        return Rejected("invalid_field")
    labels = {name: value for name, value in (data.get("labels") or {}).items() if value is not None}
    if any(_is_other(value, str) for value in labels.values()):
        return Rejected("invalid_field")
    sequence = data.get("sequence")
    if sequence is not None and not (
        isinstance(sequence, Number) and re.fullmatch("-?[0-9]+", sequence) and -(2**63) <= int(sequence) < 2**63
    ):
        return Rejected("invalid_field")
    written = {name: value for name, value in data["metrics"].items() if value is not None} if 1 <= kind <= 4 else {}
    try:
        quantity = _quantity(data["quantity"]) if kind == 0 else Decimal(0)
        metrics = {name: _quantity(value) for name, value in written.items()}
    except _NoNumber:
        return Rejected("invalid_quantity")
    state = _text(data, "state")
    if kind in (1, 2, 3, 4) and state not in ("", "running", "stopped"):
        return Rejected("unknown_state")
    resolved = {0: "", 5: "deleted"}.get(kind) if kind in (0, 5) else state or ("stopped" if kind == 4 else "running")
    return {
        "kind": kind,
        "event_at": EPOCH + timedelta(milliseconds=milliseconds),
        "source": _text(event, "source"),
        "event_id": _text(event, "id"),
        "resource_id": _text(event, "subject"),
        "account_id": _text(data, "account_id"),
        "project_id": _text(data, "project_id"),
        "region": _text(data, "region"),
        "metric": _text(data, "metric") if kind == 0 else "",
        "quantity": quantity,
        "value": _text(data, "value") if kind == 0 else "",
        "resource_type": _text(data, "resource_type") if kind > 0 else "",
        "state": resolved,
        "metrics": metrics,
        "labels": labels,
        "sequence": int(sequence or 0),
    }


def _quantity(value: object) -> Decimal:
    if not isinstance(value, str) or not JSON_NUMBER.fullmatch(value):
        raise _NoNumber
    mantissa, _, power = value.lower().partition("e")
    if not mantissa.strip("-0."):
        return Decimal(0)
    exact = Decimal(mantissa).as_tuple()
    digits = "".join(map(str, exact.digits)).lstrip("0")
    places = int(power or 0) + int(exact.exponent) + len(digits) - len(digits.rstrip("0"))  # value = digits * 10^places
    digits = digits.rstrip("0")
    if exact.sign or places < -9 or len(digits) + places > 18 or (isinstance(value, Number) and len(digits) > 15):
        raise _NoNumber
    return Decimal(digits).scaleb(places)


def _milliseconds(text: str) -> int | None:
    form = RFC_3339.fullmatch(text)
    if not form:
        return None
    year, month, day, hour, minute, second = (int(form[index]) for index in range(1, 7))
    offset_hour, offset_minute = (0, 0) if form[8] in "Zz" else (int(form[8][1:3]), int(form[8][4:6]))
    if hour > 23 or minute > 59 or second > 59 or offset_hour > 23 or offset_minute > 59:
        return None
    try:
        # Every 400 years the calendar repeats; this keeps year 0 and offsets at the ends of time in datetime's range.
        local = datetime(year % 400 + 2000, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    cycles = (year - (year % 400 + 2000)) // 400
    offset = timedelta(hours=offset_hour, minutes=offset_minute) * (-1 if form[8][0] == "-" else 1)
    instant = (local - EPOCH - offset) + timedelta(days=146_097) * cycles
    return instant // timedelta(milliseconds=1) + int(((form[7] or ".") + "000")[1:4])
