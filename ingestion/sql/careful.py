r"""Reads a line by the letter of CONTRACTS section 2, whatever it holds, and says why where it is rejected.

JSONExtract alone cannot: numbers pass through Float64 and their type is lost. So each text in the line is first tagged
`"s…"` and each bare number turned into a text tagged `"n…"`; after that one letter tells what was written, digits are
whole, and an absent or null member is the empty text. Some ten times slower than plain.py, which reads ordinary lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingestion.sql.forms import (
    CREATED,
    DATA_TEXTS,
    DELETED,
    EARLIEST,
    FLOAT_DIGITS,
    FUTURE_MILLISECONDS,
    INSTANT,
    LINE,
    MAX_LINE_BYTES,
    NUMBER,
    STATES,
    STOPPED,
    TOP_TEXTS,
    TYPES,
    UNKNOWN,
    UPDATED,
    USAGE,
)
from ingestion.sql.layers import layered
from ingestion.sql.literals import text, texts

Layers = Sequence[Mapping[str, str]]

_BOM = "\ufeff"
# Control characters that no JSON holds bare: four of them mark the tokens below.
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_TOKEN = rf'(?s)"((?:[^"\\]|\\.)*)"|({NUMBER})'
_OPEN_TEXT, _CLOSE_TEXT, _OPEN_NUMBER, _CLOSE_NUMBER = "\x03", "\x04", "\x01", "\x02"
_MARKED = rf"{_OPEN_TEXT}\1{_CLOSE_TEXT}{_OPEN_NUMBER}\2{_CLOSE_NUMBER}"
_OBJECT = r"^\s*\{"
_STRAY_QUOTE = rf'(?:^|{_CLOSE_TEXT})[^{_OPEN_TEXT}]*"'
_NUMBER_AS_NAME = rf"{_CLOSE_NUMBER}\s*:"

# Nullable, because for a plain String a null is as if it were not written, and a second member of the name would count.
_TOP_MEMBERS = (*TOP_TEXTS, "data")
_DATA_MEMBERS = (*DATA_TEXTS, "sequence", "quantity", "metrics", "labels")
_TOP = f"Tuple({', '.join(f's{name} Nullable(String)' for name in _TOP_MEMBERS)})"
_DATA = f"Tuple({', '.join(f's{name} Nullable(String)' for name in _DATA_MEMBERS)})"

# Exponents of more digits than this cannot be brought back below 10^18 or to nine decimals by the digits a line can hold.
_EXPONENT_DIGITS = 8
_INTEGER_DIGITS, _DECIMALS = 18, 9


def careful_reading(lines: str, *, event_columns: Sequence[str], now_milliseconds: int) -> str:
    """Subquery of `batch_seq`, `line_number`, `raw_line`, `is_blank`, `reason_code` (empty: accepted) and the columns of an event from `lines`."""
    last = now_milliseconds + FUTURE_MILLISECONDS
    layers = [*_tagging(), *_members(), *_instant(), *_quantities(), *_judgement(last), *_event()]
    wanted = ["batch_seq", "line_number", "raw_line", "is_blank", "reason_code", *event_columns]
    return layered(lines, LINE, layers, wanted=wanted)


def _tagging() -> Layers:
    """`raw_line` without byte order mark and line end, and `tagged`: its JSON with tagged values, empty where it is no JSON."""
    is_foreign = f"is_long OR NOT isValidUTF8(raw_line) OR startsWith(raw_line, {text(_BOM)}) OR match(raw_line, {text(_CONTROL)})"
    return [
        {"unmarked": f"if(line_number = 1 AND startsWith(line, {text(_BOM)}), substring(line, 4), line)"},
        {"raw_line": r"if(endsWith(unmarked, '\r'), substring(unmarked, 1, length(unmarked) - 1), unmarked)"},
        {"is_blank": r"match(raw_line, '^[ \t]*$')", "is_long": f"length(raw_line) > {MAX_LINE_BYTES}"},
        {"marked": f"replaceRegexpAll(if({is_foreign}, '', raw_line), {text(_TOKEN)}, {text(_MARKED)})"},
        {"balanced": f"if(match(marked, {text(_STRAY_QUOTE)}), '', marked)"},
        {"texts_closed": f"replaceAll(balanced, {text(_CLOSE_TEXT + _OPEN_NUMBER + _CLOSE_NUMBER)}, '\"')"},
        {"well_named": f"if(match(texts_closed, {text(_NUMBER_AS_NAME)}), '', texts_closed)"},
        {"numbers_opened": f"replaceAll(well_named, {text(_OPEN_TEXT + _CLOSE_TEXT + _OPEN_NUMBER)}, '\"n')"},
        {"tagged": f"replaceAll(replaceAll(numbers_opened, {text(_OPEN_TEXT)}, '\"s'), {text(_CLOSE_NUMBER)}, '\"')"},
        {"is_json": "isValidJSON(tagged)", "is_object": f"match(tagged, {text(_OBJECT)})"},
    ]


def _members() -> Layers:
    """Each member as `tagged_<name>`: '' absent or null, s… a text, n… a number, {…} an object, else of another type.

    Texts also as `text_<name>` without the tag, empty where the member is of another type.
    """
    return [
        {"event": f"JSONExtract(if(is_json AND is_object, tagged, ''), {text(_TOP)})"},
        {f"tagged_{name}": f"ifNull(event.s{name}, '')" for name in _TOP_MEMBERS},
        {"data": f"JSONExtract(if(startsWith(tagged_data, '{{'), tagged_data, ''), {text(_DATA)})"},
        {f"tagged_{name}": f"ifNull(data.s{name}, '')" for name in _DATA_MEMBERS},
        {f"text_{name}": f"if(startsWith(tagged_{name}, 's'), substring(tagged_{name}, 2), '')" for name in (*TOP_TEXTS, *DATA_TEXTS)},
        {"kind": f"CAST(transform(text_type, {texts(TYPES)}, {list(range(len(TYPES)))}, {UNKNOWN}), 'Int8')"},
        # A state after the change has no deletion, whatever it says.
        {"is_usage": f"kind = {USAGE}", "has_state": f"kind BETWEEN {CREATED} AND {STOPPED}"},
        {
            "label_object": "JSONExtract(if(startsWith(tagged_labels, '{'), tagged_labels, '{}'), 'Map(String, String)')",
            "metric_object": "JSONExtract(if(has_state AND startsWith(tagged_metrics, '{'), tagged_metrics, '{}'), 'Map(String, String)')",
        },
        {"label_pairs": _pairs("label_object"), "metric_pairs": _pairs("metric_object")},
    ]


def _pairs(members: str) -> str:
    """(name, tagged value) of an object's members by name; the first of a name counts, and a null one is absent."""
    first = f"arrayFilter((pair, nth) -> nth = 1, CAST({members}, 'Array(Tuple(String, String))'), arrayEnumerateUniq(mapKeys({members})))"
    return f"arraySort(arrayMap(pair -> (substring(pair.1, 2), pair.2), arrayFilter(pair -> notEmpty(pair.2), {first})))"


