"""A tick from its opening, after raw is written, to its commit, after models and checks."""

# No postponed annotations: Dagster reads the types of configuration and resources from the functions themselves.

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dagster import AssetKey, AssetsDefinition, Config, MaterializeResult, ResourceParam, asset

from orchestration.report import PipelineRun
from warehouse import ticks
from warehouse.errors import RefusedError

COMPUTED = AssetKey(["ops", "computed_ticks"])
COMMITTED = AssetKey(["ops", "committed_ticks"])


class TickConfig(Config):
    """What to compute. Empty texts: the deployment's clock decides, and nothing is forced."""

    as_of: str = ""
    rebuild_from: str = ""
    rebuild_to: str = ""


def tick_assets(*, inputs: Sequence[AssetKey], models: Sequence[AssetKey]) -> list[AssetsDefinition]:
    """Opening, the state that is checked, and the commit.

    Args:
        inputs: what must be written before the tick decides its input.
        models: what must be computed and checked before it is committed.
    """

    @asset(
        key=["ops", "ticks"],
        group_name="ops",
        deps=inputs,
        description="Decides as-of and input of this tick and writes them down; the models read them from there.",
    )
    def opened_tick(
        config: TickConfig,
        run: ResourceParam[PipelineRun],
    ) -> MaterializeResult[Any]:
        with run.deployment.warehouse() as client:
            run.report.tick = ticks.begin(
                client,
                run.deployment.settings,
                as_of=_instant(config.as_of),
                rebuild_from=_instant(config.rebuild_from),
                rebuild_to=_instant(config.rebuild_to),
                seller_country=run.deployment.control_settings.seller.country_code,
                control_revision=run.report.control_revision,
            )
        return MaterializeResult(metadata={"tick_id": run.report.tick.tick_id, "as_of": run.report.tick.as_of.isoformat()})

    @asset(
        key=COMPUTED,
        group_name="ops",
        deps=models,
        description="All tables of the tick, computed and not yet committed: what the checks of the tick judge.",
    )
    def computed_tick(run: ResourceParam[PipelineRun]) -> MaterializeResult[Any]:
        if run.report.tick is None or not run.report.is_built:
            raise RefusedError("a tick is one run that opens it and computes all models; launch the job `tick`")
        return MaterializeResult(metadata={"tick_id": run.report.tick.tick_id})

    @asset(
        key=COMMITTED,
        group_name="ops",
        deps=[COMPUTED],
        description="Makes the tick what the tables reflect and the next tick starts from.",
    )
    def committed_tick(
        run: ResourceParam[PipelineRun],
    ) -> MaterializeResult[Any]:
        if run.report.tick is None:
            raise RefusedError("a tick is committed by the run that opened it; launch the job `tick`")
        run.report.raise_if_failed()
        with run.deployment.warehouse() as client:
            ticks.commit(client, run.deployment.settings, run.report.tick)
        run.report.is_committed = True
        return MaterializeResult(metadata={"tick_id": run.report.tick.tick_id})

    return [opened_tick, computed_tick, committed_tick]


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
