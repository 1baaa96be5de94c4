"""The Great Expectations suite and the control store's own verification, as checks of the computed tick.

They block its commit. Tests of the dbt project are checks of the models they judge (assets/models.py).
"""

# No postponed annotations: Dagster reads the types of configuration and resources from the functions themselves.

from collections.abc import Iterator

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    Config,
    ResourceParam,
    multi_asset_check,
)

from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from orchestration.assets.tick import COMPUTED
from orchestration.dbt import Scope
from orchestration.quality.gate import QualityGate
from orchestration.quality.suite import SUITE
from orchestration.report import CheckOutcome, PipelineRun

_DOCUMENT_CHECKS = {
    "issued_documents_are_unchanged": "The content of each document still has the hash it was issued with.",
    "numbers_have_no_gap": "Each number that a series gave out is on one document.",
    "ledger_balances": "Debits equal credits, and the ledger says what the documents say.",
}
DOCUMENT_CHECKS = tuple(AssetCheckKey(COMPUTED, name) for name in _DOCUMENT_CHECKS)


class ChecksConfig(Config):
    """How far the checks look."""

    scope: Scope = "touched"


def quality_checks() -> AssetChecksDefinition:
    """The suite over raw and consumption."""

    @multi_asset_check(
        name="data_quality",
        specs=[
            AssetCheckSpec(
                item.name, asset=COMPUTED, blocking=item.is_blocking, description=f"{item.layer}.{item.table}: {item.description}"
            )
            for item in SUITE
        ],
    )
    def data_quality(
        config: ChecksConfig,
        run: ResourceParam[PipelineRun],
        gate: ResourceParam[QualityGate],
    ) -> Iterator[AssetCheckResult]:
        outcomes = gate.look(run.deployment.settings, scope=config.scope)
        run.report.checks += outcomes
        for outcome in outcomes:
            yield _result(outcome)

    return data_quality


def document_checks() -> AssetChecksDefinition:
    """What must never change: issued documents, their numbers, the ledger."""

    @multi_asset_check(
        name="control_store",
        specs=[
            AssetCheckSpec(name, asset=COMPUTED, blocking=True, description=description) for name, description in _DOCUMENT_CHECKS.items()
        ],
    )
    def control_store(
        run: ResourceParam[PipelineRun],
    ) -> Iterator[AssetCheckResult]:
        with run.deployment.control() as store:
            found = {
                "issued_documents_are_unchanged": [invoice.invoice_number for invoice in verify_hashes(store)],
                "numbers_have_no_gap": verify_numbers(store),
                "ledger_balances": verify_ledger(store),
            }
        for name, wrong in found.items():
            outcome = CheckOutcome(name=name, is_passed=not wrong, is_blocking=True, figures=", ".join(wrong))
            run.report.checks.append(outcome)
            yield _result(outcome)

    return control_store


def _result(outcome: CheckOutcome) -> AssetCheckResult:
    return AssetCheckResult(
        check_name=outcome.name,
        asset_key=COMPUTED,
        passed=outcome.is_passed,
        severity=AssetCheckSeverity.ERROR if outcome.is_blocking else AssetCheckSeverity.WARN,
        metadata={"figures": outcome.figures},
    )
