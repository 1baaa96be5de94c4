"""`/v1/costs` and `/v1/usage`: what was used and what it costs, divided by anything, straight from the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import StringConstraints

from orchestration.api.v1 import breakdown
from orchestration.api.v1.breakdown import Question, Statement
from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.paging import Page, Paging, PagingOf
from orchestration.api.v1.reader import Row
from orchestration.api.v1.schemas.costs import LABEL, Cost, Dimension, Granularity, LabelFilter, Usage, UsageDimension
from orchestration.api.v1.schemas.fields import Instant

router = Resource("costs and usage")

# Of one question; more dimensions cost memory for groups that nobody reads.
MOST_DIMENSIONS, MOST_VALUES = 8, 100

_Value = Annotated[str, StringConstraints(pattern="^[^\\x00-\\x1f\\x7f]{0,255}$")]
Only = Annotated[list[_Value], Query(default_factory=list, max_length=MOST_VALUES, description="Only these; repeatable.")]
Labels = Annotated[list[LabelFilter], Query(default_factory=list, max_length=MOST_VALUES, description="Only what has `key=value`.")]


class Period:
    """The period that is asked for: the month to date where nothing is said."""

    def __init__(
        self,
        start: Annotated[
            Instant | None, Query(description="Hours that begin from here on; the start of this month where not given.")
        ] = None,
        end: Annotated[Instant | None, Query(description="And before here; the end of the start's month where not given.")] = None,
        granularity: Granularity = Granularity.TOTAL,
    ) -> None:
        self.start = start
        self.end = end
        self.granularity = granularity

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Start and end: hours that begin in between count, whole."""
        start = self.start or datetime(now.year, now.month, 1, tzinfo=UTC)
        return start, self.end or _month_end(start)


class Filters:
    """What of the usage is asked for."""

    def __init__(self, *, account_id: Only, project_id: Only, region: Only, resource_id: Only, sku_id: Only, label: Labels) -> None:
        self.columns = {
            "account_id": account_id,
            "project_id": project_id,
            "region": region,
            "resource_id": resource_id,
            "sku_id": sku_id,
        }
        self.labels = tuple(sorted({(text.partition("=")[0], text.partition("=")[2]) for text in label}))


PeriodOf = Annotated[Period, Depends(Period)]
FiltersOf = Annotated[Filters, Depends(Filters)]


@router.reads("/costs", scope="usage:read")
def list_costs(
    call: CallOf,
    paging: PagingOf,
    period: PeriodOf,
    filters: FiltersOf,
    *,
    service: Only,
    group_by: Annotated[
        list[Dimension], Query(default_factory=list, max_length=MOST_DIMENSIONS, description="What to divide by; repeatable.")
    ],
) -> Page[Cost]:
    """Charges as they stand with the last tick, exact and unrounded: all rows of a month and an account add up to its lines."""
    question = _question(call, period, filters, tuple(dict.fromkeys(group_by)), {"service": service})
    return Page(**_page(call, paging, question, breakdown.costs, _cost))


@router.reads("/usage", scope="usage:read")
def list_usage(
    call: CallOf,
    paging: PagingOf,
    period: PeriodOf,
    filters: FiltersOf,
    group_by: Annotated[
        list[UsageDimension], Query(default_factory=list, max_length=MOST_DIMENSIONS, description="Beside sku_id; repeatable.")
    ],
) -> Page[Usage]:
    """Consumption by SKU as it stands with the last tick, whether it has a price or not."""
    question = _question(call, period, filters, tuple(dict.fromkeys(["sku_id", *group_by])), {})
    return Page(**_page(call, paging, question, breakdown.usage, _usage))


def _question(call: Call, period: Period, filters: Filters, dimensions: tuple[str, ...], more: dict[str, list[str]]) -> Question:
    start, end = period.bounds(call.now)
    return Question(
        start=start,
        end=end,
        granularity=period.granularity,
        dimensions=dimensions,
        filters=filters.columns | more,
        labels=filters.labels,
    )


def _page(call: Call, paging: Paging, question: Question, ask: Any, shown: Any) -> dict[str, Any]:  # noqa: ANN401 - of this module
    asked = [vars(question), ask.__name__]
    empty: Statement = ask(question, after=None, limit=0)
    after = paging.after(asked, width=len(empty.order))
    statement: Statement = ask(question, after=after, limit=paging.limit + 1)
    is_narrow = len(question.filters.get("account_id", ())) == 1
    rows = call.api.reader.rows(call.grant, statement.text, statement.parameters, is_narrow=is_narrow)
    items = [shown(question, row) for row in rows]
    return paging.page(items, [breakdown.place(row, statement.order) for row in rows], asked)


def _cost(question: Question, row: Row) -> Cost:
    has_unit = "by_unit" in row
    return Cost(
        **_group(question, row),
        service=row.get("by_service"),
        charge_type=row.get("by_charge_type"),
        price_id=row.get("by_price_id"),
        currency_code=row["by_currency_code"],
        quantity=row["quantity"] if has_unit else None,
        unit=row["by_unit"] if has_unit else None,
        list_amount_unrounded=row["list_amount_unrounded"],
        amount_unrounded=row["amount_unrounded"],
    )


def _usage(question: Question, row: Row) -> Usage:
    return Usage(**_group(question, row), quantity=row["quantity"], unit=row["by_unit"])


def _group(question: Question, row: Row) -> dict[str, Any]:
    labels = {name.removeprefix(LABEL): row[f"label_{number}"] for number, name in enumerate(question.dimensions) if name.startswith(LABEL)}
    columns = ("account_id", "project_id", "region", "resource_id", "sku_id")
    starts_at = None if question.granularity is Granularity.TOTAL else row["starts_at"]
    return {"starts_at": starts_at, "labels": labels} | {name: row.get(f"by_{name}") for name in columns}


def _month_end(at: datetime) -> datetime:
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
