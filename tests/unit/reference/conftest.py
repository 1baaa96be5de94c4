"""Tests that read the shared case files are left out where these do not lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.generators import Played, Story, play, random_stories
from tests.reference.cases import SHARED_DATA

_STORIES = 40
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect this folder's tests of the shared data, and say so."""
    if SHARED_DATA.is_dir():
        return
    left_out = [item for item in items if _HERE in item.path.parents and item.get_closest_marker("needs_shared_data")]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"{len(left_out)} tests of the shared reference cases are left out: there is no {SHARED_DATA}")


@pytest.fixture(scope="session")
def corpus() -> list[tuple[Story, list[Played]]]:
    """Random stories, each played through the model once for all tests."""
    return [(story, play(story)) for story in random_stories(_STORIES)]
