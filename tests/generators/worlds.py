"""Random stories: catalogs, traffic and delivery put together.

The same seed gives the same story on every machine and in every run.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.generators.catalogs import invent_catalogs
from tests.generators.chance import Chance
from tests.generators.delivery import deliver
from tests.generators.stories import Step, Story
from tests.generators.timeline import THREE_MONTHS, Moments, Timeline
from tests.generators.traffic import invent_events
from tests.reference import Catalog


def random_story(seed: int, *, timeline: Timeline = THREE_MONTHS) -> Story:
    """A small story full of corners; all its ids begin with its seed, so that stories never touch each other."""
    return invent_story(Chance.seeded(seed), prefix=f"w{seed:05d}-", timeline=timeline)


def random_stories(count: int, *, first_seed: int = 0, timeline: Timeline = THREE_MONTHS) -> list[Story]:
    """Several stories on one timeline, ready to be merged."""
    return [random_story(seed, timeline=timeline) for seed in range(first_seed, first_seed + count)]


def invent_story(chance: Chance, *, prefix: str, timeline: Timeline) -> Story:
    """A story from any source of chance."""
    moments = Moments.invent(chance, timeline)
    shelves = invent_catalogs(chance, prefix, moments)
    account_ids = list(dict.fromkeys(account.account_id for account, _, _ in shelves.accounts.rows))
    if chance.percent(12):
        account_ids.append(f"{prefix}nobody")
    events = invent_events(chance, prefix, moments, shelves.meters, account_ids)
    deliveries = deliver(chance, prefix, timeline, events, account_ids)
    catalogs = [shelves.at(number) for number in range(len(timeline.checkpoints))]
    steps = tuple(
        Step(
            catalog=catalogs[number],
            batches=deliveries[number],
            as_of=checkpoint.as_of,
            closes=checkpoint.closes,
            is_restatement=any(step.closes for step in timeline.checkpoints[:number])
            and _priced(catalogs[number]) != _priced(catalogs[number - 1]),
        )
        for number, checkpoint in enumerate(timeline.checkpoints)
    )
    return Story(name=prefix.rstrip("-"), steps=steps)


def _priced(catalog: Catalog) -> Sequence[object]:
    """The tables whose change may alter an issued month; accounts, credits and taxes never do."""
    return (catalog.skus, catalog.prices, catalog.discounts, catalog.commitments)
