"""What SKUs and their prices owe each other: one SKU a metric and region, ids that invoice lines can tell apart, costs that fit."""

from __future__ import annotations

from decimal import Context, Decimal

from ingestion.catalog.draft import Draft, Entry
from ingestion.catalog.limits import METRIC_UNIT_COST_LIMIT
from ingestion.catalog.lines import Line
from ingestion.catalog.rows import Sku

# Products of an 18 digit limit, a divisor and a package size: 15 + 27 + 30 digits.
_EXACT = Context(prec=100)


def check_skus(draft: Draft) -> None:
    """Note SKUs nobody could choose between, commitments that share a price's id, and units of a metric that cost too much."""
    _check_metrics(draft)
    _check_commitment_ids(draft)
    _check_costs(draft)


def costs_too_much(unit_price: Decimal, *, divisor: Decimal, package_size: Decimal) -> bool:
    """Whether one unit of the metric costs `METRIC_UNIT_COST_LIMIT` or more. `package_size` is 0 without packages.

    Multiplied out, as a quotient may have no end: price / (divisor * size) >= limit.
    """
    return unit_price >= _EXACT.multiply(_EXACT.multiply(METRIC_UNIT_COST_LIMIT, divisor), package_size or Decimal(1))


def _check_metrics(draft: Draft) -> None:
    first: dict[tuple[str, str], Entry[Sku]] = {}
    for entry in draft.skus.good:
        other = first.setdefault((entry.row.metric, entry.row.region), entry)
        if other is not entry:
            region = f"region {entry.row.region!r}" if entry.row.region else "the empty region"
            owner = f"sku {other.row.sku_id!r} of line {other.line.number}"
            entry.line.refuse("metric", f"{entry.row.metric!r} in {region} already belongs to {owner}; usage has exactly one sku")


def _check_commitment_ids(draft: Draft) -> None:
    for entry in draft.commitments.good:
        line = draft.prices.named.get(entry.row.commitment_id)
        if line is not None:
            entry.line.refuse(
                "commitment_id",
                f"{entry.row.commitment_id!r} is a price_id on line {line} of prices.csv; an invoice line names either by this id",
            )


def _check_costs(draft: Draft) -> None:
    divisors = {entry.row.sku_id: entry.row.divisor for entry in draft.skus.good}
    of_price = {entry.row.price_id: divisors.get(entry.row.sku_id, Decimal(1)) for entry in draft.prices.good}
    for price in draft.prices.good:
        _check_cost(price.line, price.row.unit_price, of_price[price.row.price_id], price.row.package_size)
    for tier in draft.price_tiers.good:
        _check_cost(tier.line, tier.row.unit_price, of_price.get(tier.row.price_id, Decimal(1)))
    for commitment in draft.commitments.good:
        _check_cost(commitment.line, commitment.row.unit_price, divisors.get(commitment.row.sku_id, Decimal(1)))


def _check_cost(line: Line, unit_price: Decimal, divisor: Decimal, package_size: Decimal = Decimal(0)) -> None:
    if costs_too_much(unit_price, divisor=divisor, package_size=package_size):
        line.refuse(
            "unit_price",
            f"{unit_price:f} is too much: with the sku's divisor {divisor:f}"
            f"{f' and package_size {package_size:f}' if package_size else ''}, one unit of the metric must cost less than 10^15",
        )
