"""Charges: commitments, prices at running totals, versions, contracts, discounts, and what has no price."""

from __future__ import annotations

from fractions import Fraction

from tests.reference import Commitment, Discount, Price, Result
from tests.unit.reference.builders import account, at, billed, charges, exact, life, per_unit, sku, tiered, usage

HOURLY = [usage("a", "15 10:00", "6"), usage("b", "15 11:00", "6"), usage("c", "15 12:00", "6")]
GRADUATED = tiered("graduated", ("10", "2", "1"), (None, "1", "7"))


def unrated(result: Result) -> dict[tuple[str, str], Fraction]:
    return {(key.resource_id, key.reason_code): row.quantity for key, row in result.unrated_consumption.items()}


def price_ids(result: Result) -> list[str]:
    return [key.price_id for key in sorted(result.charges_hourly)]


# --- running totals ----------------------------------------------------------------------------------------------------------------------


def test_an_hour_costs_the_running_total_after_it_minus_before_it() -> None:
    # 6 units: 12 + fee 1; the second six: 4 in the first tier, 2 in the second, whose fee is 7; the third six: all in the second.
    assert charges(billed(HOURLY, prices=(GRADUATED,))) == {"15 10:00": 13, "15 11:00": 17, "15 12:00": 6}


def test_a_volume_drop_makes_an_hour_negative() -> None:
    volume = tiered("volume", ("10", "2", "0"), (None, "0.5", "0"))
    assert charges(billed(HOURLY, prices=(volume,))) == {"15 10:00": 12, "15 11:00": -6, "15 12:00": 3}


def test_a_begun_package_costs_nothing_more_but_has_a_charge() -> None:
    package = Price(price_id="p", sku_id="sku", currency_code="USD", model="package", unit_price=Fraction(5), package_size=Fraction(12))
    result = billed(HOURLY, prices=(package,))
    assert charges(result) == {"15 10:00": 5, "15 11:00": 0, "15 12:00": 5}
    assert {row.quantity for row in result.charges_hourly.values()} == {6}


def test_totals_start_anew_each_month_and_are_an_account_s_own() -> None:
    events = [usage("a", "31 23:59:59.999", "10"), usage("b", "02-01 00:00", "10"), usage("c", "02-01 00:00", "10", account="other")]
    result = billed(events, "2026-02-02T00:00:00Z", accounts=(account(), account("other")), prices=(GRADUATED,))
    assert charges(result) == {"31 23:00": 21, "02-01 00:00": 42}


def test_within_an_hour_the_total_runs_over_project_then_resource_then_region_in_byte_order() -> None:
    order = [("P", "z", ""), ("p", "b", ""), ("p", "b", "eu"), ("p", "r10", ""), ("p", "r9", ""), ("é", "a", "")]
    events = [usage(str(n), "15 10:00", "1", project_id=p, subject=s, region=r) for n, (p, s, r) in enumerate(reversed(order))]
    steps = tiered("graduated", *[(str(n), str(n), "0") for n in range(1, 6)], (None, "6", "0"))
    result = billed(events, prices=(steps,))
    amounts = {(key.project_id, key.resource_id, key.region): row.amount_unrounded for key, row in result.charges_hourly.items()}
    assert amounts == {place: number for number, place in enumerate(order, start=1)}


def test_zero_consumption_has_a_row_but_no_charge_no_line_and_is_not_unrated() -> None:
    result = billed([usage("a", "15 10:00", "0")], prices=())
    assert len(result.consumption_hourly) == 1
    assert [result.charges_hourly, result.invoices, result.unrated_consumption] == [{}, {}, {}]


# --- price versions, contracts, missing prices -------------------------------------------------------------------------------------------


def test_a_new_version_prices_its_hours_at_the_total_reached_by_then() -> None:
    new = tiered("graduated", ("5", "100", "100"), ("10", "3", "50"), (None, "1", "9"), price_id="new", valid_from=at("15 11:00"))
    result = billed(HOURLY, prices=(tiered("graduated", (None, "2", "1"), price_id="old", valid_to=at("15 11:00")), new))
    # The second six units run from 6 to 12: 4 at 3, 2 at 1 and the fee of the tier entered; fees of tiers passed are not charged again.
    assert charges(result) == {"15 10:00": 13, "15 11:00": 12 + 2 + 9, "15 12:00": 6}
    assert price_ids(result) == ["old", "new", "new"]


