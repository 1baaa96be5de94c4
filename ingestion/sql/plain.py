"""Reads a line at sight: one JSONExtract, and proof from cheap scans that it read what is written.

It accepts or it passes on, it never rejects: a line is plain only where this reading cannot differ from the careful one.
JSONExtract alone takes a bare 5 for the text "5", rounds long numbers, and skips a first `data` that it cannot use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingestion.sql.forms import (
    DATA_TEXTS,
    DELETED,
    EARLIEST,
    FUTURE_MILLISECONDS,
    LINE,
    MAX_LINE_BYTES,
    SHORT_INSTANT,
    SHORT_INTEGER,
    SHORT_NUMBER,
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
FORM = rf"^1\.0\n{SHORT_INSTANT}\n(?:{SHORT_INTEGER})?\n(?:{SHORT_NUMBER}(?:\n{SHORT_NUMBER})*)?$"


def plain_reading(lines: str, *, event_columns: Sequence[str], now_milliseconds: int) -> str:
    """Subquery of `batch_seq`, `line_number`, `line`, `is_plain` and, right where is_plain, the columns of an event from `lines`."""
    last = now_milliseconds + FUTURE_MILLISECONDS
    layers = [*_members(), *_values(), {"is_plain": " AND ".join(f"({condition})" for condition in _proof(last))}]
    return layered(lines, LINE, layers, wanted=[*LINE, "is_plain", *event_columns])


def _members() -> Sequence[Mapping[str, str]]:
    """What JSONExtract reads. It fills the place of a null with '', which assumeNotNull shows without a copy."""
    top = {"specversion": "version", "id": "event_id", "source": "source", "type": "type", "subject": "resource_id", "time": "time"}
    within = {name: "stated" if name == "state" else name for name in DATA_TEXTS}
    return [
        {"event": f"JSONExtract(line, {text(SHAPE)})"},
        {"data": f"assumeNotNull(variantElement(event.data, {text(_DATA)}))", "has_data": f"variantType(event.data) = {text(_DATA)}"},
        {
            **{column: f"assumeNotNull(event.{name})" for name, column in top.items()},
            **{column: f"assumeNotNull(data.{name})" for name, column in within.items()},
            "written_quantity": "assumeNotNull(data.quantity)",
            "written_sequence": "assumeNotNull(data.sequence)",
            "has_sequence": "isNotNull(data.sequence)",
            "object_metrics": f"variantElement(data.metrics, {text(_OBJECT)})",
            "object_labels": f"variantElement(data.labels, {text(_OBJECT)})",
            "kind_of_metrics": "toString(variantType(data.metrics))",
            "kind_of_labels": "toString(variantType(data.labels))",
        },
    ]


def _values() -> Sequence[Mapping[str, str]]:
    """The texts as what they stand for; `form` puts those together that must be written in a certain way."""
    return [
        {"kind": f"CAST(transform(type, {texts(TYPES)}, {list(range(len(TYPES)))}, {UNKNOWN}), 'Int8')"},
        {"is_usage": f"kind = {USAGE}", "is_deletion": f"kind = {DELETED}"},
        {
            "event_at": "parseDateTime64BestEffortOrZero(time, 3, 'UTC')",
            "quantity": "toDecimal128OrZero(written_quantity, 9)",
            "sequence": "toInt64OrZero(written_sequence)",
            "held": "if(is_deletion, map(), object_metrics)",
            "labels": "mapSort(object_labels)",
            "state": f"multiIf(is_usage, '', is_deletion, 'deleted', notEmpty(stated), stated, kind = {STOPPED}, 'stopped', 'running')",
        },
        {
            "metrics": "mapSort(mapApply((name, written) -> (name, toDecimal128OrZero(written, 9)), held))",
            "numbers": r"if(is_usage, written_quantity, arrayStringConcat(mapValues(held), '\n'))",
        },
        {"form": r"concat(version, '\n', time, '\n', written_sequence, '\n', numbers)"},
    ]


def _proof(last: int) -> Sequence[str]:
    """Conditions that only a line meets whose reading above is the careful one, cheap ones first."""
    states = ", ".join(text(state) for state in ("", *STATES))
    texts_read = ("event_id", "source", "resource_id", "account_id", "project_id", "region", "metric", "value", "resource_type")
    objects = " OR ".join(f"startsWith({name}, '{{')" for name in texts_read)
    gap_starts = " + ".join(f"position(line, {text(start)})" for start in _GAP_STARTS)
    return [
        f"kind != {UNKNOWN}",
        "startsWith(line, '{')",
        f"length(line) <= {MAX_LINE_BYTES}",
        "notEmpty(event_id) AND notEmpty(source) AND notEmpty(resource_id) AND notEmpty(account_id)",
        # Members that belong to the other kind of event are unknown here, so nothing may have been read from them.
        "if(is_usage, notEmpty(metric) AND notEmpty(numbers) AND empty(stated) AND empty(resource_type) AND kind_of_metrics = 'None',"
        f" empty(metric) AND empty(written_quantity) AND empty(value) AND (is_deletion OR (kind_of_metrics = {text(_OBJECT)}"
        f" AND stated IN ({states}) AND (kind != {UPDATED} OR notEmpty(stated)))))",
        "has_data",
        f"kind_of_labels IN ({text(_OBJECT)}, 'None')",
        "length(arrayDistinct(mapKeys(labels))) = length(labels)",
        "length(arrayDistinct(mapKeys(metrics))) = length(metrics)",
        f"NOT ({objects})",
        "NOT arrayExists(written -> startsWith(written, '{'), mapValues(labels))",
        f"event_at >= toDateTime64({text(EARLIEST)}, 3, 'UTC')",
        f"event_at <= fromUnixTimestamp64Milli(toInt64({last}), 'UTC')",
        "notEmpty(numbers) OR empty(metrics)",
        f"match(form, {text(FORM)})",
        r"countSubstrings(form, '\n') = 2 + greatest(1, length(metrics))",
        f"NOT ((has_sequence OR match(line, {text(BARE)})) AND match(line, {text(MISREAD)}))",
        f"NOT ({gap_starts} > 0 AND match(line, {text(GAP)}))",
    ]
