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

_OBJECT = "Map(String, String)"
# Nullable and Variant take any value, an object or not, as the first of its name. Without them JSONExtract would pass over
# a null or a value it cannot use, and read a second one.
_DATA = (
    f"Tuple({', '.join(f'{name} Nullable(String)' for name in (*DATA_TEXTS, 'sequence', 'quantity'))},"
    f" metrics Variant({_OBJECT}, String), labels Variant({_OBJECT}, String))"
)
SHAPE = f"Tuple({', '.join(f'{name} Nullable(String)' for name in TOP_TEXTS)}, data Variant({_DATA}, String))"

# `":` ends a name and nothing else, so this finds each value that is neither a text nor an object; few lines have one.
BARE = r'":\s*[^"{\s]'
# ... and this says which of those JSONExtract may have misread. Short numbers and null it reads as they are meant.
_STRING = r'"(?:[^"\\]|\\.)*"'
MISREAD = "(?s)" + "|".join(
    (
        r"\\u00",  # an escape that can hide a name from the patterns below
        rf'"(?:{"|".join((*TOP_TEXTS, *DATA_TEXTS))})"\s*:\s*[^"n\s]',
        r'"data"\s*:\s*\[',  # read as if its items were members
        r'"sequence"\s*:\s*(?:[^-0-9n\s]|-?[0-9]+[.eE])',
        rf'"labels"\s*:\s*\{{(?:\s*{_STRING}\s*:\s*{_STRING}\s*,)*\s*{_STRING}\s*:\s*[^"\s]',
        r":\s*-?[0-9](?:[0-9.]*[eE]|[0-9.]{15})",  # more digits than Float64 holds for certain
    )
)
# JSON allows white space between a name and its colon, where BARE would not see the value.
_GAP_STARTS = ('" ', '"\t', '"\r', '"\n')
GAP = r'"\s+:'

# specversion, time, sequence and each quantity, a line each.
FORM = rf"^1\.0\n{SHORT_INSTANT}\n(?:-?[1-9][0-9]{{0,17}}|0)?\n(?:{SHORT_NUMBER}(?:\n{SHORT_NUMBER})*)?$"


def plain_reading(lines: str, *, now_milliseconds: int) -> str:
    """SELECT of `line_number`, `line`, `is_plain` and, right where is_plain, the columns of an event from `lines`."""
    last = now_milliseconds + FUTURE_MILLISECONDS
    states = ", ".join(text(state) for state in ("", *STATES))
    objects = " OR ".join(
        f"startsWith({name}, '{{')"
        for name in ("event_id", "source", "resource_id", "account_id", "project_id", "region", "metric", "value", "resource_type")
    )
    gap_starts = " + ".join(f"position(line, {text(start)})" for start in _GAP_STARTS)
    return f"""
SELECT
    line_number,
    line,
    ifNull(event.id, '') AS event_id,
    ifNull(event.source, '') AS source,
    ifNull(event.subject, '') AS resource_id,
    ifNull(data.account_id, '') AS account_id,
    ifNull(data.project_id, '') AS project_id,
    ifNull(data.region, '') AS region,
    ifNull(data.metric, '') AS metric,
    ifNull(data.value, '') AS value,
    ifNull(data.resource_type, '') AS resource_type,
    ifNull(data.state, '') AS stated,
    CAST(transform(ifNull(event.type, ''), {texts(TYPES)}, {list(range(len(TYPES)))}, {UNKNOWN}), 'Int8') AS kind,
    parseDateTime64BestEffortOrZero(ifNull(event.time, ''), 3, 'UTC') AS event_at,
    ifNull(data.quantity, '') AS written_quantity,
    toDecimal128OrZero(written_quantity, 9) AS quantity,
    ifNull(data.sequence, '') AS written_sequence,
    toInt64OrZero(written_sequence) AS sequence,
    if(kind = {DELETED}, map(), variantElement(data.metrics, {text(_OBJECT)})) AS written_metrics,
    variantElement(data.labels, {text(_OBJECT)}) AS written_labels,
    mapSort(mapApply((name, written) -> (name, toDecimal128OrZero(written, 9)), written_metrics)) AS metrics,
    mapSort(written_labels) AS labels,
    multiIf(kind = {USAGE}, '', kind = {DELETED}, 'deleted', notEmpty(stated), stated, kind = {STOPPED}, 'stopped', 'running') AS state,
    if(kind = {USAGE}, written_quantity, arrayStringConcat(mapValues(written_metrics), '\\n')) AS numbers,
    concat(ifNull(event.specversion, ''), '\\n', ifNull(event.time, ''), '\\n', written_sequence, '\\n', numbers) AS form,
    kind != {UNKNOWN}
        AND startsWith(line, '{{')
        AND notEmpty(event_id) AND notEmpty(source) AND notEmpty(resource_id) AND notEmpty(account_id)
        AND if(kind = {USAGE},
            notEmpty(metric) AND notEmpty(numbers) AND empty(stated) AND empty(resource_type) AND isNull(data.metrics),
            empty(metric) AND empty(written_quantity) AND empty(value) AND (kind = {DELETED}
                OR (stated IN ({states}) AND (kind != {UPDATED} OR notEmpty(stated)) AND variantType(data.metrics) = {text(_OBJECT)})))
        AND variantType(data.labels) IN ({text(_OBJECT)}, 'None')
        AND variantType(event.data) = {text(_DATA)}
        AND length(arrayDistinct(mapKeys(labels))) = length(labels)
        AND length(arrayDistinct(mapKeys(metrics))) = length(metrics)
        AND NOT ({objects} OR arrayExists(written -> startsWith(written, '{{'), mapValues(labels)))
        AND event_at >= toDateTime64({text(EARLIEST)}, 3, 'UTC')
        AND event_at <= fromUnixTimestamp64Milli(toInt64({last}), 'UTC')
        AND length(line) <= {MAX_LINE_BYTES}
        AND (notEmpty(numbers) OR empty(metrics))
        AND match(form, {text(FORM)})
        AND countSubstrings(form, '\\n') = 2 + greatest(1, length(metrics))
        AND NOT ((isNotNull(data.sequence) OR match(line, {text(BARE)})) AND match(line, {text(MISREAD)}))
        AND NOT (({gap_starts}) > 0 AND match(line, {text(GAP)})) AS is_plain
FROM
(
    SELECT line_number, line, JSONExtract(line, {text(SHAPE)}) AS event, assumeNotNull(variantElement(event.data, {text(_DATA)})) AS data
    FROM {lines}
)"""
