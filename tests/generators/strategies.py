"""Hypothesis strategies over the same inventions, for properties whose counterexamples should shrink."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.generators.chance import Chance
from tests.generators.stories import Story
from tests.generators.timeline import ONE_MONTH, Timeline
from tests.generators.worlds import invent_story


def chances() -> st.SearchStrategy[Chance]:
    """Choices that Hypothesis makes; it shrinks towards the first item of each pick."""
    return st.randoms(use_true_random=False).map(Chance)


def stories(timeline: Timeline = ONE_MONTH, prefix: str = "w-") -> st.SearchStrategy[Story]:
    """Whole stories; on the short timeline unless told otherwise."""
    return chances().map(lambda chance: invent_story(chance, prefix=prefix, timeline=timeline))
