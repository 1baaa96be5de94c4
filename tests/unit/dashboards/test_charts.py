"""The chart of a month."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from dashboards.charts import PALETTE, REST_NAME, cost_by_day, services_by_cost
from dashboards.queries import CostRow


def row(service: str, amount: str, *, day: int = 1) -> CostRow:
    """A row of the breakdown `day`."""
    return CostRow(
        breakdown="day", currency_code="EUR", charge_date=date(2026, 2, day), service=service, account_id="", project_id="", resource_id="",
        is_rest=False, member_count=1, amount_unrounded=Decimal(amount),
    )  # fmt: skip


def test_services_are_ordered_by_what_they_cost_in_the_month() -> None:
    rows = [row("storage", "1"), row("gpu", "5"), row("storage", "5", day=2), row("refunded", "-3")]
    assert services_by_cost(rows) == ["storage", "gpu", "refunded"]


def test_services_that_differ_below_28_digits_are_still_told_apart() -> None:
    large = "100000000000000000000000000000"
    assert services_by_cost([row("a", f"{large}.1"), row("b", f"{large}.2")]) == ["b", "a"]


def test_every_day_of_the_month_has_a_place_and_the_axes_have_units() -> None:
    chart = cost_by_day([row("gpu", "5")], period="2026-02", currency_code="EUR").to_dict()
    assert chart["encoding"]["x"]["scale"]["domain"] == list(range(1, 29))
    assert chart["encoding"]["x"]["title"] == "Day of February 2026 (UTC)"
    assert chart["encoding"]["y"]["title"] == "Cost (EUR)"


def test_more_services_than_colours_become_one_grey_rest() -> None:
    rows = [row(f"s{number:02}", str(100 - number)) for number in range(len(PALETTE) + 3)]
    chart = cost_by_day(rows, period="2026-02", currency_code="EUR").to_dict()
    scale = chart["encoding"]["color"]["scale"]
    assert scale["domain"] == [*(f"s{number:02}" for number in range(len(PALETTE))), REST_NAME]
    assert len(scale["range"]) == len(scale["domain"])
    assert len(set(scale["range"])) == len(scale["range"])
