"""Charts of the dashboards. Amounts become floats here and only here, because they become pixels; labels keep all digits."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

import altair as alt
import pandas as pd

from dashboards.formatting import EXACT, period_bounds, period_text, rounded_text
from dashboards.queries import CostRow

# Told apart by people with the common colour blindnesses; more colours could not be.
PALETTE = ("#1f5f8b", "#e39b3b", "#4c9a82", "#b5566b", "#7a6aa8", "#8fb8d6", "#c8b458", "#7f5f4b")
REST_COLOUR = "#a7b0b8"
REST_NAME = "Other services"

CHART_HEIGHT = 340  # pixels; leaves the totals and the chart on one screen of a laptop


def cost_by_day(rows: Sequence[CostRow], *, period: str, currency_code: str) -> alt.Chart:
    """Stacked bars: a bar a day of the month, a colour a service. `rows` is the breakdown `day` in one currency."""
    start, end = period_bounds(period)
    days = list(range(1, (end - start).days + 1))
    names = services_by_cost(rows)
    shown = names if len(names) <= len(PALETTE) + 1 else [*names[: len(PALETTE)], REST_NAME]
    colours = [*PALETTE[: len(shown)], *([REST_COLOUR] if len(shown) > len(PALETTE) else [])]
    data = pd.DataFrame(
        {
            "day": [row.charge_date.day for row in rows],
            "date": [row.charge_date.isoformat() for row in rows],
            "service": [row.service if row.service in shown else REST_NAME for row in rows],
            "service_detail": [row.service for row in rows],
            "order": [names.index(row.service) for row in rows],
            "amount": [float(row.amount_unrounded) for row in rows],  # a float, because it becomes pixels
            "amount_text": [f"{rounded_text(row.amount_unrounded, currency_code)} {currency_code}" for row in rows],
        }
    )
    chart: alt.Chart = (
        alt.Chart(data, height=CHART_HEIGHT)
        .mark_bar()
        .encode(
            x=alt.X(
                "day:O",
                title=f"Day of {period_text(period)} (UTC)",
                scale=alt.Scale(domain=days, paddingInner=0.25),
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            # Six significant digits, trailing zeros cut: ticks are round numbers, from 0.0001 to millions.
            y=alt.Y("amount:Q", title=f"Cost ({currency_code})", stack="zero", axis=alt.Axis(format=",.6~r", tickCount=4)),
            color=alt.Color(
                "service:N", title="Service", scale=alt.Scale(domain=shown, range=colours), legend=alt.Legend(orient="top", columns=4)
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("date:N", title="Day"),
                alt.Tooltip("service_detail:N", title="Service"),
                alt.Tooltip("amount_text:N", title="Cost"),
            ],
        )
    )
    return chart


def services_by_cost(rows: Sequence[CostRow]) -> list[str]:
    """Services of the rows, the most expensive first."""
    totals: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for row in rows:
            totals[row.service] = totals.get(row.service, Decimal(0)) + row.amount_unrounded
    return sorted(totals, key=lambda service: (totals[service].copy_negate(), service))
