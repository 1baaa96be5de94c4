"""Reads a line at sight: one JSONExtract, one scan for whatever that could misread, one match of the numbers' forms.

It accepts or it passes on, it never rejects: a line is plain only where this reading cannot differ from the careful one.
JSONExtract alone takes a bare 5 for the text "5", rounds long numbers, and skips a first `data` it cannot use.
"""

from __future__ import annotations

from ingestion.sql.forms import (
    DATA_TEXTS,
    DELETED,
    EARLIEST,
    FUTURE_MILLISECONDS,
    MAX_LINE_BYTES,
    SHORT_INSTANT,
    SHORT_NUMBER,
    STATES,
    STOPPED,
    TOP_TEXTS,
    TYPES,
    UNKNOWN,
    UPDATED,
    USAGE,
)
from ingestion.sql.literals import text, texts

_STRING = r'"(?:[^"\\]|\\.)*"'
_TEXT_NAMES = "|".join((*TOP_TEXTS, *DATA_TEXTS))

# A line that matches none of these is read the same by JSONExtract and by the contract. `":` ends a name and nothing else.
_DOUBTS = (
    r"^\s*[^{\s]",  # no object, or a byte order mark
    r"\\(?:u00|n)",  # an escape that can hide a name or the separator of the numbers below
    rf'"(?:{_TEXT_NAMES})"\s*:\s*[^"n\s]',  # neither text nor null where a text belongs
    r'"(?:data|metrics|labels)"\s*:\s*[^{\s]',
    r'"data".*"data"',
    r'"sequence"\s*:\s*(?:[^-0-9n\s]|-?[0-9]+[.eE])',
    rf'"labels"\s*:\s*\{{(?:\s*{_STRING}\s*:\s*{_STRING}\s*,)*\s*{_STRING}\s*:\s*[^"\s]',  # a label that is no text
    r":\s*-?[0-9](?:[0-9.]*[eE]|[0-9.]{15})",  # a bare number that Float64 may not hold
)
DOUBT = f"(?s){'|'.join(_DOUBTS)}"

# specversion, time, sequence and the quantities, a line each.
FORM = rf"^1\.0\n{SHORT_INSTANT}\n(?:-?[1-9][0-9]{{0,17}}|0)?\n(?:{SHORT_NUMBER}(?:\n{SHORT_NUMBER})*)?$"

SHAPE = (
    f"Tuple({', '.join(f'{name} String' for name in TOP_TEXTS)}, data Tuple({', '.join(f'{name} String' for name in DATA_TEXTS)},"
    " sequence String, quantity String, metrics Map(String, String), labels Map(LowCardinality(String), String)))"
)


def plain_reading(lines: str, *, now_milliseconds: int) -> str:
    """SELECT of `line_number`, `line`, `is_plain` and, right where is_plain, the columns of an event from `lines`."""
    last = now_milliseconds + FUTURE_MILLISECONDS
    return f"""
SELECT
    line_number,
    line,
    event.id AS event_id,
    event.source AS source,
    event.subject AS resource_id,
    event.data.account_id AS account_id,
    event.data.project_id AS project_id,
    event.data.region AS region,
    event.data.metric AS metric,
    event.data.value AS value,
    event.data.resource_type AS resource_type,
    event.data.state AS stated,
    CAST(transform(event.type, {texts(TYPES)}, {list(range(len(TYPES)))}, {UNKNOWN}), 'Int8') AS kind,
    parseDateTime64BestEffortOrZero(event.time, 3, 'UTC') AS event_at,
    toDecimal128OrZero(event.data.quantity, 9) AS quantity,
    toInt64OrZero(event.data.sequence) AS sequence,
    mapSort(mapApply((name, written) -> (name, toDecimal128OrZero(written, 9)), event.data.metrics)) AS metrics,
    mapSort(event.data.labels) AS labels,
    multiIf(kind = {USAGE}, '', kind = {DELETED}, 'deleted', notEmpty(stated), stated, kind = {STOPPED}, 'stopped', 'running') AS state,
    if(kind = {USAGE}, event.data.quantity, arrayStringConcat(mapValues(event.data.metrics), '\\n')) AS numbers,
    kind != {UNKNOWN}
        AND notEmpty(event_id) AND notEmpty(source) AND notEmpty(resource_id) AND notEmpty(account_id)
        AND if(kind = {USAGE},
            notEmpty(metric) AND notEmpty(numbers) AND empty(stated) AND empty(resource_type) AND empty(metrics),
            empty(metric) AND empty(event.data.quantity) AND empty(value)
                AND (kind = {DELETED} OR (notEmpty(metrics) AND stated IN ('', {', '.join(text(state) for state in STATES)})))
                AND (kind != {UPDATED} OR notEmpty(stated)))
        AND length(arrayDistinct(mapKeys(labels))) = length(labels)
        AND length(arrayDistinct(mapKeys(metrics))) = length(metrics)
        AND event_at >= toDateTime64({text(EARLIEST)}, 3, 'UTC')
        AND event_at <= fromUnixTimestamp64Milli(toInt64({last}), 'UTC')
        AND length(line) <= {MAX_LINE_BYTES}
        AND match(concat(event.specversion, '\\n', event.time, '\\n', event.data.sequence, '\\n', numbers), {text(FORM)})
        AND NOT match(line, {text(DOUBT)}) AS is_plain
FROM
(
    SELECT line_number, line, JSONExtract(line, {text(SHAPE)}) AS event
    FROM {lines}
)"""
