"""Hourly consumption: the six aggregations, lives of resources, and what belongs to no SKU."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest

from tests.reference import Event, as_rows
from tests.unit.reference.builders import billed, life, quantities, sku, usage

TIME_WEIGHTED = (sku(aggregation="time_weighted"),)
EXISTS = (sku(aggregation="time_weighted", billed_when="exists"),)


def metered(events: list[Event], aggregation: str = "sum", **more: str) -> dict[tuple[str, str], Fraction]:
    return quantities(billed(events, skus=(sku(aggregation=aggregation, **more),)))


def units(events: list[Event], skus: object = TIME_WEIGHTED, as_of: str = "2026-02-01T00:00:00Z") -> dict[tuple[str, str], Fraction]:
    return quantities(billed(events, as_of, skus=skus))


def misfits(events: list[Event], **tables: Any) -> dict[tuple[str, str], Fraction]:  # noqa: ANN401  # tables by name
    """Quantities of unrated rows by (sku, reason)."""
    result = billed(events, **tables)
    return {(key.sku_id, key.reason_code): row.quantity for key, row in result.unrated_consumption.items()}


EVENTS = [
    usage("a", "15 10:00", "3", value="u1"),
    usage("b", "15 10:59:59.999", "5", value="u2"),
    usage("c", "15 10:30", "4", value="u1"),
    usage("d", "15 11:00", "9", value=""),
]


@pytest.mark.parametrize(
    ("aggregation", "first_hour", "second_hour"),
    [("sum", 12, 9), ("count", 3, 1), ("max", 5, 9), ("latest", 5, 9), ("unique", 2, 0)],
)
def test_aggregations_work_per_half_open_hour(aggregation: str, first_hour: int, second_hour: int) -> None:
    assert metered(EVENTS, aggregation) == {("acc", "15 10:00"): first_hour, ("acc", "15 11:00"): second_hour}


def test_a_quantity_is_divided_and_rounded_once_to_twelve_decimals() -> None:
    events = [usage("a", "15 10:00", "1"), usage("b", "15 10:01", "1")]
    assert billed(events, skus=(sku(divisor=Fraction(3)),)).consumption_hourly.popitem()[1].quantity == Fraction("0.666666666667")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (usage("z", "15 10:00", "1", sequence=9), usage("a", "15 10:00:00.001", "2")),
        (usage("z", "15 10:00", "1", sequence=1), usage("a", "15 10:00", "2", sequence=2)),
        (usage("e10", "15 10:00", "1"), usage("e9", "15 10:00", "2")),
        (usage("e", "15 10:00", "1", source="/B"), usage("e", "15 10:00", "2", source="/a")),
    ],
)
def test_the_latest_is_the_greatest_of_time_sequence_id_source(earlier: Event, later: Event) -> None:
    assert metered([later, earlier], "latest") == metered([earlier, later], "latest") == {("acc", "15 10:00"): 2}


def test_usage_at_as_of_is_billed_and_later_usage_waits() -> None:
    events = [usage("a", "15 10:00"), usage("b", "15 10:00:00.001")]
    assert units(events, (sku(),), as_of="2026-01-15T10:00:00Z") == {("acc", "15 10:00"): 1}


def test_twenty_seconds_of_a_machine_are_twenty_seconds() -> None:
    assert units([life("a", "created", "15 10:00", {"m": "9"}), life("b", "deleted", "15 10:00:20")]) == {
        ("acc", "15 10:00"): Fraction("0.05")
    }


def test_a_state_holds_to_the_next_event_and_an_open_one_to_as_of() -> None:
    events = [life("a", "created", "15 10:30", {"m": "8"}), life("b", "updated", "15 11:15", {"m": "4"}, state="running")]
    assert units(events, as_of="2026-01-15T12:30:00Z") == {("acc", "15 10:00"): 4, ("acc", "15 11:00"): 5, ("acc", "15 12:00"): 2}


def test_a_state_that_begins_at_as_of_has_no_row() -> None:
    assert units([life("a", "created", "15 10:00", {"m": "8"})], as_of="2026-01-15T10:00:00Z") == {}


@pytest.mark.parametrize(("skus", "stopped_hour"), [(TIME_WEIGHTED, None), (EXISTS, 4)])
def test_a_stopped_resource_is_billed_only_by_what_is_billed_while_it_exists(skus: object, stopped_hour: int | None) -> None:
    events = [life("a", "created", "15 10:00", {"m": "4"}), life("b", "stopped", "15 11:00", {"m": "4"}), life("c", "deleted", "15 12:00")]
    rows = {("acc", "15 10:00"): Fraction(4)} | ({("acc", "15 11:00"): Fraction(stopped_hour)} if stopped_hour else {})
    assert units(events, skus) == rows


def test_a_held_zero_has_a_row_and_holding_nothing_has_none() -> None:
    events = [
        life("a", "created", "15 10:00", {"m": "0"}),
        life("b", "updated", "15 11:00", {}, state="running"),
        life("c", "deleted", "15 12:00"),
    ]
    assert units(events) == {("acc", "15 10:00"): 0}


def test_a_move_within_the_hour_makes_each_account_pay_its_part() -> None:
    events = [
        life("a", "created", "15 10:00", {"m": "6"}),
        life("b", "updated", "15 10:20", {"m": "6"}, state="running", account="other"),
        life("c", "deleted", "15 11:00"),
    ]
    assert units(events) == {("acc", "15 10:00"): 2, ("other", "15 10:00"): 4}


def test_events_after_a_deletion_start_a_new_life() -> None:
    events = [
        life("a", "created", "15 10:00", {"m": "2"}),
        life("b", "deleted", "15 10:15"),
        life("c", "started", "15 10:45", {"m": "4"}),
        life("d", "deleted", "15 11:00"),
    ]
    assert units(events) == {("acc", "15 10:00"): Fraction("1.5")}


def test_a_deletion_without_a_life_bills_nothing_and_an_update_may_be_the_first_event() -> None:
    events = [
        life("a", "deleted", "15 09:00"),
        life("b", "updated", "15 10:00", {"m": "1"}, state="running"),
        life("c", "deleted", "15 11:00"),
    ]
    assert units(events) == {("acc", "15 10:00"): 1}


def test_lives_of_several_sources_on_one_subject_add_up() -> None:
    events = [
        life("a", "created", "15 10:00", {"m": "1"}),
        life("a", "created", "15 10:30", {"m": "1"}, source="/t"),
        life("b", "deleted", "15 11:00"),
        life("b", "deleted", "15 11:00", source="/t"),
    ]
    assert units(events) == {("acc", "15 10:00"): Fraction("1.5")}


EQUAL_INSTANTS = [
    ("sequence", life("z", "deleted", "15 10:00", sequence=1), life("a", "created", "15 10:00", {"m": "1"}, sequence=2)),
    ("kind", life("z", "created", "15 10:00", {"m": "9"}), life("a", "updated", "15 10:00", {"m": "1"}, state="running")),
    ("stop before start by kind", life("z", "started", "15 10:00", {"m": "1"}), life("a", "stopped", "15 10:00", {"m": "1"})),
    ("id", life("e10", "created", "15 10:00", {"m": "9"}), life("e9", "created", "15 10:00", {"m": "1"})),
]


@pytest.mark.parametrize(("name", "first", "second"), EQUAL_INSTANTS, ids=[name for name, _, _ in EQUAL_INSTANTS])
def test_at_equal_instants_sequence_then_kind_then_id_decide(name: str, first: Event, second: Event) -> None:
    end = life("zz", "deleted", "15 11:00")
    expected = {} if name == "stop before start by kind" else {("acc", "15 10:00"): Fraction(1)}
    assert all(units(list(order)) == expected for order in permutations([first, second, end]))


def test_any_order_of_arrival_gives_the_same_rows() -> None:
    events = [
        life("a", "created", "15 10:10", {"m": "3"}),
        life("b", "updated", "15 10:20", {"m": "5"}, state="running", account="other"),
        life("c", "stopped", "15 10:20", {"m": "5"}, sequence=1),
        life("d", "started", "15 10:40", {"m": "5"}),
        life("e", "deleted", "15 12:00"),
    ]
    expected = units(events)
    assert expected == {("acc", "15 10:00"): Fraction("2.166666666667"), ("acc", "15 11:00"): 5}
    assert all(units(list(order)) == expected for order in permutations(events))


REGIONAL = (sku("here", region="eu"), sku("elsewhere"))


def test_a_sku_is_found_by_region_else_without_one() -> None:
    result = billed(
        [usage("a", "15 10:00", region="eu"), usage("b", "15 10:00", region="us"), usage("c", "15 10:00")], skus=REGIONAL, prices=()
    )
    assert {(key.region, key.sku_id) for key in result.consumption_hourly} == {("eu", "here"), ("us", "elsewhere"), ("", "elsewhere")}


def test_usage_of_a_metric_without_a_sku_is_kept_as_one_row_an_hour() -> None:
    events = [
        usage("a", "15 10:00", "2", metric="x"),
        usage("b", "15 10:30", "3", metric="x"),
        life("c", "created", "15 10:30", {"x": "8"}),
        life("d", "stopped", "15 10:45", {"x": "8"}),
    ]
    assert misfits(events) == {("", "unknown_metric"): 7}
    assert billed(events).consumption_hourly == {}


def test_a_metric_known_only_in_another_region_is_unknown() -> None:
    assert misfits([usage("a", "15 10:00", region="us")], skus=(sku(region="eu"),)) == {("", "unknown_metric"): 1}


def test_usage_of_a_time_weighted_sku_is_a_mismatch() -> None:
    events = [usage("a", "15 10:00", "3"), usage("b", "15 10:00", "3")]
    assert misfits(events, skus=(sku(aggregation="time_weighted", divisor=Fraction(2)),)) == {("sku", "aggregation_mismatch"): 3}


def test_a_held_metric_of_a_counted_sku_is_a_mismatch_while_the_resource_runs() -> None:
    events = [life("a", "created", "15 10:00", {"m": "8"}), life("b", "stopped", "15 10:30", {"m": "8"})]
    assert misfits(events, skus=(sku(aggregation="count", divisor=Fraction(2)),)) == {("sku", "aggregation_mismatch"): 2}


def test_labels_are_those_of_the_latest_event_of_the_row() -> None:
    old, new = {"team": "old"}, {"team": "new"}
    counted = [usage("b", "15 10:30", labels=new), usage("a", "15 10:00", labels=old)]
    assert [row["labels"] for row in as_rows(billed(counted).consumption_hourly)] == [new]
    held = [
        life("a", "created", "15 10:00", {"m": "1"}, labels=old),
        life("b", "updated", "15 10:30", {"m": "1"}, state="running", labels=new),
        life("c", "updated", "15 11:00", {"m": "1"}, state="running", labels={"team": "next hour"}),
        life("d", "deleted", "15 11:30", labels={"team": "never"}),
    ]
    assert [row["labels"] for row in as_rows(billed(held, skus=TIME_WEIGHTED).consumption_hourly)] == [new, {"team": "next hour"}]
