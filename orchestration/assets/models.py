"""The dbt models and their tests as assets and asset checks: group = layer = database."""

# No postponed annotations: Dagster reads the types of configuration and resources from the functions themselves.

from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Config,
    MaterializeResult,
    ResourceParam,
)
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from orchestration import dbt
from orchestration.dbt import Scope
from orchestration.deployment import Deployment
from orchestration.figures import sample_of
from orchestration.quality.gate import QualityGate
from orchestration.report import CheckOutcome, PipelineRun

LAYERS_DOWNSTREAM_FIRST = ("finops", "invoicing", "rating", "metering", "staging", "ops")

Manifest = Mapping[str, Any]


class ModelsConfig(Config):
    """How far the tests look."""

    scope: Scope = "touched"


class LayerTranslator(DagsterDbtTranslator):
    """Names of the graph as in the project: key [layer, model], group = layer, each test a blocking check of one model."""

    def get_asset_key(self, dbt_resource_props: Manifest) -> AssetKey:
        """`[source, table]` for sources, `[layer, model]` for models."""
        if dbt_resource_props["resource_type"] == "source":
            return AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return AssetKey([layer_of(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Manifest) -> str | None:
        """The layer."""
        return layer_of(dbt_resource_props)

    def get_asset_check_spec(
        self,
        asset_spec: AssetSpec,
        manifest: Manifest,
        unique_id: str,
        project: DbtProject | None,  # noqa: ARG002 - dagster-dbt's signature
    ) -> AssetCheckSpec | None:
        """A test of several models is a check of the one furthest down, so that it stands where its result shows."""
        test = manifest["nodes"][unique_id]
        if self.get_asset_key(manifest["nodes"][judged_model(manifest, test)]) != asset_spec.key:
            return None
        return AssetCheckSpec(
            name=test["name"],
            asset=asset_spec.key,
            description=test.get("description") or None,
            blocking=is_blocking(test),
            additional_deps=[
                self.get_asset_key(manifest["nodes"][parent])
                for parent in parents(manifest, test)
                if self.get_asset_key(manifest["nodes"][parent]) != asset_spec.key
            ],
        )


def model_assets(manifest: Manifest) -> AssetsDefinition:
    """All models as one step: dbt decides their order, and one import of dbt serves them all."""
    translator = LayerTranslator()

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="models")
    def models(
        context: AssetExecutionContext,
        config: ModelsConfig,
        run: ResourceParam[PipelineRun],
        gate: ResourceParam[QualityGate],
    ) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
        select = [key.path[-1] for key in context.selected_asset_keys] if context.is_subset else []
        results = dbt.build(run.deployment.settings, scope=config.scope, select=select)
        if not context.is_subset:  # the checks of the data run while Dagster notes down what was made
            gate.begin(run.deployment.settings, scope=config.scope)
        yield from _events(context, run, manifest=manifest, results=results)
        run.report.is_built = not context.is_subset

    return models


def layer_of(properties: Manifest) -> str:
    """The folder below models/ that a model lies in."""
    return str(properties["fqn"][1])


def parents(manifest: Manifest, test: Manifest) -> list[str]:
    """Models that a test reads, without sources."""
    return [parent for parent in test["depends_on"]["nodes"] if parent in manifest["nodes"]]


def judged_model(manifest: Manifest, test: Manifest) -> str:
    """The model that a test is a check of: the one it is written at, else of those it reads the last on the way of the data."""
    attached = test.get("attached_node")
    if attached:
        return str(attached)

    def order(unique_id: str) -> tuple[int, bool, str]:
        model = manifest["nodes"][unique_id]
        return LAYERS_DOWNSTREAM_FIRST.index(layer_of(model)), model["name"].startswith(("int_", "stg_")), unique_id

    return min(parents(manifest, test), key=order)


def is_blocking(test: Manifest) -> bool:
    """Whether a test that fails stops the tick; `severity: warn` in the project does not."""
    return str(test["config"].get("severity", "error")).lower() == "error"


def _events(
    context: AssetExecutionContext,
    run: PipelineRun,
    *,
    manifest: Manifest,
    results: list[dbt.NodeResult],
) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    """What dbt did, as Dagster's events; checks also go into the report.

    Raises:
        DbtError: a model failed, after all events of what did not.
    """
    translator = LayerTranslator()
    broken = []
    # One message: each is an event of the run, which costs as much as a materialization.
    context.log.info(
        "\n".join(f"{result.status} {manifest['nodes'][result.unique_id]['name']} {result.seconds:.2f} s" for result in results)
    )
    for result in _downstream_last(manifest, results):
        node = manifest["nodes"][result.unique_id]
        if node["resource_type"] == "test":
            outcome = _outcome(run.deployment, node, result)
            if outcome is None:
                continue
            run.report.checks.append(outcome)
            judged = translator.get_asset_key(manifest["nodes"][judged_model(manifest, node)])
            if AssetCheckKey(judged, outcome.name) not in context.selected_asset_check_keys:
                continue  # dbt also runs the tests that a selected model has part in
            yield AssetCheckResult(
                check_name=outcome.name,
                asset_key=judged,
                passed=outcome.is_passed,
                severity=AssetCheckSeverity.ERROR if outcome.is_blocking else AssetCheckSeverity.WARN,
                metadata={"figures": outcome.figures, "rows": result.failure_count},
            )
        elif result.status in ("success", "no-op"):
            if translator.get_asset_key(node) in context.selected_asset_keys:
                yield MaterializeResult(asset_key=translator.get_asset_key(node), metadata={"seconds": result.seconds})
        elif result.status != "skipped":
            broken.append(f"model {layer_of(node)}.{node['name']} failed: {dbt.first_line(result.message)}")
    if broken:
        raise dbt.DbtError("; ".join(broken))


def _outcome(deployment: Deployment, test: Manifest, result: dbt.NodeResult) -> CheckOutcome | None:
    """A test's outcome; None where it was skipped because something it stands on failed, which is reported there."""
    if result.status == "skipped":
        return None
    figures = ""
    if result.status in ("fail", "warn"):
        figures = sample_of(deployment, result)
    elif result.status == "error":
        figures = f"could not be made: {dbt.first_line(result.message)}"
    return CheckOutcome(name=test["name"], is_passed=result.status == "pass", is_blocking=is_blocking(test), figures=figures)


def _downstream_last(manifest: Manifest, results: Sequence[dbt.NodeResult]) -> list[dbt.NodeResult]:
    """In an order in which each node follows what it reads, as Dagster wants it; models that were left as they are come unordered."""
    edges = {result.unique_id: manifest["nodes"][result.unique_id]["depends_on"]["nodes"] for result in results}
    place = {unique_id: number for number, unique_id in enumerate(TopologicalSorter(edges).static_order())}
    return sorted(results, key=lambda result: place[result.unique_id])
