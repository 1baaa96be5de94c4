"""Translates aggregation_cases.json: sums, maxima, latest values and levels over time, read off the hourly consumption.

Windows longer than an hour are sums of hours here, as everywhere in the contract.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

from tests.reference.catalog import TIME_WEIGHTED, Tier
from tests.reference.golden import FIRST_HOUR, Case, OutOfScope, Raw, Scene, Tables, Values, hour_of_row, instant_of, summed
from tests.reference.instants import HOUR, SECOND, to_datetime
from tests.reference.model import Row
from tests.reference.numbers import round_half_away


def translate(raw: Raw) -> Case | OutOfScope:
    """The case as a world of ours, or why there is none."""
    gap = _gap(raw)
    if gap:
        return OutOfScope(id=raw["id"], reason=gap)
    match raw["aggregation"]:
        case "time_weighted_sum" | "day_prorated_sum":
            return _levels(raw)
        case "quantity_rounding":
            return _rounding(raw)
        case "free_units":
            return _free_units(raw)
        case "sum_by_period_and_unit":
            return _rollup(raw)
        case "sum" | "max" | "latest":
            return _counted(raw)
    raise ValueError(f"the case files have an aggregation unknown here: {raw['aggregation']}")


def _gap(raw: Raw) -> str | None:
    """Why a case cannot be expressed."""
    params = raw["params"]
    gaps = {
        "windows shorter than an hour": params.get("window") == "minute",
        "days of a time zone; ours are days of UTC": "timezone" in params,
        "sums and unique counts carried over from earlier months": params.get("include_prior_period") or "carried_in_ids" in params,
        "negative values": "floor" in params,
        "billing cycles in advance": raw["aggregation"] == "billing_cycles_in_advance",
    }
    return next((gap for gap, applies in gaps.items() if applies), None)


def _levels(raw: Raw) -> Case:
    """Changes of a level as states that hold it; the average over a period is the sum of its hourly quantities over its hours."""
    params = raw["params"]
    start, end = instant_of(params["period_start"]), instant_of(params["period_end"])
    expected = raw["expected"] if isinstance(raw["expected"], dict) else {"all": raw["expected"]}
    scene = Scene(id=raw["id"])
    scene.sell("level", aggregation=TIME_WEIGHTED)
    for group in expected:
        changes = [(start, Fraction(params["carried_in"]))]
        for event in raw["events"]:
            if event.get("group", "all") == group:
                changes.append((instant_of(event.get("time") or event["date"]), Fraction(event["value"])))
        levels = accumulate(change for _, change in changes)
        for (instant, _), level in zip(changes, levels, strict=True):
            scene.hold("level", instant, level, subject=group)
        scene.delete(max(end, changes[-1][0]), subject=group)

    def observe(tables: Tables) -> Values:
        inside = [row for row in tables["consumption_hourly"] if to_datetime(start) <= hour_of_row(row) < to_datetime(end)]
        totals = summed((_subject(scene, row), row["quantity"]) for row in inside)
        averages = {group: total * HOUR / (end - start) for group, total in totals.items()}
        return {
            group: round_half_away(average, params["round_to"]) if "round_to" in params else average for group, average in averages.items()
        }

    return scene.case(observe, expected, tolerance=params.get("tolerance", "0"))


def _counted(raw: Raw) -> Case:
    """Values of usage events, per window or subject of the case; events without a time follow each other by seconds."""
    params = raw["params"]
    scene = Scene(id=raw["id"])
    scene.sell("meter", aggregation=raw["aggregation"])
    for place, event in enumerate(raw["events"]):
        instant = instant_of(event["time"]) if "time" in event else FIRST_HOUR + event.get("seq", place) * SECOND
        scene.use("meter", instant, event["value"], subject=event.get("subject", "all"))
    expected = raw["expected"] if isinstance(raw["expected"], dict) else {"all": raw["expected"]}

    def group_of(row: Row) -> str:
        hour = hour_of_row(row)
        if params.get("window"):
            return f"{hour.replace(hour=0) if params['window'] == 'day' else hour:%Y-%m-%dT%H:%M:%SZ}"
        return _subject(scene, row) if "group_by" in params else "all"

    return scene.case(lambda tables: summed((group_of(row), row["quantity"]) for row in tables["consumption_hourly"]), expected)


def _rounding(raw: Raw) -> Case:
    """Rounding half away is a line's, in the minor unit of its currency; rounding up is a package's; a quantity keeps its digits."""
    function, places = raw["params"]["function"], int(raw["params"]["precision"] or 0)
    step = Fraction(1, 10**places)
    terms = (
        {"model": "package", "package_size": step, "unit_price": step}
        if function == "ceil"
        else {"model": "per_unit", "unit_price": Fraction(1)}
    )
    table, column = {
        "round": ("invoice_lines", "amount"),
        "ceil": ("charges_hourly", "amount_unrounded"),
        None: ("consumption_hourly", "quantity"),
    }[function]
    scene = Scene(id=raw["id"], currency_code={0: "JPY", 2: "USD"}[places])
    scene.sell("meter", price=terms)
    scene.use("meter", FIRST_HOUR, raw["events"][0]["value"])
    return scene.case(lambda tables: summed(("all", row[column]) for row in tables[table]), {"all": raw["expected"]})


def _free_units(raw: Raw) -> Case:
    """Free units are a first tier that costs nothing; at a price of 1 beyond it, the amount is the billable quantity."""
    tiers = (Tier(up_to=Fraction(raw["params"]["free_units"]), unit_price=Fraction(0)), Tier(up_to=None, unit_price=Fraction(1)))
    scene = Scene(id=raw["id"])
    scene.sell("meter", price={"model": "graduated", "tiers": tiers})
    scene.use("meter", FIRST_HOUR, raw["params"]["prior_quantity"])
    scene.use("meter", FIRST_HOUR + HOUR, raw["events"][0]["value"])
    later = to_datetime(FIRST_HOUR + HOUR)

    def observe(tables: Tables) -> Values:
        return summed(("all", row["amount_unrounded"]) for row in tables["charges_hourly"] if hour_of_row(row) == later)

    return scene.case(observe, {"all": raw["expected"]})


def _rollup(raw: Raw) -> Case:
    """Half-open windows between the case's bounds, one meter a unit."""
    bounds = [to_datetime(instant_of(bound)) for bound in raw["params"]["period_bounds"]]
    units = raw["params"]["units"]
    scene = Scene(id=raw["id"])
    for unit in units:
        scene.sell(unit)
    for event in raw["events"]:
        scene.use(event["unit"], instant_of(event["date"]), event["value"])

    def window_of(row: Row) -> str:
        start = max(bound for bound in bounds if bound <= hour_of_row(row))
        return f"{start:%Y-%m-%d} {str(row['sku_id']).removeprefix(scene.prefix)}"

    def observe(tables: Tables) -> Values:
        nothing = {f"{start:%Y-%m-%d} {unit}": Fraction(0) for start in bounds[:-1] for unit in units}
        inside = [row for row in tables["consumption_hourly"] if bounds[0] <= hour_of_row(row) < bounds[-1]]
        return nothing | summed((window_of(row), row["quantity"]) for row in inside)

    expected = {f"{start} {unit}": value for start, by_unit in raw["expected"].items() for unit, value in by_unit.items()}
    return scene.case(observe, expected)


def _subject(scene: Scene, row: Row) -> str:
    return str(row["resource_id"]).removeprefix(scene.prefix)