def test_a_package_begun_under_the_old_version_is_not_charged_again() -> None:
    def package(price_id: str, amount: int, valid_from: int | None, valid_to: int | None) -> Price:
        return Price(
            price_id=price_id,
            sku_id="sku",
            currency_code="USD",
            model="package",
            unit_price=Fraction(amount),
            package_size=Fraction(10),
            valid_from=valid_from,
            valid_to=valid_to,
        )

    change = at("15 11:00")
    result = billed(HOURLY, prices=(package("old", 5, None, change), package("new", 7, change, None)))
    assert charges(result) == {"15 10:00": 5, "15 11:00": 7, "15 12:00": 0}


def test_the_price_is_the_one_valid_at_the_start_of_the_hour() -> None:
    prices = (per_unit("1", price_id="old", valid_to=at("15 11:00")), per_unit("2", price_id="new", valid_from=at("15 11:00")))
    assert charges(billed([usage("a", "15 10:59:59.999", "1"), usage("b", "15 11:00", "1")], prices=prices)) == {
        "15 10:00": 1,
        "15 11:00": 2,
    }


def test_usage_without_a_price_is_unrated_and_counts_in_the_total() -> None:
    result = billed(HOURLY, prices=(tiered("graduated", ("10", "2", "1"), (None, "1", "7"), valid_from=at("15 11:00")),))
    assert unrated(result) == {("r", "no_price"): 6}
    assert charges(result) == {"15 11:00": 17, "15 12:00": 6}


def test_a_price_in_another_currency_is_no_price() -> None:
    assert unrated(billed(HOURLY[:1], prices=(per_unit(currency_code="EUR"),))) == {("r", "no_price"): 6}


def test_usage_of_an_unknown_account_is_unrated_whatever_the_price() -> None:
    assert unrated(billed(HOURLY[:1], accounts=())) == {("r", "unknown_account"): 6}


def test_a_contract_price_beats_the_list_price_and_the_list_amount_tells_the_difference() -> None:
    contract = per_unit("2", price_id="contract", account_id="acc", valid_from=at("15 11:00"))
    result = billed(HOURLY, prices=(GRADUATED, contract))
    assert charges(result) == {"15 10:00": 13, "15 11:00": 12, "15 12:00": 12}
    assert [row.list_amount_unrounded for _, row in sorted(result.charges_hourly.items())] == [13, 17, 6]


def test_without_a_list_price_the_list_amount_is_at_the_price_applied_before_discount() -> None:
    discount = Discount(discount_id="d", scope_type="all", percent=Fraction(50))
    row = billed(HOURLY[:1], prices=(per_unit("2", account_id="acc"),), discounts=(discount,)).charges_hourly.popitem()[1]
    assert (row.list_amount_unrounded, row.amount_unrounded) == exact(12, 6)


# --- discounts ---------------------------------------------------------------------------------------------------------------------------


def test_the_narrowest_discount_applies_then_the_larger_percent() -> None:
    discounts = (
        Discount(discount_id="all", scope_type="all", percent=Fraction(90)),
        Discount(discount_id="service", scope_type="service", scope_value="service", percent=Fraction(80)),
        Discount(discount_id="sku", scope_type="sku", scope_value="sku", percent=Fraction(10), account_id="acc"),
        Discount(discount_id="larger", scope_type="sku", scope_value="sku", percent=Fraction("12.5"), valid_to=at("15 11:00")),
        Discount(discount_id="theirs", scope_type="sku", scope_value="sku", percent=Fraction(99), account_id="other"),
    )
    result = billed(HOURLY[:2], discounts=discounts)
    assert [row.discount_id for _, row in sorted(result.charges_hourly.items())] == ["larger", "sku"]
    assert charges(result) == {"15 10:00": Fraction("5.25"), "15 11:00": Fraction("5.4")}


def test_a_discount_covers_fees_and_packages_but_no_commitment() -> None:
    half = Discount(discount_id="half", scope_type="all", percent=Fraction(50))
    result = billed(HOURLY[:1], prices=(GRADUATED,), discounts=(half,), commitments=(commitment("c", "2", until="15 11:00"),))
    assert charges(result) == {"15 10:00": Fraction("4.5")}
    assert charges(result, "commitment") == {"15 10:00": Fraction("0.2")}


# --- commitments -------------------------------------------------------------------------------------------------------------------------


