"""The random stories that several test files look at."""

from __future__ import annotations

import pytest

from tests.generators import Played, Story, play, random_stories

# Enough that every corner named in test_generators is reached; more only takes longer.
_STORIES = 40


@pytest.fixture(scope="session")
def corpus() -> list[tuple[Story, list[Played]]]:
    """Random stories, each played through the model once for all tests."""
    return [(story, play(story)) for story in random_stories(_STORIES)]
