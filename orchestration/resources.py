"""The resources of the graph, for runs that Dagster starts itself; pipeline.py passes its own, which live as long as its call.

Nothing is read or opened before a run needs it.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster import InitResourceContext, resource

from control.settings import load_control_settings
from orchestration.deployment import Deployment
from orchestration.quality.gate import QualityGate, open_gate
from orchestration.report import PipelineRun
from warehouse.settings import load_settings


@resource(description="Settings, warehouse and control store of this deployment, from the environment.")
def deployment(_context: InitResourceContext) -> Deployment:
    """The deployment of this process."""
    return Deployment(settings=load_settings(), control_settings=load_control_settings())


@resource(description="Alone on the pipeline until the run ends.", required_resource_keys={"deployment"})
def run(context: InitResourceContext) -> Iterator[PipelineRun]:
    """Hold the pipeline's lease. Steps of a run share one process (the in-process executor), so it covers all of them."""
    deployment: Deployment = context.resources.deployment
    with deployment.alone(f"Dagster run {context.run_id}"):
        yield PipelineRun(deployment=deployment)


@resource(description="The process that checks data with Great Expectations.", required_resource_keys={"deployment"})
def gate(context: InitResourceContext) -> Iterator[QualityGate]:
    """Start it with the run: it imports while the models compute."""
    with open_gate(context.resources.deployment.settings) as opened:
        yield opened
