"""The random stories: repeatable, mergeable, and rich enough to be worth comparing with."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.generators import Played, Story, merge, random_story
from tests.generators.timeline import THREE_MONTHS
from tests.reference.catalog import Catalog, Valid
from tests.reference.events import Junk, read_event
from tests.reference.instants import HOUR

ROOT = Path(__file__).resolve().parents[3]
DIGEST = """
from hashlib import sha256
from tests.generators import random_story
from tests.generators.files import batch_bytes, catalog_tables
digest = sha256()
for seed in range(4):
    for step in random_story(seed).steps:
        digest.update(repr(catalog_tables(step.catalog)).encode())
        for batch in step.batches:
            digest.update(batch_bytes(batch))
print(digest.hexdigest())
"""


def test_the_same_seed_gives_the_same_story_in_every_process() -> None:
    digests = {
        subprocess.run([sys.executable, "-c", DIGEST], cwd=ROOT, env={"PYTHONHASHSEED": seed}, check=True, capture_output=True).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_the_corpus_reaches_every_corner(corpus: list[tuple[Story, list[Played]]]) -> None:
    seen: Counter[str] = Counter()
    for story, plays in corpus:
        last = plays[-1].result
        catalog = last.world.catalog
        seen.update({f"aggregation {sku.aggregation}" for sku in catalog.skus})
        seen.update({f"model {price.model}" for price in catalog.prices})
        seen.update({f"currency {account.currency_code}" for account in catalog.accounts})
        seen.update({f"reason {key.reason_code}" for key in last.unrated_consumption})
        seen.update({f"charge {key.charge_type}" for key in last.charges_hourly})
        seen.update({f"{row.status} {key.kind}" for key, row in last.invoices.items()})
        seen["discount"] += any(row.discount_id for row in last.charges_hourly.values())
        seen["contract price"] += any(price.account_id for price in catalog.prices)
        seen["list amount differs"] += any(row.list_amount_unrounded != row.amount_unrounded for row in last.charges_hourly.values())
        seen["negative charge"] += any(row.amount_unrounded < 0 for row in last.charges_hourly.values())
        seen["charge of zero"] += any(row.amount_unrounded == 0 for row in last.charges_hourly.values())
        seen["zero consumption"] += any(row.quantity == 0 for row in last.consumption_hourly.values())
        seen["credit given back"] += any(row.amount < 0 for row in last.credit_uses.values())
        seen["credit on a debit note"] += any(key.kind == "debit_note" for key in last.credit_uses)
        seen["credit over months"] += len({(k.credit_id, k.period) for k in last.credit_uses}) > len(
            {k.credit_id for k in last.credit_uses}
        )
        seen["several uses on a document"] += any(row.use_order > 1 for row in last.credit_uses.values())
        seen["tax of zero and more"] += len({row.tax_percent == 0 for row in last.invoices.values()}) == 2
        seen["restatement"] += any(step.is_restatement for step in story.steps)
        seen["no restatement"] += not any(step.is_restatement for step in story.steps)
        seen["event on an as-of"] += _has_event_at(story, {checkpoint.as_of for checkpoint in THREE_MONTHS.checkpoints})
        seen["event on a month start"] += _has_event_at(story, set(THREE_MONTHS.month_starts))
        for batch in last.event_accounting:
            for bucket in ("blank", "duplicates", "conflicts", "rejected"):
                seen[bucket] += bool(getattr(batch, bucket))
        split = Counter((key.hour_at, key.account_id, key.sku_id) for key in last.charges_hourly if key.charge_type == "commitment")
        seen["commitment over several rows"] += any(number > 1 for number in split.values())
    rare = {corner: seen[corner] for corner in CORNERS if not seen[corner]}
    assert rare == {}


CORNERS = [
    *(f"aggregation {name}" for name in ("sum", "count", "max", "unique", "latest", "time_weighted")),
    *(f"model {name}" for name in ("per_unit", "graduated", "volume", "package")),
    *(f"currency {name}" for name in ("USD", "EUR", "JPY", "KWD")),
    *(f"reason {name}" for name in ("unknown_metric", "aggregation_mismatch", "unknown_account", "no_price")),
    *(f"charge {name}" for name in ("usage", "commitment", "commitment_unused")),
    *(f"{status} {kind}" for status in ("draft", "issued") for kind in ("invoice", "debit_note", "credit_note")),
    "discount",
    "contract price",
    "list amount differs",
    "negative charge",
    "charge of zero",
    "zero consumption",
    "credit given back",
    "credit on a debit note",
    "credit over months",
    "several uses on a document",
    "tax of zero and more",
    "restatement",
    "no restatement",
    "event on an as-of",
    "event on a month start",
    "blank",
    "duplicates",
    "conflicts",
    "rejected",
    "commitment over several rows",
]


def _has_event_at(story: Story, instants: set[int]) -> bool:
    return any(
        read_event(line).time in instants
        for step in story.steps
        for batch in step.batches
        for line in batch.lines
        if not isinstance(line, Junk)
    )


def test_catalogs_are_ones_the_product_accepts(corpus: list[tuple[Story, list[Played]]]) -> None:
    for story, _ in corpus:
        for step in story.steps:
            catalog = step.catalog
            sold, known = set(catalog.sku_by_id), set(catalog.account_by_id)
            for price in catalog.prices:
                assert price.sku_id in sold
                assert not price.account_id or catalog.account_by_id[price.account_id].currency_code == price.currency_code
                ends = [tier.up_to for tier in price.tiers]
                assert bool(ends) == (price.model in ("graduated", "volume"))
                assert ends == [] or (ends[-1] is None and ends[:-1] == sorted({end for end in ends[:-1] if end}))
                same = [other for other in catalog.prices if (other.sku_id, other.account_id) == (price.sku_id, price.account_id)]
                assert not any(
                    _overlap(price, other) for other in same if other is not price and other.currency_code == price.currency_code
                )
            rows: list[Valid] = [*catalog.prices, *catalog.discounts, *catalog.commitments, *catalog.credits, *catalog.taxes]
            for row in rows:
                assert all(edge is None or edge % HOUR == 0 for edge in (row.valid_from, row.valid_to))
                assert row.valid_from is None or row.valid_to is None or row.valid_from < row.valid_to
            assert {commitment.account_id for commitment in catalog.commitments} <= known
            assert {credit.account_id for credit in catalog.credits} <= known
            assert {commitment.sku_id for commitment in catalog.commitments} <= sold
            assert all(len({row[0] for row in ids}) == len(ids) for ids in _identities(catalog))


def _overlap(one: Valid, other: Valid) -> bool:
    start = max(row.valid_from or 0 for row in (one, other))
    return all(row.valid_to is None or start < row.valid_to for row in (one, other))


def _identities(catalog: Catalog) -> list[list[tuple[str]]]:
    names = {"accounts": "account_id", "skus": "sku_id", "prices": "price_id", "discounts": "discount_id", "commitments": "commitment_id"}
    return [[(getattr(row, column),) for row in getattr(catalog, table)] for table, column in {**names, "credits": "credit_id"}.items()]


def test_stories_of_different_timelines_do_not_merge() -> None:
    story = random_story(1)
    later = replace(story, steps=tuple(replace(step, as_of=step.as_of + 1) for step in story.steps))
    with pytest.raises(ValueError, match="step 0 differs"):
        merge([story, later])