def commitment(
    commitment_id: str, quantity: str, unit_price: str = "0.1", *, since: str = "15 10:00", until: str | None = "15 13:00"
) -> Commitment:
    return Commitment(
        commitment_id=commitment_id,
        account_id="acc",
        sku_id="sku",
        quantity_per_hour=Fraction(quantity),
        unit_price=Fraction(unit_price),
        currency_code="USD",
        valid_from=at(since),
        valid_to=at(until) if until else None,
    )


def test_the_first_units_of_the_hour_are_committed_the_rest_is_on_demand_and_the_unused_part_is_billed() -> None:
    result = billed(HOURLY[:2], commitments=(commitment("c", "4"),))
    assert charges(result) == {"15 10:00": 2, "15 11:00": 2}
    assert charges(result, "commitment") == {"15 10:00": Fraction("0.4"), "15 11:00": Fraction("0.4")}
    assert charges(result, "commitment_unused") == {"15 12:00": Fraction("0.4")}
    key = next(key for key in result.charges_hourly if key.charge_type == "commitment_unused")
    assert (key.project_id, key.resource_id, key.region, key.price_id) == ("", "", "", "c")


def test_committed_units_do_not_count_in_the_running_total() -> None:
    result = billed(HOURLY, prices=(GRADUATED,), commitments=(commitment("c", "3"),))
    assert charges(result) == {"15 10:00": 7, "15 11:00": 6, "15 12:00": 6}


def test_commitments_apply_one_after_the_other_by_id_over_resources_in_id_order() -> None:
    events = [usage(str(n), "15 10:00", "3", subject=subject) for n, subject in enumerate(("b", "a", "c"))]
    result = billed(events, commitments=(commitment("c2", "3", until="15 11:00"), commitment("c10", "4", until="15 11:00")))
    split = {(key.resource_id, key.price_id): row.quantity for key, row in result.charges_hourly.items()}
    assert split == {("a", "c10"): 3, ("b", "c10"): 1, ("b", "c2"): 2, ("c", "c2"): 1, ("c", "price"): 2}


def test_within_a_resource_commitments_go_by_project_then_region() -> None:
    places = [("a", "p"), ("b", ""), ("b", "eu")]
    events = [usage(str(n), "15 10:00", "1", project_id=project, region=region) for n, (project, region) in enumerate(reversed(places))]
    result = billed(events, commitments=(commitment("c", "2", until="15 11:00"),))
    assert [(k.project_id, k.region) for k in sorted(result.charges_hourly) if k.charge_type == "commitment"] == places[:2]


def test_unused_commitment_is_billed_once_the_hour_has_ended_and_only_within_validity() -> None:
    def unused(as_of: str) -> set[str]:
        commitments = (commitment("c", "1", since="15 10:00", until="15 12:00"),)
        return set(charges(billed([], as_of, commitments=commitments), "commitment_unused"))

    assert unused("2026-01-15T10:59:59.999Z") == set()
    assert unused("2026-01-15T11:00:00Z") == {"15 10:00"}
    assert unused("2026-01-16T00:00:00Z") == {"15 10:00", "15 11:00"}


def test_usage_in_an_unended_hour_is_covered_already() -> None:
    result = billed(HOURLY[:1], "2026-01-15T10:30:00Z", commitments=(commitment("c", "10"),))
    assert charges(result, "commitment") == {"15 10:00": Fraction("0.6")}
    assert charges(result, "commitment_unused") == charges(result) == {}


def test_a_commitment_bills_its_units_even_without_a_price() -> None:
    result = billed(HOURLY[:1], prices=(), commitments=(commitment("c", "4", until="15 11:00"),))
    assert unrated(result) == {("r", "no_price"): 2}
    assert charges(result, "commitment") == {"15 10:00": Fraction("0.4")}


def test_every_consumed_unit_is_rated_or_unrated_exactly_once() -> None:
    events = [*HOURLY, life("x", "created", "15 10:30", {"t": "2"}), life("y", "deleted", "15 12:00")]
    skus = (sku(), sku("timed", metric="t", aggregation="time_weighted"))
    result = billed(events, skus=skus, commitments=(commitment("c", "1"),))
    consumed = sum(row.quantity for row in result.consumption_hourly.values())
    rated = sum(row.quantity for key, row in result.charges_hourly.items() if key.charge_type != "commitment_unused")
    assert consumed == rated + sum(row.quantity for row in result.unrated_consumption.values()) == 21
