"""Facts from the tests and documents of other billing systems, billed by the warehouse all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.generators.stories import Step, Story, merge
from tests.reference import cases
from tests.reference.golden import AS_OF
from tests.warehouse.engine.stage import open_stage
from warehouse.settings import Settings

pytestmark = pytest.mark.needs_shared_data


def test_cases_of_other_systems_come_out_as_they_say(settings: Settings, client: Client, tmp_path: Path) -> None:
    covered = cases.covered_cases()
    assert len(covered) > 100
    worlds = [
        Story(name=case.id, steps=(Step(catalog=case.world.catalog, batches=case.world.batches, as_of=AS_OF),), seller_country="DE")
        for case in covered
    ]
    (step,) = merge(worlds, name="golden").steps
    with open_stage(settings, client, tmp_path) as stage:
        stage.apply(step.catalog)
        stage.load(step.batches)
        stage.tick(step.as_of, scope="all")
        tables = {name: stage.rows(table) for name, table in cases.TABLES.items()}
    failures = [failure for case in covered for failure in case.failures(tables)]
    assert not failures, "\n".join(failures)
