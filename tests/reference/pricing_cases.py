"""Translates pricing_cases.json: each price model of the case files into one of ours, where there is one.

Usage already billed comes an hour before the usage whose amount is expected; where amounts are stated per tier, each tier has an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

from tests.reference.catalog import Tax, Tier
from tests.reference.golden import FIRST_HOUR, Case, OutOfScope, Raw, Scene, Tables, Values, hour_of_row, number, summed
from tests.reference.instants import HOUR, to_datetime
from tests.reference.numbers import round_half_away

_CENTS = 2
_TAX_COUNTRY = "SE"  # no other world is taxed there


def translate(raw: Raw) -> Case | OutOfScope:
    """The case as a world of ours, or why there is none."""
    gap = _gap(raw)
    if gap:
        return OutOfScope(id=raw["id"], reason=gap)
    if raw["model"] == "prorated_refund_with_tax":
        return _refund_with_tax(raw)
    scene = Scene(id=raw["id"])
    groups = _price_terms(raw["model"], raw["params"])
    prior, parts = _quantities(raw)
    for group, terms in enumerate(groups):
        scene.sell(f"group{group}", price=terms)
        for place, quantity in enumerate([prior, *parts]):
            if quantity is not None:
                scene.use(f"group{group}", FIRST_HOUR + place * HOUR, quantity)
    first = to_datetime(FIRST_HOUR + HOUR)

    def observe(tables: Tables) -> Values:
        charged = [(hour_of_row(row), row["amount_unrounded"]) for row in tables["charges_hourly"]]
        by_part = summed((f"part {(hour - first).seconds // 3600}", amount) for hour, amount in charged)
        amount = sum((number(amount) for hour, amount in charged if hour >= first), Fraction(0))
        line = sum((number(row["amount"]) for row in tables["invoice_lines"]), Fraction(0))
        return {"amount": amount, "line": line} | {part: round_half_away(value, _CENTS) for part, value in by_part.items()}

    expected = {"line" if "rounding" in raw["params"] else "amount": raw["expected_amount"]}
    expected |= {f"part {place}": line["amount"] for place, line in enumerate(raw.get("expected_lines", ()))}
    return scene.case(observe, expected)


def _gap(raw: Raw) -> str | None:
    """Why a case cannot be expressed."""
    model, params = raw["model"], raw["params"]
    fees = ("fixed_fee_per_event", "free_events", "free_amount")
    gaps = {
        "units prorated by day but placed on tiers by their full number": model.startswith("graduated_prorated"),
        "minimum and maximum amounts": params.get("min_amount") or params.get("max_amount"),
        "a tier selected by another quantity than the billed one": "tier_selected_by" in params,
        "free units before the first package": Fraction(params.get("free_units") or 0),
        "a percentage of single events with a fee or an allowance per event": any(Fraction(params.get(fee) or 0) for fee in fees),
        "packages whose size changes from tier to tier": model == "graduated_blocks" and len(params["tiers"]) > 1,
        "a flat fee at zero usage": raw["usage"].get("quantity") == "0" and Fraction(raw["expected_amount"]),
    }
    return next((gap for gap, applies in gaps.items() if applies), None)


def _quantities(raw: Raw) -> tuple[Fraction | None, list[Fraction]]:
    """Usage already billed (none where nothing was), and the parts of the usage to bill."""
    usage = raw["usage"]
    if "event_amounts" in usage:
        return None, [Fraction(amount) for amount in usage["event_amounts"]]
    quantity = Fraction(usage["quantity"])
    if raw["model"] == "graduated_blocks" and "prior_billed" in usage:
        block = raw["params"]["tiers"][0]
        prior = Fraction(usage["prior_billed"]) / Fraction(block["block_price"]) * Fraction(block["block_size"])
        return prior, [quantity - prior]
    prior_quantity = Fraction(usage["prior_quantity"]) if "prior_quantity" in usage else None
    return prior_quantity, [Fraction(line["quantity"]) for line in raw.get("expected_lines", ())] or [quantity]


def _price_terms(model: str, params: Raw) -> list[Mapping[str, Any]]:
    """Model and terms of one price a group of SKUs; all but the rule groups have one."""
    if model == "rule_groups":
        return [{"model": "per_unit", "unit_price": _rule_price(group)} for group in params["groups"]]
    terms: dict[str, Any]
    match model:
        case "per_unit":
            terms = {"model": "per_unit", "unit_price": Fraction(params["unit_price"])}
        case "percentage":
            terms = {"model": "per_unit", "unit_price": Fraction(params["rate_percent"]) / 100}
        case "package":
            terms = {"model": "package", "package_size": Fraction(params["package_size"]), "unit_price": Fraction(params["package_price"])}
        case "graduated_blocks":
            block = params["tiers"][0]
            terms = {"model": "package", "package_size": Fraction(block["block_size"]), "unit_price": Fraction(block["block_price"])}
        case "graduated" | "graduated_percentage" | "volume":
            terms = {"model": model.removesuffix("_percentage"), "tiers": tuple(map(_tier, params["tiers"]))}
        case "volume_blocks":
            terms = {"model": "volume", "tiers": _whole_blocks(params["tiers"])}
        case _:
            raise ValueError(f"the case files have a model unknown here: {model}")
    return [terms]


def _tier(tier: Raw) -> Tier:
    unit_price = Fraction(tier["unit_price"]) if "unit_price" in tier else Fraction(tier["rate_percent"]) / 100
    return Tier(up_to=Fraction(tier["up_to"]) if tier["up_to"] else None, unit_price=unit_price, flat_fee=Fraction(tier["flat_fee"]))


def _whole_blocks(blocks: Sequence[Raw]) -> tuple[Tier, ...]:
    """Blocks used up whole cost the same as units; the last tier is left open."""
    ends = list(accumulate(Fraction(block["block_size"]) * Fraction(block["max_blocks"]) for block in blocks))
    return tuple(
        Tier(up_to=end if end != ends[-1] else None, unit_price=Fraction(block["block_price"]) / Fraction(block["block_size"]))
        for end, block in zip(ends, blocks, strict=True)
    )


def _rule_price(group: Raw) -> Fraction:
    price = Fraction(group["flat"]) + Fraction(group["threshold"])
    for rate in group["rates"]:
        price *= Fraction(rate)
    return price


def _refund_with_tax(raw: Raw) -> Case:
    """What is refunded, as if it were invoiced: sub-total and tax are each rounded."""
    params = raw["params"]
    days = int(params["days_in_period"])
    scene = Scene(id=raw["id"], currency_code="EUR", country_code=_TAX_COUNTRY)
    scene.taxes.append(Tax(country_code=_TAX_COUNTRY, tax_name="VAT", percent=Fraction(params["tax_percent"])))
    scene.sell("refund", price={"model": "per_unit", "unit_price": Fraction(params["paid_amount"])})
    scene.use("refund", FIRST_HOUR, round_half_away(Fraction(days - int(params["days_used"]), days), 9))
    expected = {"subtotal_amount": raw["expected_subtotal"], "tax_amount": raw["expected_tax"], "total_amount": raw["expected_amount"]}
    return scene.case(lambda tables: {name: number(tables["invoices"][0][name]) for name in expected}, expected)
