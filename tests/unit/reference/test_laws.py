"""Laws that hold in every world: of the random corpus, and of worlds that Hypothesis looks for and shrinks.

They guard the model against itself; that it says what the contract says is the business of the tests with numbers worked out by hand.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.generators import ONE_MONTH, Played, Story, merge, play
from tests.generators.chance import Chance
from tests.generators.strategies import chances, stories
from tests.generators.worlds import invent_story
from tests.reference import Batch, Books, Event, Result, World, bill
from tests.reference.documents import Lines, PricedSku, merge_line_types
from tests.reference.events import Junk, State, Usage, read_event
from tests.reference.instants import format_instant, month_of
from tests.reference.metering import ConsumptionKey
from tests.reference.prices import cost
from tests.unit.reference.builders import at, billed, life, sku

Corpus = list[tuple[Story, list[Played]]]

relaxed = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def results(corpus: Corpus) -> list[Result]:
    return [played.result for _, plays in corpus for played in plays]


# --- quantities --------------------------------------------------------------------------------------------------------------------------


def test_every_consumed_unit_is_rated_or_unrated_exactly_once(corpus: Corpus) -> None:
    for result in results(corpus):
        rated: dict[ConsumptionKey, Fraction] = defaultdict(Fraction)
        for key, charge in result.charges_hourly.items():
            if key.charge_type != "commitment_unused":
                rated[ConsumptionKey(*key[:6])] += charge.quantity
        for unrated_key, row in result.unrated_consumption.items():
            if unrated_key.reason_code in ("unknown_account", "no_price"):
                rated[ConsumptionKey(*unrated_key[:5], unrated_key.hour_at)] += row.quantity
        assert rated == {key: row.quantity for key, row in result.consumption_hourly.items() if row.quantity}


def test_every_line_of_every_batch_is_in_exactly_one_bucket(corpus: Corpus) -> None:
    for result in results(corpus):
        for batch in result.event_accounting:
            assert batch.lines == batch.blank + batch.accepted + batch.duplicates + batch.conflicts + batch.rejected


def test_a_commitment_is_billed_in_full_for_each_elapsed_hour(corpus: Corpus) -> None:
    for result in results(corpus):
        billed_quantity: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
        for key, charge in result.charges_hourly.items():
            if key.charge_type != "usage":
                billed_quantity[key.price_id, key.hour_at] += charge.quantity
        committed = {commitment.commitment_id: commitment for commitment in result.world.catalog.commitments}
        for (commitment_id, hour), quantity in billed_quantity.items():
            has_elapsed = hour + 3_600_000 <= result.world.as_of
            limit = committed[commitment_id].quantity_per_hour
            assert quantity == limit if has_elapsed else quantity <= limit


# --- money -------------------------------------------------------------------------------------------------------------------------------


def test_hours_add_up_to_the_month_where_one_price_holds_all_month(corpus: Corpus) -> None:
    checked = 0
    for result in results(corpus):
        months = defaultdict(list)
        for key, charge in result.charges_hourly.items():
            if key.charge_type == "usage":
                months[key.account_id, key.sku_id, month_of(key.hour_at)].append((key.price_id, charge))
        unpriced = {
            (key.account_id, key.sku_id, month_of(key.hour_at)) for key in result.unrated_consumption if key.reason_code == "no_price"
        }
        prices = {price.price_id: price for price in result.world.catalog.prices}
        for month, rows in months.items():
            used = {price_id for price_id, _ in rows}
            if len(used) == 1 and month not in unpriced and not any(charge.discount_id for _, charge in rows):
                total = sum((charge.quantity for _, charge in rows), Fraction(0))
                assert sum(charge.amount_unrounded for _, charge in rows) == cost(prices[used.pop()], total)
                checked += 1
    assert checked > len(corpus)


def test_documents_add_up(corpus: Corpus) -> None:
    for result in results(corpus):
        for key, document in result.invoices.items():
            lines = [row.amount for line, row in result.invoice_lines.items() if line[:4] == key]
            credits = [row.amount for use, row in result.credit_uses.items() if use[:4] == key]
            assert lines
            assert document.subtotal_amount == sum(lines)
            assert document.credit_amount == sum(credits)
            assert document.total_amount == document.subtotal_amount - document.credit_amount + document.tax_amount
            assert (key.kind == "invoice") == (key.adjusted_period == "")
            assert key.kind != "debit_note" or 0 <= document.credit_amount <= document.subtotal_amount
            assert key.kind != "credit_note" or document.subtotal_amount <= document.credit_amount <= 0


def test_no_credit_is_overdrawn_or_given_back_twice(corpus: Corpus) -> None:
    for result in results(corpus):
        used: dict[str, Fraction] = defaultdict(Fraction)
        for key, row in result.credit_uses.items():
            used[key.credit_id] += row.amount
        granted = {credit.credit_id: credit.amount for credit in result.world.catalog.credits}
        assert all(0 <= amount <= granted[credit_id] for credit_id, amount in used.items())


def test_a_month_s_documents_always_equal_a_rebuild(corpus: Corpus) -> None:
    for result in results(corpus):
        documents: dict[tuple[str, str], dict[PricedSku, tuple[Fraction, Fraction]]] = defaultdict(dict)
        for key, row in result.invoice_lines.items():
            lines = documents[key.account_id, key.adjusted_period or key.period]
            quantity, amount = lines.get(PricedSku(key.sku_id, key.price_id), (Fraction(0), Fraction(0)))
            lines[PricedSku(key.sku_id, key.price_id)] = (quantity + row.quantity, amount + row.amount)
        billed_so_far = {month: {key: line for key, line in lines.items() if any(line)} for month, lines in documents.items()}
        rebuilt = {month: _merged(lines) for month, lines in result.month_lines.items()}
        assert {month: lines for month, lines in billed_so_far.items() if lines} == {
            month: lines for month, lines in rebuilt.items() if lines
        }


def _merged(lines: Lines) -> dict[PricedSku, tuple[Fraction, Fraction]]:
    return {key: (line.quantity, line.amount) for key, line in merge_line_types([lines]).items() if line.quantity or line.amount}


def test_issued_documents_never_change(corpus: Corpus) -> None:
    for _, plays in corpus:
        for before, after in pairwise(plays):
            issued = {key: row for key, row in before.result.invoices.items() if row.number}
            assert issued.items() <= after.result.invoices.items()
            lines = {key: row for key, row in before.result.invoice_lines.items() if key[:4] in issued}
            assert all(after.result.invoice_lines[key].amount == row.amount for key, row in lines.items())


# --- arrival and merging -----------------------------------------------------------------------------------------------------------------


@relaxed
@given(chances())
def test_the_order_of_arrival_changes_nothing(chance: Chance) -> None:
    story = invent_story(chance, prefix="w-", timeline=ONE_MONTH)
    lines = [line for step in story.steps for batch in step.batches for line in batch.lines if not isinstance(line, Junk)]
    first: dict[tuple[str, str], Event] = {}
    for line in lines:
        event = read_event(line)
        first.setdefault((event.source, event.id), line)
    last = story.steps[-1]
    in_order = World(catalog=last.catalog, batches=(Batch("a", tuple(first.values())),), as_of=last.as_of)
    shuffled = World(catalog=last.catalog, batches=(Batch("a", tuple(chance.shuffled(list(first.values())))),), as_of=last.as_of)
    assert _tables(bill(in_order)) == _tables(bill(shuffled))
    delivered = World(catalog=last.catalog, batches=tuple(batch for step in story.steps for batch in step.batches), as_of=last.as_of)
    assert _tables(bill(delivered)) == _tables(bill(in_order))


def _tables(result: Result) -> list[object]:
    return [
        result.consumption_hourly,
        result.charges_hourly,
        result.unrated_consumption,
        result.invoices,
        result.invoice_lines,
        result.credit_uses,
    ]


@given(st.integers(at("15 10:00"), at("15 13:00")), st.integers(1, 10**15))
def test_cutting_an_interval_anywhere_leaves_every_hour_equal(cut: int, value: int) -> None:
    whole = [life("a", "created", "15 10:00", {"m": str(value)}), life("z", "deleted", "15 13:00")]
    cutting = life("b", "updated", format_instant(cut), {"m": str(value)}, state="running")
    tables: dict[str, Any] = {"skus": (sku(aggregation="time_weighted", divisor=Fraction(3)),)}
    assert billed([*whole, cutting], **tables).consumption_hourly == billed(whole, **tables).consumption_hourly


@relaxed
@given(stories())
def test_the_laws_hold_for_worlds_found_by_hypothesis(story: Story) -> None:
    corpus = [(story, play(story))]
    test_every_consumed_unit_is_rated_or_unrated_exactly_once(corpus)
    test_a_commitment_is_billed_in_full_for_each_elapsed_hour(corpus)
    test_documents_add_up(corpus)
    test_no_credit_is_overdrawn_or_given_back_twice(corpus)
    test_a_month_s_documents_always_equal_a_rebuild(corpus)
    test_issued_documents_never_change(corpus)


def test_merged_stories_do_not_touch_each_other(corpus: Corpus) -> None:
    chosen = corpus[:8]
    merged = play(merge([story for story, _ in chosen]))
    for step, played in enumerate(merged):
        for name in ("consumption_hourly", "charges_hourly", "unrated_consumption", "invoice_lines", "credit_uses"):
            together = getattr(played.result, name)
            assert together == {key: row for _, plays in chosen for key, row in getattr(plays[step].result, name).items()}
        amounts = {key: (row.status, row.total_amount, row.tax_amount) for key, row in played.result.invoices.items()}
        assert amounts == {
            key: (row.status, row.total_amount, row.tax_amount) for _, plays in chosen for key, row in plays[step].result.invoices.items()
        }


def test_books_are_read_never_changed_by_billing(corpus: Corpus) -> None:
    books = Books()
    result = corpus[0][1][-1].result
    bill(result.world, books)
    assert books == Books()


def test_accepted_events_are_typed(corpus: Corpus) -> None:
    kinds = {
        type(read_event(line))
        for story, _ in corpus
        for step in story.steps
        for b in step.batches
        for line in b.lines
        if not isinstance(line, Junk)
    }
    assert kinds == {Usage, State}
