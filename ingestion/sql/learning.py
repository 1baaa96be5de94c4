"""Learns shapes from lines at hand: a line in, a pattern out that holds all of it but its values."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ingestion.sql.forms import TOP_TEXTS, TYPES, USAGE
from ingestion.sql.shapes import MEMBERS, Shape

MOST = 4  # each shape is one more pattern to hold against every line
# A label is searched for by itself, and a pattern has to compile, whoever sent the line: what is larger is no faster read by shape.
_MOST_LABELS, _LONGEST_LINE = 16, 4096
_LEAST_SHARE = 0.1  # of the lines looked at: for fewer, a pattern and a view are not worth while

# Texts that stand for themselves: printable ASCII without quotes and escapes.
_TEXT = r"[ !#-\[\]-~]"
_NUMBER = "[-0-9.]"
_MEMBER = re.compile(rf'"(?P<name>{_TEXT}*)":(?P<space> ?)(?:"(?P<text>{_TEXT}*)"|(?P<number>{_NUMBER}+)(?=[,}}\s]))')
_LITERAL = {"specversion": "1.0", "type": TYPES[USAGE]}
_NEEDED = {"account_id", "metric", "quantity"}
_ALLOWED = _NEEDED | {"project_id", "region", "value", "sequence"}
_FILLED = ("id", "source", "subject", "account_id", "metric")  # an event needs a text here


class _Number(str):
    """A bare number as it is written."""

    __slots__ = ()


def shapes_of(lines: Iterable[bytes]) -> list[Shape]:
    """The shapes that are common among `lines`, the most common first; at most MOST."""
    found = Counter(_shape_of(line) for line in lines)
    least = found.total() * _LEAST_SHARE
    common = [shape for shape, count in found.most_common() if shape is not None and count >= least]
    return common[:MOST]


def _shape_of(line: bytes) -> Shape | None:
    """The shape of a line; None where it is no usage or not written in a usual way."""
    if len(line) > _LONGEST_LINE:
        return None
    names: list[str] = []
    try:
        written = line.decode("ascii")
        event = json.loads(written, object_pairs_hook=lambda pairs: _noted(pairs, names), parse_float=_Number, parse_int=_Number)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(data := event.pop("data", None), dict) or len(set(names)) < len(names):
        return None
    labels = data.pop("labels", {})
    if not _is_usage(event, data) or not _is_read_alone(event, data, labels):
        return None
    members = list(_MEMBER.finditer(written))
    spaces = {member["space"] for member in members}
    objects = len({"data", "labels"} & set(names))
    if len(spaces) > 1 or len(members) + objects != len(names):  # escapes, or space in odd places
        return None
    pattern, end = ["^"], 0
    for member in members:
        pattern += [re.escape(written[end : member.end("space")]), _gap(member)]
        end = member.end()
    read = {name: value for name, value in (event | data).items() if name in MEMBERS.values()}
    return Shape(
        pattern="".join((*pattern, re.escape(written[end:]), "$")),
        texts=frozenset(name for name, value in read.items() if type(value) is str),
        numbers=frozenset(name for name, value in read.items() if type(value) is _Number),
        labels=tuple(sorted(labels)),
        is_spaced=" " in spaces,
    )


def _noted(pairs: list[tuple[str, Any]], names: list[str]) -> dict[str, Any]:
    names += [name for name, _ in pairs]
    return dict(pairs)


def _is_usage(top: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether all that usage needs is there, and in `data` nothing else."""
    is_typed = all(top.get(name) == value for name, value in _LITERAL.items())
    return is_typed and set(TOP_TEXTS) <= set(top) and _NEEDED <= set(data) <= _ALLOWED


def _is_read_alone(top: Mapping[str, Any], data: Mapping[str, Any], labels: object) -> bool:
    """Whether each value is a text, or a number where one may stand, and no name of `data` or of a column stands elsewhere too."""
    if not isinstance(labels, dict) or len(labels) > _MOST_LABELS:
        return False
    elsewhere = {*(set(top) - set(TOP_TEXTS)), *labels}
    return (
        not elsewhere & {*TOP_TEXTS, *_ALLOWED, "data", "labels", ""}
        and all(type(value) is str for value in (*top.values(), *labels.values()))
        and all(type(value) is str or name in ("quantity", "sequence") for name, value in data.items())
        and isinstance(data["quantity"], str)
        and type(data.get("sequence", _Number())) is _Number
    )


def _gap(member: re.Match[str]) -> str:
    """RE2 of what may stand in the place of a member's value."""
    name = member["name"]
    if name in _LITERAL:
        return re.escape(f'"{_LITERAL[name]}"')
    if member["number"] is not None:
        return f"{_NUMBER}+"
    return f'"{_TEXT}+"' if name in _FILLED else f'"{_TEXT}*"'
