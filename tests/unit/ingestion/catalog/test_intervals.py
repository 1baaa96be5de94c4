"""Rules about intervals, against the plainest statement of each rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.catalog.draft import Entry
from ingestion.catalog.lines import Line
from ingestion.catalog.problems import Problems
from ingestion.catalog.rows import Tax
from ingestion.catalog.validity import overlapping
from warehouse.errors import InputError
from warehouse.ticks import EPOCH

if TYPE_CHECKING:
    from conftest import CatalogFolder

INTERVALS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=12)


@given(intervals=INTERVALS)
def test_exactly_the_sets_with_two_rows_valid_at_once_overlap(intervals: list[tuple[int, int]]) -> None:
    entries = [
        Entry(
            Tax(
                country_code="DE",
                tax_name="VAT",
                percent=Decimal(1),
                valid_from=EPOCH + timedelta(hours=start),
                valid_to=EPOCH + timedelta(hours=start + length),
            ),
            Line("taxes.csv", number, {}, Problems()),
        )
        for number, (start, length) in enumerate(intervals, start=2)
    ]
    hours = {entry.line.number: set(range(start, start + length)) for entry, (start, length) in zip(entries, intervals, strict=True)}
    found = {frozenset((one.line.number, other.line.number)) for one, other in overlapping(entries)}
    everything = {frozenset(pair) for pair in combinations(hours, 2) if hours[pair[0]] & hours[pair[1]]}
    assert found <= everything
    assert bool(found) == bool(everything)
    # Whoever fixes all that is reported has named each line that starts inside another.
    late = {
        number
        for number, own in hours.items()
        for other, its in hours.items()
        if other != number and min(its) < min(own) and min(own) in its
    }
    assert late <= {number for pair in found for number in pair}


@settings(max_examples=40)
@given(
    tiers=st.lists(st.tuples(st.integers(1, 4), st.none() | st.integers(1, 6)), min_size=1, max_size=4),
    data=st.data(),
)
def test_tiers_are_accepted_exactly_where_every_quantity_has_one(
    make_folder: Callable[[], CatalogFolder], tiers: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    # Half of the examples are made right, or nearly none would be.
    if data.draw(st.booleans()):
        bounds = sorted({up_to for _, up_to in tiers if up_to})
        tiers = data.draw(st.permutations([*enumerate(bounds, start=1), (len(bounds) + 1, None)]))
    folder = make_folder()
    lines = [f"egress-usd,{tier},{up_to or ''},1," for tier, up_to in tiers]
    folder.write("price_tiers.csv", "\n".join(["price_id,tier,up_to,unit_price,flat_fee", "egress-eur,1,,1,", *lines]))
    ends = [float("inf") if up_to is None else up_to for _, up_to in sorted(tiers, key=lambda tier: tier[0])]
    is_numbered = sorted(tier for tier, _ in tiers) == list(range(1, len(tiers) + 1))
    # (previous up_to, up_to] of each tier, over more quantities than any bound
    starts = [0, *ends[:-1]]
    covers = [sum(start < quantity <= end for start, end in zip(starts, ends, strict=True)) for quantity in range(1, 9)]
    is_right = is_numbered and covers == [1] * 8 and all(start < end for start, end in zip(starts, ends, strict=True))
    try:
        folder.read()
    except InputError:
        assert not is_right
    else:
        assert is_right
