"""Random small worlds to compare the warehouse with the reference model on.

`random_story(seed)` makes one, `merge` puts hundreds into one warehouse, `play` says what must come out after each step,
`write_catalog` and `write_batches` put them into the contract's file formats. For each step of a merged story: apply its catalog
(restating where it says so), load its batches in order, run to its as-of, close its months, and compare with
`tests.reference.comparison`. The clock must stand a month after the last as-of at least, or the latest events are rejected as future ones.
"""

from tests.generators.files import write_batches, write_catalog
from tests.generators.stories import Played, Step, Story, merge, play
from tests.generators.timeline import ONE_MONTH, THREE_MONTHS, Timeline
from tests.generators.worlds import random_stories, random_story

__all__ = [
    "ONE_MONTH",
    "THREE_MONTHS",
    "Played",
    "Step",
    "Story",
    "Timeline",
    "merge",
    "play",
    "random_stories",
    "random_story",
    "write_batches",
    "write_catalog",
]
