"""Reads a line at sight: one JSONExtract, and proof from cheap scans that it read what is written.

It accepts or it passes on, it never rejects: a line is plain only where this reading cannot differ from the careful one.
JSONExtract alone takes a bare 5 for the text "5", rounds long numbers, and skips a first `data` that it cannot use.
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

_LABELS = "Map(LowCardinality(String), String)"
_METRICS = "Map(String, String)"
# A Variant keeps what is no object as text. Without it a first, unusable value would count for nothing and a second be read.
_DATA = (
    f"Tuple({', '.join(f'{name} String' for name in DATA_TEXTS)}, sequence String, quantity String,"
    f" metrics Variant({_METRICS}, String), labels Variant({_LABELS}, String))"
)
SHAPE = f"Tuple({', '.join(f'{name} String' for name in TOP_TEXTS)}, data Variant({_DATA}, String))"

# `":` ends a name and nothing else, so this finds each value that is neither a text nor an object; few lines have one.
BARE = r'":\s*[^"{\s]'
# ... and this says which of those JSONExtract may have misread. Short numbers and null it reads as they are meant.
_STRING = r'"(?:[^"\\]|\\.)*"'
MISREAD = "(?s)" + "|".join(
    (
        r"\\u00",  # an escape that can hide a name from the patterns below
        rf'"(?:{"|".join((*TOP_TEXTS, *DATA_TEXTS))})"\s*:\s*[^"n\s]',
        r'"sequence"\s*:\s*(?:[^-0-9n\s]|-?[0-9]+[.eE])',
        rf'"labels"\s*:\s*\{{(?:\s*{_STRING}\s*:\s*{_STRING}\s*,)*\s*{_STRING}\s*:\s*[^"\s]',
        r":\s*-?[0-9](?:[0-9.]*[eE]|[0-9.]{15})",  # more digits than Float64 holds for certain
    )
)
# JSON allows white space between a name and its colon, where BARE would not see the value.
_GAPS = ('" ', '"\t', '"\r', '"\n')
GAP = r'"\s+:'

# specversion, time, sequence and each quantity, a line each.
FORM = rf"^1\.0\n{SHORT_INSTANT}\n(?:-?[1-9][0-9]{{0,17}}|0)?\n(?:{SHORT_NUMBER}(?:\n{SHORT_NUMBER})*)?$"


def plain_reading(lines: str, *, now_milliseconds: int) -> str:
    """SELECT of `line_number`, `line`, `is_plain` and, right where is_plain, the columns of an event from `lines`."""
    last = now_milliseconds + FUTURE_MILLISECONDS
    states = ", ".join(text(state) for state in ("", *STATES))
    objects = " OR ".join(
        f"startsWith({name}, '{{')" for name in ("event_id", "source", "resource_id", "account_id", "project_id", "region", "metric", "value", "resource_type")
    )
    return f"""
SELECT
    line_number,
    line,
    event.id AS event_id,
    event.source AS source,
    event.subject AS resource_id,
    data.account_id AS account_id,
    data.project_id AS project_id,
    data.region AS region,
    data.metric AS metric,
    data.value AS value,
    data.resource_type AS resource_type,
    data.state AS stated,
    CAST(transform(event.type, {texts(TYPES)}, {list(range(len(TYPES)))}, {UNKNOWN}), 'Int8') AS kind,
    parseDateTime64BestEffortOrZero(event.time, 3, 'UTC') AS event_at,
    toDecimal128OrZero(data.quantity, 9) AS quantity,
    toInt64OrZero(data.sequence) AS sequence,
    variantElement(data.metrics, {text(_METRICS)}) AS written_metrics,
    variantElement(data.labels, {text(_LABELS)}) AS written_labels,
    mapSort(mapApply((name, written) -> (name, toDecimal128OrZero(written, 9)), written_metrics)) AS metrics,
    mapSort(written_labels) AS labels,
    multiIf(kind = {USAGE}, '', kind = {DELETED}, 'deleted', notEmpty(stated), stated, kind = {STOPPED}, 'stopped', 'running') AS state,
    concat(event.specversion, '\\n', event.time, '\\n', data.sequence, '\\n',
        if(kind = {USAGE}, data.quantity, arrayStringConcat(mapValues(written_metrics), '\\n'))) AS form,
    kind != {UNKNOWN}
        AND startsWith(trimLeft(line), '{{')
        AND notEmpty(event_id) AND notEmpty(source) AND notEmpty(resource_id) AND notEmpty(account_id)
        AND if(kind = {USAGE},
            notEmpty(metric) AND notEmpty(data.quantity) AND empty(stated) AND empty(resource_type) AND isNull(data.metrics),
            empty(metric) AND empty(data.quantity) AND empty(value)
                AND (kind = {DELETED} OR stated IN ({states})) AND (kind != {UPDATED} OR notEmpty(stated))
                AND (isNotNull(data.metrics) OR kind = {DELETED}) AND isNull(variantElement(data.metrics, 'String')))
        AND isNull(variantElement(data.labels, 'String'))
        AND length(arrayDistinct(mapKeys(labels))) = length(labels)
        AND length(arrayDistinct(mapKeys(metrics))) = length(metrics)
        AND NOT ({objects} OR arrayExists(written -> startsWith(written, '{{'), mapValues(labels)))
        AND event_at >= toDateTime64({text(EARLIEST)}, 3, 'UTC')
        AND event_at <= fromUnixTimestamp64Milli(toInt64({last}), 'UTC')
        AND length(line) <= {MAX_LINE_BYTES}
        AND match(form, {text(FORM)})
        AND countSubstrings(form, '\\n') = 2 + greatest(1, length(metrics))
        AND NOT (match(line, {text(BARE)}) AND match(line, {text(MISREAD)}))
        AND NOT (multiSearchAny(line, {texts(_GAPS)}) AND match(line, {text(GAP)})) AS is_plain
FROM
(
    SELECT line_number, line, JSONExtract(line, {text(SHAPE)}) AS event, variantElement(event.data, {text(_DATA)}) AS data
    FROM {lines}
)"""
