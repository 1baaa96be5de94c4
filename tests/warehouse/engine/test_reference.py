"""The warehouse equals the reference model to the last digit, after every step of many random stories played at once.

Stories run over three months with closes, late events, duplicates, conflicts and restated catalogs; some have usage on many
days, much of which comes late (tests/generators).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.generators.lateness import late_stories
from tests.generators.stories import Story, merge, play
from tests.generators.timeline import ONE_DAY
from tests.generators.worlds import random_stories
from tests.reference import Result
from tests.warehouse.engine.stage import TABLES, Stage, difference, expected, open_stage
from warehouse.settings import Settings


def check_story(stage: Stage, story: Story, *, fails_before: Mapping[int, str] | None = None) -> Result:
    """Compare every table after every step; what the reference model has at the end.

    `fails_before`: steps of which a first attempt gets no further than a model.
    """
    steps = play(story)
    for number, played in enumerate(steps):
        stage.apply(played.step.catalog)
        stage.load(played.step.batches)
        if fails_before and number in fails_before:
            stage.fail(played.step.as_of, last_model=fails_before[number])
        stage.tick(played.step.as_of)
        for period in played.step.closes:
            stage.close(period, played.step.as_of)
        for table in TABLES:
            found = difference(stage.read(table), expected(played.result, table))
            assert not found, f"step {number}, {table}: {found}"
    return steps[-1].result


@pytest.mark.parametrize("first_seed", [0])
def test_three_months_of_many_stories_equal_the_reference(settings: Settings, client: Client, tmp_path: Path, first_seed: int) -> None:
    story = merge([*random_stories(60, first_seed=first_seed), *late_stories(10)])
    with open_stage(settings, client, tmp_path) as stage:
        result = check_story(stage, story)
        stage.tick(story.steps[-1].as_of, is_rebuild=True, scope="all")
        for table in TABLES:
            found = difference(stage.read(table), expected(result, table))
            assert not found, f"rebuild, {table}: {found}"


def test_a_months_last_day_of_many_ticks_of_which_some_fail_equals_the_reference(
    settings: Settings, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERHOUSE_DBT_CROWD", "1")  # touched keys are found as in a day that is touched all over
    story = merge([*random_stories(40, first_seed=10_000, timeline=ONE_DAY), *late_stories(15, timeline=ONE_DAY)])
    with open_stage(settings, client, tmp_path) as stage:
        check_story(stage, story, fails_before={2: "charges_hourly", 4: "charges_daily"})