def _instant() -> Layers:
    """`event_milliseconds` since 1970 where `is_time`. Days since 1970 of a date: Hinnant, chrono-compatible date algorithms."""
    days_in_month = "[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]"
    return [
        {"has_time_form": f"match(text_time, {text(f'^{INSTANT}$')})"},
        {"instant": "if(has_time_form, text_time, '1970-01-01T00:00:00Z')"},
        {
            "year": "toInt32(substring(instant, 1, 4))",
            "month": "toInt32(substring(instant, 6, 2))",
            "day": "toInt32(substring(instant, 9, 2))",
            "offset": "extract(instant, '([+-][0-9]{2}:[0-9]{2})$')",
            "fraction": r"extract(instant, '\\.([0-9]+)')",
        },
        {
            "is_leap_year": "(year % 4 = 0 AND year % 100 != 0) OR year % 400 = 0",
            "march_year": "year - toInt32(month < 3) + 400",  # years that begin in March, counted from -400 to stay positive
            "offset_minutes": "toInt32OrZero(substring(offset, 2, 2)) * 60 + toInt32OrZero(substring(offset, 5, 2))",
        },
        {
            "is_time": f"has_time_form AND day <= if(month = 2 AND is_leap_year, 29, {days_in_month}[month])",
            "epoch_day": "toInt64(365 * march_year + intDiv(march_year, 4) - intDiv(march_year, 100) + intDiv(march_year, 400)"
            " + intDiv(153 * ((month + 9) % 12) + 2, 5) + day - 1 - 719468 - 146097)",
        },
        {
            "event_milliseconds": "epoch_day * 86400000 + toInt64(substring(instant, 12, 2)) * 3600000"
            " + toInt64(substring(instant, 15, 2)) * 60000 + toInt64(substring(instant, 18, 2)) * 1000"
            " + toInt64(substring(concat(fraction, '000'), 1, 3)) - if(startsWith(offset, '-'), -1, 1) * offset_minutes * 60000"
        },
    ]


