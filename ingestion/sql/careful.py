r"""Reads a line by the letter of CONTRACTS section 2, whatever it holds, and says why where it is rejected.

JSONExtract alone cannot: numbers pass through Float64 and their type is lost. So each text in the line is first tagged
`"s…"` and each bare number turned into a text tagged `"n…"`; after that one letter tells what was written, digits are
whole, and an absent or null member is the empty text. Some ten times slower than plain.py, which reads ordinary lines.
"""

from __future__ import annotations

from ingestion.sql.forms import (
    CREATED,
    DATA_TEXTS,
    DELETED,
    EARLIEST,
    FUTURE_MILLISECONDS,
    INSTANT,
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
from ingestion.sql.literals import text, texts

_BOM = "\ufeff"
# Control characters that no JSON holds bare: four of them mark the tokens below.
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_TOKEN = rf'(?s)"((?:[^"\\]|\\.)*)"|({NUMBER})'
_OPEN_TEXT, _CLOSE_TEXT, _OPEN_NUMBER, _CLOSE_NUMBER = "\x03", "\x04", "\x01", "\x02"
_MARKED = rf"{_OPEN_TEXT}\1{_CLOSE_TEXT}{_OPEN_NUMBER}\2{_CLOSE_NUMBER}"
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
_FLOAT_DIGITS = 15  # significant digits that a JSON number keeps wherever it has been on its way


def careful_reading(lines: str, *, now_milliseconds: int) -> str:
    """SELECT of `line_number`, `raw_line`, `is_blank`, `reason_code` (empty: accepted) and the columns of an event from `lines`."""
    return _judged(_measured(_members(_parsed(_tagged(lines)))), last=now_milliseconds + FUTURE_MILLISECONDS)


def _tagged(lines: str) -> str:
    """`raw_line` without byte order mark and line end, and `tagged`: its JSON with tagged values, empty where it is no JSON."""
    return f"""
SELECT
    line_number,
    if(line_number = 1 AND startsWith(line, {text(_BOM)}), substring(line, 4), line) AS unmarked,
    if(endsWith(unmarked, '\\r'), substring(unmarked, 1, length(unmarked) - 1), unmarked) AS raw_line,
    match(raw_line, '^[ \\t]*$') AS is_blank,
    length(raw_line) > {MAX_LINE_BYTES} AS is_long,
    is_long OR NOT isValidUTF8(raw_line) OR startsWith(raw_line, {text(_BOM)}) OR match(raw_line, {text(_CONTROL)}) AS is_foreign,
    replaceRegexpAll(if(is_foreign, '', raw_line), {text(_TOKEN)}, {text(_MARKED)}) AS marked,
    replaceAll(if(match(marked, {text(_STRAY_QUOTE)}), '', marked), {text(_CLOSE_TEXT + _OPEN_NUMBER + _CLOSE_NUMBER)}, '"') AS texts_closed,
    replaceAll(if(match(texts_closed, {text(_NUMBER_AS_NAME)}), '', texts_closed), {text(_OPEN_TEXT + _CLOSE_TEXT + _OPEN_NUMBER)}, '"n') AS numbers_opened,
    replaceAll(replaceAll(numbers_opened, {text(_OPEN_TEXT)}, '"s'), {text(_CLOSE_NUMBER)}, '"') AS tagged
FROM {lines}"""


def _parsed(rows: str) -> str:
    """Each member as `tagged_<name>`: '' absent or null, s… a text, n… a number, {…} an object, else of another type."""
    members = [f"ifNull(event.s{name}, '') AS tagged_{name}" for name in _TOP_MEMBERS] + [f"ifNull(data.s{name}, '') AS tagged_{name}" for name in _DATA_MEMBERS]
    return f"""
SELECT
    line_number,
    raw_line,
    is_blank,
    is_long,
    isValidJSON(tagged) AS is_json,
    is_json AND match(tagged, '^\\\\s*\\\\{{') AS is_object,
    JSONExtract(if(is_object, tagged, ''), {text(_TOP)}) AS event,
    JSONExtract(if(startsWith(tagged_data, '{{'), tagged_data, ''), {text(_DATA)}) AS data,
    {", ".join(members)}
FROM ({rows})"""


def _members(rows: str) -> str:
    """Texts without their tag; labels and metrics as pairs of name and tagged value; the numbers to read."""
    texts_read = ", ".join(f"if(startsWith(tagged_{name}, 's'), substring(tagged_{name}, 2), '') AS text_{name}" for name in (*TOP_TEXTS, *DATA_TEXTS))
    tagged = ", ".join(f"tagged_{name}" for name in _DATA_MEMBERS)
    return f"""
SELECT
    line_number,
    raw_line,
    is_blank,
    is_long,
    is_json,
    is_object,
    {tagged},
    {texts_read},
    CAST(transform(text_type, {texts(TYPES)}, {list(range(len(TYPES)))}, {UNKNOWN}), 'Int8') AS kind,
    {_pairs("tagged_labels")} AS label_pairs,
    {_pairs(f"if(kind BETWEEN {CREATED} AND {STOPPED}, tagged_metrics, '')")} AS metric_pairs,
    if(kind = {USAGE}, [tagged_quantity], arrayMap(pair -> pair.2, metric_pairs)) AS numbers
FROM ({rows})"""


def _measured(rows: str) -> str:
    """The instant, the sequence and the quantities, each with what tells whether it can be one."""
    return f"""
SELECT
    *,
    match(text_time, {text(f"^{INSTANT}$")}) AS has_time_form,
    if(has_time_form, text_time, '1970-01-01T00:00:00Z') AS instant,
    toInt32(substring(instant, 1, 4)) AS year,
    toInt32(substring(instant, 6, 2)) AS month,
    toInt32(substring(instant, 9, 2)) AS day,
    (year % 4 = 0 AND year % 100 != 0) OR year % 400 = 0 AS is_leap_year,
    has_time_form AND day <= if(month = 2 AND is_leap_year, 29, [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]) AS is_time,
    year - toInt32(month < 3) AS shifted_year,
    toInt64(365 * shifted_year + intDiv(shifted_year + 400, 4) - intDiv(shifted_year + 400, 100) + intDiv(shifted_year + 400, 400) - 97
        + intDiv(153 * ((month + 9) % 12) + 2, 5) + day - 1 - 719468) AS epoch_day,
    extract(instant, '([+-][0-9]{{2}}:[0-9]{{2}})$') AS offset_form,
    toInt32OrZero(substring(offset_form, 2, 2)) * 60 + toInt32OrZero(substring(offset_form, 5, 2)) AS offset_minutes,
    epoch_day * 86400000
        + toInt64(substring(instant, 12, 2)) * 3600000
        + toInt64(substring(instant, 15, 2)) * 60000
        + toInt64(substring(instant, 18, 2)) * 1000
        + toInt64(substring(concat(extract(instant, '\\\\.([0-9]+)'), '000'), 1, 3))
        - if(startsWith(offset_form, '-'), -offset_minutes, offset_minutes) * 60000 AS event_milliseconds,
    toInt64OrZero(substring(tagged_sequence, 2)) AS sequence,
    empty(tagged_sequence) OR tagged_sequence IN (concat('n', toString(sequence)), 'n-0') AS is_sequence,
    {_quantities()} AS quantities
FROM ({rows})"""


def _judged(rows: str, *, last: int) -> str:
    states = ", ".join(text(state) for state in ("", *STATES))
    earliest = f"toUnixTimestamp64Milli(toDateTime64({text(EARLIEST)}, 3, 'UTC'))"
    is_wrong = " OR ".join(f"{_is_other(f'tagged_{name}', 's')}" for name in ("project_id", "region"))
    return f"""
SELECT
    line_number,
    raw_line,
    is_blank,
    multiIf(
        is_blank, '',
        is_long, 'line_too_long',
        NOT is_json, 'invalid_json',
        NOT is_object, 'not_an_object',
        empty(text_id) OR empty(text_source) OR empty(text_type) OR empty(text_subject) OR empty(text_time) OR empty(text_account_id)
            OR (kind = {USAGE} AND (empty(text_metric) OR tagged_quantity IN ('', 's')))
            OR (kind BETWEEN {CREATED} AND {STOPPED} AND NOT startsWith(tagged_metrics, '{{'))
            OR (kind = {UPDATED} AND empty(text_state)), 'missing_field',
        text_specversion != '1.0', 'unsupported_specversion',
        kind = {UNKNOWN}, 'unknown_type',
        NOT is_time, 'invalid_time',
        event_milliseconds < {earliest}, 'time_too_old',
        event_milliseconds > {last}, 'time_in_future',
        {is_wrong} OR {_is_other("tagged_labels", "{")} OR arrayExists(pair -> NOT startsWith(pair.2, 's'), label_pairs) OR NOT is_sequence
            OR (kind = {USAGE} AND {_is_other("tagged_value", "s")})
            OR (kind BETWEEN {CREATED} AND {STOPPED} AND ({_is_other("tagged_resource_type", "s")} OR {_is_other("tagged_state", "s")})), 'invalid_field',
        arrayExists(quantity -> isNull(quantity), quantities), 'invalid_quantity',
        kind BETWEEN {CREATED} AND {STOPPED} AND text_state NOT IN ({states}), 'unknown_state',
        '') AS reason_code,
    kind,
    fromUnixTimestamp64Milli(if(is_blank OR notEmpty(reason_code), 0, event_milliseconds), 'UTC') AS event_at,
    text_source AS source,
    text_id AS event_id,
    text_subject AS resource_id,
    text_account_id AS account_id,
    text_project_id AS project_id,
    text_region AS region,
    if(kind = {USAGE}, text_metric, '') AS metric,
    if(kind = {USAGE}, ifNull(quantities[1], toDecimal128(0, 9)), toDecimal128(0, 9)) AS quantity,
    if(kind = {USAGE}, text_value, '') AS value,
    if(kind = {USAGE}, '', text_resource_type) AS resource_type,
    multiIf(kind IN ({USAGE}, {UNKNOWN}), '', kind = {DELETED}, 'deleted', text_state IN ({", ".join(text(state) for state in STATES)}), text_state,
        kind = {STOPPED}, 'stopped', 'running') AS state,
    mapFromArrays(arrayMap(pair -> pair.1, metric_pairs),
        if(kind = {USAGE}, [], arrayMap(quantity -> ifNull(quantity, toDecimal128(0, 9)), quantities))) AS metrics,
    mapFromArrays(arrayMap(pair -> pair.1, label_pairs), arrayMap(pair -> substring(pair.2, 2), label_pairs)) AS labels,
    sequence
FROM ({rows})"""


def _is_other(member: str, tag: str) -> str:
    """Whether a member is there and of another type."""
    return f"(notEmpty({member}) AND NOT startsWith({member}, {text(tag)}))"


def _pairs(member: str) -> str:
    """(name, tagged value) of an object's members by name; the first of a name counts, and a null one is absent."""
    pairs = f"JSONExtract(if(startsWith({member}, '{{'), {member}, '{{}}'), 'Map(String, String)')"
    first = f"arrayFilter((pair, nth) -> nth = 1, CAST({pairs}, 'Array(Tuple(String, String))'), arrayEnumerateUniq(mapKeys({pairs})))"
    return f"arraySort(arrayMap(pair -> (substring(pair.1, 2), pair.2), arrayFilter(pair -> notEmpty(pair.2), {first})))"


def _quantities() -> str:
    """Array of Nullable(Decimal(38, 9)) of `numbers`, which are tagged; NULL where CONTRACTS refuse what is written.

    A value is its significant digits / 10^scale; zeros at either end say nothing.
    """
    width = _INTEGER_DIGITS + 1 + _DECIMALS
    return f"""
    arrayMap(number -> substring(number, 2), numbers) AS written_numbers,
    arrayMap(written -> extract(written, '\\\\.([0-9]+)'), written_numbers) AS number_decimals,
    arrayMap((written, decimals) -> concat(extract(written, '^-?([0-9]+)'), decimals), written_numbers, number_decimals) AS number_digits,
    arrayMap(written -> extract(written, '[eE][+-]?0*([0-9]*)$'), written_numbers) AS number_powers,
    arrayMap((written, power) -> if(match(written, '[eE]-'), -1, 1)
        * if(length(power) > {_EXPONENT_DIGITS}, toInt64({10**_EXPONENT_DIGITS}), toInt64OrZero(power)), written_numbers, number_powers) AS number_exponents,
    arrayMap(digits -> trim(BOTH '0' FROM digits), number_digits) AS number_significants,
    arrayMap((decimals, digits, exponent) -> toInt64(length(decimals)) - exponent
        - toInt64(length(digits) - length(trim(TRAILING '0' FROM digits))), number_decimals, number_digits, number_exponents) AS number_scales,
    arrayMap((significant, scale) -> leftPad(concat(significant, repeat('0', greatest(0, least({width}, {_DECIMALS} - scale)))), {width}, '0'),
        number_significants, number_scales) AS number_units,
    arrayMap((number, significant, scale, units) -> multiIf(
        NOT match(number, {text(f"^[sn]{NUMBER}$")}), NULL,
        empty(significant), toNullable(toDecimal128(0, 9)),
        substring(number, 2, 1) = '-' OR scale > {_DECIMALS} OR toInt64(length(significant)) - scale > {_INTEGER_DIGITS}, NULL,
        startsWith(number, 'n') AND length(significant) > {_FLOAT_DIGITS}, NULL,
        toDecimal128OrNull(concat(substring(units, 1, {_INTEGER_DIGITS + 1}), '.', substring(units, {_INTEGER_DIGITS + 2})), 9)),
        numbers, number_significants, number_scales, number_units)"""
