"""Stories: a world that goes on. In each step a catalog is applied, batches arrive, time moves on, months close.

`play` runs a story through the reference model; `merge` puts several into one. How stories are invented stands in `worlds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TypeVar

from tests.reference import Batch, Books, Catalog, Document, Result, World, bill, close, invoice

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Step:
    """Apply the catalog, load the batches in order, run to as-of (milliseconds), then close the months in order.

    `is_restatement`: the catalog may change issued months, so applying it needs `--restate`.
    """

    catalog: Catalog
    batches: tuple[Batch, ...]
    as_of: int
    closes: tuple[str, ...] = ()
    is_restatement: bool = False


@dataclass(frozen=True, kw_only=True)
class Story:
    name: str
    steps: tuple[Step, ...]
    seller_country: str = "DE"


@dataclass(frozen=True, kw_only=True)
class Played:
    """What must stand in the public tables after a step, and what its closes issued."""

    step: Step
    result: Result
    issued: tuple[Document, ...]


def play(story: Story) -> list[Played]:
    """Run a story through the reference model, from scratch at every step."""
    books, batches = Books(), list[Batch]()
    played = []
    for step in story.steps:
        batches.extend(step.batches)
        world = World(catalog=step.catalog, batches=tuple(batches), as_of=step.as_of, seller_country=story.seller_country)
        result = bill(world, books)
        issued: list[Document] = []
        for period in step.closes:
            issued.extend(close(result, books, period))
            result = invoice(result, books)
        played.append(Played(step=step, result=result, issued=tuple(issued)))
    return played


def merge(stories: Sequence[Story], *, name: str = "merged") -> Story:
    """One story in which all of these happen at once, each untouched by the others.

    The stories must share their timeline and own distinct prefixes; rows that they share (taxes) appear once.

    Raises:
        ValueError: two stories differ in an as-of, a close or the seller's country.
    """
    if len({story.seller_country for story in stories}) != 1:
        raise ValueError("stories of several sellers do not merge")
    steps = []
    for number, parallel in enumerate(zip(*(story.steps for story in stories), strict=True)):
        if len({(step.as_of, step.closes) for step in parallel}) != 1:
            raise ValueError(f"step {number} differs in as-of or closes between the stories")
        steps.append(
            Step(
                catalog=_merge_catalogs([step.catalog for step in parallel]),
                batches=_merge_batches([step.batches for step in parallel], f"{name}-{number:02d}"),
                as_of=parallel[0].as_of,
                closes=parallel[0].closes,
                is_restatement=any(step.is_restatement for step in parallel),
            )
        )
    return Story(name=name, steps=tuple(steps), seller_country=stories[0].seller_country)


def _merge_catalogs(catalogs: Sequence[Catalog]) -> Catalog:
    return Catalog(
        accounts=_distinct(catalog.accounts for catalog in catalogs),
        skus=_distinct(catalog.skus for catalog in catalogs),
        prices=_distinct(catalog.prices for catalog in catalogs),
        discounts=_distinct(catalog.discounts for catalog in catalogs),
        commitments=_distinct(catalog.commitments for catalog in catalogs),
        credits=_distinct(catalog.credits for catalog in catalogs),
        taxes=_distinct(catalog.taxes for catalog in catalogs),
    )


def _distinct(tables: Iterable[tuple[Row, ...]]) -> tuple[Row, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(tables)))


def _merge_batches(deliveries: Sequence[tuple[Batch, ...]], name: str) -> tuple[Batch, ...]:
    """The n-th batches of all stories become one, their lines taken in turns; each story keeps its own order of loading."""
    merged = []
    for number, parallel in enumerate(zip_longest(*deliveries)):
        lines = chain.from_iterable(zip_longest(*(batch.lines for batch in parallel if batch)))
        merged.append(Batch(name=f"{name}-{number:02d}", lines=tuple(line for line in lines if line is not None)))
    return tuple(merged)
