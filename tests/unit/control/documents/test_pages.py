"""Rows divided among pages: none lost, none twice, sums carried."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from control.documents.pages import Row, paginate
from control.domain.money import Money
from tests.control_bench.builders import a_draft
from tests.control_bench.documents import a_document

FIRST, OTHER, CARRY = 160.0, 240.0, 6.5


@given(
    heights=st.lists(st.sampled_from([6.0, 9.0, 23.0, 300.0]), min_size=1, max_size=120),
    closing=st.floats(min_value=10, max_value=230),
)
def test_every_row_stands_on_one_page_and_each_sum_is_carried_to_the_next(heights: list[float], closing: float) -> None:
    items = a_document(a_draft(amounts=[100 + number for number in range(len(heights))])).items
    rows = [Row(item=item, name_lines=("",), height=height) for item, height in zip(items, heights, strict=True)]
    pages = paginate(rows, first=FIRST, other=OTHER, closing=closing, carry=CARRY, zero=Money(0, "USD"))
    assert [row for page in pages for row in page.rows] == rows
    assert [page.has_closing for page in pages] == [False] * (len(pages) - 1) + [True]
    assert pages[0].brought == Money(0, "USD")
    assert [page.brought for page in pages[1:]] == [page.carried for page in pages[:-1]]
    assert pages[-1].carried == sum((item.amount for item in items), start=Money(0, "USD"))
    for place, page in enumerate(pages):
        taken = sum(row.height for row in page.rows) + (closing if page.has_closing else CARRY) + (CARRY if place else 0)
        assert taken <= (OTHER if place else FIRST) + 1e-9 or len(page.rows) == 1