def _quantities() -> Layers:
    """`quantities`, Array(Nullable(Decimal(38, 9))) of the event's numbers; NULL where CONTRACTS refuse what is written.

    A value is its significant digits / 10^scale; zeros at either end say nothing.
    """
    width = _INTEGER_DIGITS + 1 + _DECIMALS
    largest = 10**_EXPONENT_DIGITS
    return [
        {"numbers": "if(is_usage, [tagged_quantity], arrayMap(pair -> pair.2, metric_pairs))"},
        {
            "decimals": r"arrayMap(number -> extract(number, '\\.([0-9]+)'), numbers)",
            "powers": "arrayMap(number -> extract(number, '[eE][+-]?0*([0-9]*)$'), numbers)",
        },
        {
            "digits": "arrayMap((number, places) -> concat(extract(number, '^.-?([0-9]+)'), places), numbers, decimals)",
            "exponents": "arrayMap((number, power) -> if(match(number, '[eE]-'), -1, 1)"
            f" * if(length(power) > {_EXPONENT_DIGITS}, toInt64({largest}), toInt64OrZero(power)), numbers, powers)",
        },
        {
            "significants": "arrayMap(written -> trim(BOTH '0' FROM written), digits)",
            "end_zeros": "arrayMap(written -> length(written) - length(trim(TRAILING '0' FROM written)), digits)",
        },
        {
            "scales": "arrayMap((places, exponent, zeros) -> toInt64(length(places)) - exponent - toInt64(zeros),"
            " decimals, exponents, end_zeros)"
        },
        {
            "units": "arrayMap((significant, scale) -> leftPad(concat(significant,"
            f" repeat('0', greatest(0, least({width}, {_DECIMALS} - scale)))), {width}, '0'), significants, scales)"
        },
        {
            "quantities": f"""arrayMap((number, significant, scale, unit) -> multiIf(
        NOT match(number, {text(f"^[sn]{NUMBER}$")}), NULL,
        empty(significant), toNullable(toDecimal128(0, 9)),
        substring(number, 2, 1) = '-' OR scale > {_DECIMALS} OR toInt64(length(significant)) - scale > {_INTEGER_DIGITS}, NULL,
        startsWith(number, 'n') AND length(significant) > {FLOAT_DIGITS}, NULL,
        toDecimal128OrNull(concat(substring(unit, 1, {_INTEGER_DIGITS + 1}), '.', substring(unit, {_INTEGER_DIGITS + 2})), 9)),
        numbers, significants, scales, units)"""
        },
    ]


def _judgement(last: int) -> Layers:
    """`reason_code`: the first rule that a line breaks."""
    states = ", ".join(text(state) for state in ("", *STATES))
    return [
        {
            "sequence": "toInt64OrZero(substring(tagged_sequence, 2))",
            "earliest": f"toUnixTimestamp64Milli(toDateTime64({text(EARLIEST)}, 3, 'UTC'))",
        },
        {
            "required": "[text_id, text_source, text_type, text_subject, text_time, text_account_id,"
            f" if(is_usage, text_metric, '-'), if(is_usage AND tagged_quantity IN ('', 's'), '', '-'),"
            f" if(has_state AND NOT startsWith(tagged_metrics, '{{'), '', '-'), if(kind = {UPDATED}, text_state, '-')]",
            "optional": "arrayConcat([tagged_project_id, tagged_region,"
            " if(is_usage, tagged_value, ''), if(has_state, tagged_resource_type, ''), if(has_state, tagged_state, '')],"
            " arrayMap(pair -> pair.2, label_pairs))",
        },
        {
            "lacks_field": "has(required, '')",
            "has_other_type": "arrayExists(member -> notEmpty(member) AND NOT startsWith(member, 's'), optional)"
            " OR (notEmpty(tagged_labels) AND NOT startsWith(tagged_labels, '{'))"
            " OR (notEmpty(tagged_sequence) AND tagged_sequence NOT IN (concat('n', toString(sequence)), 'n-0'))",
        },
        {
            "reason_code": f"""multiIf(
        is_blank, '',
        is_long, 'line_too_long',
        NOT is_json, 'invalid_json',
        NOT is_object, 'not_an_object',
        lacks_field, 'missing_field',
        text_specversion != '1.0', 'unsupported_specversion',
        kind = {UNKNOWN}, 'unknown_type',
        NOT is_time, 'invalid_time',
        event_milliseconds < earliest, 'time_too_old',
        event_milliseconds > {last}, 'time_in_future',
        has_other_type, 'invalid_field',
        arrayExists(read -> isNull(read), quantities), 'invalid_quantity',
        has_state AND text_state NOT IN ({states}), 'unknown_state',
        '')"""
        },
    ]


def _event() -> Layers:
    """The columns of an event; of a rejected line they mean nothing."""
    zero = "toDecimal128(0, 9)"
    names = "arrayMap(pair -> pair.1, {pairs})"
    return [
        {
            "event_at": "fromUnixTimestamp64Milli(if(is_blank OR notEmpty(reason_code), 0, event_milliseconds), 'UTC')",
            "source": "text_source",
            "event_id": "text_id",
            "resource_id": "text_subject",
            "account_id": "text_account_id",
            "project_id": "text_project_id",
            "region": "text_region",
            "metric": "if(is_usage, text_metric, '')",
            "quantity": f"if(is_usage, ifNull(quantities[1], {zero}), {zero})",
            "value": "if(is_usage, text_value, '')",
            "resource_type": "if(is_usage, '', text_resource_type)",
            "state": f"multiIf(is_usage, '', kind = {DELETED}, 'deleted', notEmpty(text_state), text_state,"
            f" kind = {STOPPED}, 'stopped', 'running')",
            "metrics": f"mapFromArrays({names.format(pairs='metric_pairs')},"
            f" if(is_usage, [], arrayMap(read -> ifNull(read, {zero}), quantities)))",
            "labels": f"mapFromArrays({names.format(pairs='label_pairs')}, arrayMap(pair -> substring(pair.2, 2), label_pairs))",
        }
    ]
