"""A Dagster instance for one run on which nobody looks back.

What a tick did lies in ops.ticks and in its report, what it computed in the tables. Noting each of some 300 events in a
database, even one in memory, and asking that for the versions of what each step reads, takes as long as the models of an
empty tick.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, EventLogEntry, EventRecordsResult
from dagster._core.instance.types import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage


class _NoEvents(InMemoryEventLogStorage):
    """Keeps no event, so it has none to answer with."""

    def store_event(self, event: EventLogEntry) -> None:
        """Forget it. The run itself hands its events on without asking for them here."""

    def get_asset_records(self, asset_keys: Sequence[AssetKey] | None = None) -> Sequence[AssetRecord]:  # noqa: ARG002 - as it is called
        """None: no asset was made before this run, as far as it knows."""
        return ()

    def fetch_observations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,  # noqa: ARG002 - as it is called
        limit: int,  # noqa: ARG002
        cursor: str | None = None,
        ascending: bool = False,  # noqa: ARG002
    ) -> EventRecordsResult:
        """None either."""
        return EventRecordsResult(records=[], cursor=cursor or "", has_more=False)


def unrecorded_instance() -> DagsterInstance:
    """As DagsterInstance.ephemeral, without a store of events."""
    return DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=TemporaryLocalArtifactStorage(),  # type: ignore[no-untyped-call]  # Dagster annotates none there
        run_storage=InMemoryRunStorage(),
        event_storage=_NoEvents(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
        settings={"telemetry": {"enabled": False}},
    )
