"""Tables as HTML."""

from __future__ import annotations

from dashboards.tables import Column, Share, breakdown, facts, heading, table

HOSTILE = '<img src=x onerror="alert(1)">'


def test_text_of_data_never_becomes_markup() -> None:
    share = Share(name=HOSTILE, detail=HOSTILE, amount=HOSTILE, exact=HOSTILE, share=0.5)
    pages = [
        table(HOSTILE, [Column(title=HOSTILE)], [[HOSTILE]], footer=[[HOSTILE]]),
        breakdown(HOSTILE, HOSTILE, HOSTILE, [share]),
        facts([(HOSTILE, HOSTILE)]),
        heading(HOSTILE),
    ]
    for page in pages:
        assert "<img" not in page
        assert 'onerror="' not in page


def test_numbers_stand_on_the_right() -> None:
    page = table("t", [Column(title="SKU"), Column(title="Amount", is_number=True)], [["vcpu", "1.00"]])
    assert '<td>vcpu</td><td class="mh-number">1.00</td>' in page


def test_a_bar_is_as_long_as_its_share() -> None:
    page = breakdown("t", "Service", "Cost", [Share(name="GPU", detail="", amount="1", exact="1.0001 USD", share=0.125)])
    assert "width:12.50%" in page
    assert "12.5 %" in page
    assert 'title="1.0001 USD"' in page
