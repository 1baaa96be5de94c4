"""The statement behind cost and usage breakdowns. Identifiers come from the lists here; what a caller says is bound.

Days are read from rating.charges_daily, which is a twentieth of charges_hourly; hours, labels and periods that begin or end
within a day from charges_hourly. Both hold the same amounts, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestration.api.v1.schemas.costs import LABEL, Granularity

# Granularity -> the start of the period that an hour or day belongs to.
_STARTS = {
    Granularity.HOUR: "toDateTime64({time}, 3, 'UTC')",
    Granularity.DAY: "toDateTime64(toDate({time}), 3, 'UTC')",
    Granularity.MONTH: "toDateTime64(toStartOfMonth(toDate({time})), 3, 'UTC')",
    Granularity.TOTAL: "toDateTime64(0, 3, 'UTC')",
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked: a period [start, end), how it is divided, and what of it. A filter of no values is none."""

    start: datetime
    end: datetime
    granularity: Granularity
    dimensions: tuple[str, ...]
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    labels: tuple[tuple[str, str], ...] = ()  # key and value that a row must have

    @property
    def needs_hours(self) -> bool:
        """Whether days do not tell."""
        is_within_days = any((at.hour, at.minute, at.second, at.microsecond) != (0, 0, 0, 0) for at in (self.start, self.end))
        has_labels = bool(self.labels) or any(each.startswith(LABEL) for each in self.dimensions)
        return is_within_days or has_labels or self.granularity is Granularity.HOUR


@dataclass(frozen=True, kw_only=True)
class Statement:
    """SQL with its bound values. `order` names the columns whose texts are the place of a row."""

    text: str
    parameters: Mapping[str, Any]
    order: tuple[str, ...]


def costs(question: Question, *, after: Sequence[str] | None, limit: int) -> Statement:
    """Sums of charges."""
    table = ("${rating}.charges_hourly", "hour_at") if question.needs_hours else ("${rating}.charges_daily", "charge_date")
    with_units = "sku_id" in question.dimensions
    sums = [
        "toString(sum(rows.list_amount_unrounded)) AS list_amount_unrounded",
        "toString(sum(rows.amount_unrounded)) AS amount_unrounded",
        *(["toString(sum(rows.quantity)) AS quantity"] if with_units else []),
    ]
    keys = ["currency_code", *(["unit"] if with_units else [])]
    return _statement(question, table, keys=keys, sums=sums, after=after, limit=limit)


def usage(question: Question, *, after: Sequence[str] | None, limit: int) -> Statement:
    """Sums of consumption. A question without sku_id would add up units that do not."""
    table = ("${metering}.consumption_hourly", "hour_at")
    return _statement(question, table, keys=["unit"], sums=["toString(sum(rows.quantity)) AS quantity"], after=after, limit=limit)


def _statement(
    question: Question, table: tuple[str, str], *, keys: Sequence[str], sums: Sequence[str], after: Sequence[str] | None, limit: int
) -> Statement:
    name, time = table
    parameters: dict[str, Any] = {"start": question.start, "end": question.end, "limit": limit}
    columns = [f"{_STARTS[question.granularity].format(time=f'rows.{time}')} AS starts_at"]
    order = ["starts_at"]
    for number, dimension in enumerate(question.dimensions):
        if dimension.startswith(LABEL):
            parameters[f"label_{number}"] = dimension.removeprefix(LABEL)
            columns.append(f"rows.labels[{{label_{number}:String}}] AS label_{number}")
            order.append(f"label_{number}")
        else:
            columns.append(f"toString(rows.{dimension}) AS by_{dimension}")
            order.append(f"by_{dimension}")
    for key in keys:
        columns.append(f"toString(rows.{key}) AS by_{key}")
        order.append(f"by_{key}")
    conditions = ["$reach", *_period(time), *_filters(question, parameters)]
    following = ""
    if after is not None:
        places = [f"{{after_{number}:String}}" for number in range(len(order))]
        parameters |= {f"after_{number}": text for number, text in enumerate(after)}
        following = f"WHERE ({', '.join(_place(column) for column in order)}) > ({', '.join(places)})"
    text = f"""
        SELECT * FROM (
            SELECT {", ".join([*columns, *sums])}
            FROM {name} AS rows
            WHERE {" AND ".join(conditions)}
            GROUP BY {", ".join(order)}
        )
        {following}
        ORDER BY {", ".join(order)}
        LIMIT {{limit:UInt32}}
        """
    return Statement(text=text, parameters=parameters, order=tuple(order))


def place(row: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    """Where a row stands in the order, in the texts that `_place` compares."""
    return [f"{row[column]:%Y-%m-%dT%H:%M:%S}" if column == "starts_at" else str(row[column]) for column in order]


def _place(column: str) -> str:
    return "formatDateTime(starts_at, '%Y-%m-%dT%H:%i:%S')" if column == "starts_at" else column


def _period(time: str) -> list[str]:
    """Over the sorting key of the table, so that other months and days are not read."""
    if time == "charge_date":
        return ["rows.charge_date >= toDate({start:DateTime64(3, 'UTC')})", "rows.charge_date < toDate({end:DateTime64(3, 'UTC')})"]
    return [
        "rows.hour_at >= {start:DateTime64(3, 'UTC')}",
        "rows.hour_at < {end:DateTime64(3, 'UTC')}",
        "toDate(rows.hour_at) >= toDate({start:DateTime64(3, 'UTC')})",
        "toDate(rows.hour_at) <= toDate({end:DateTime64(3, 'UTC')})",
    ]


def _filters(question: Question, parameters: dict[str, Any]) -> list[str]:
    conditions = []
    for column, values in question.filters.items():
        if values:
            parameters[f"only_{column}"] = list(values)
            conditions.append(f"rows.{column} IN {{only_{column}:Array(String)}}")
    for number, (key, value) in enumerate(question.labels):
        parameters |= {f"key_{number}": key, f"value_{number}": value}
        conditions.append(
            f"(mapContains(rows.labels, {{key_{number}:String}}) AND rows.labels[{{key_{number}:String}}] = {{value_{number}:String}})"
        )
    return conditions
