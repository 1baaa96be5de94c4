"""A deployment that loads from its sources, and what it holds afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from ingestion.loader import LoadResult
from orchestration.loading import load_sources
from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Settings with sources, and a client."""

    client: Client
    settings: Settings

    def run(self) -> list[LoadResult]:
        """Load what is new in all sources, each of which must be readable."""
        results, unreadable = load_sources(self.client, self.settings)
        assert not unreadable, unreadable
        return results

    def with_failures(self) -> tuple[list[LoadResult], list[str]]:
        """Load what is new, and say what could not be read."""
        return load_sources(self.client, self.settings)

    def ids(self) -> list[str]:
        """Identities that count, each as often as it does."""
        return [row[0] for row in self.rows("SELECT event_id FROM {raw}.usage_events ORDER BY length(event_id), event_id")]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query whose {raw} and {ops} are the databases."""
        return list(self.client.query(query.format(raw=self.settings.database("raw"), ops=self.settings.database("ops"))).result_rows)

    def numbers(self) -> set[int]:
        """The numbers of the events that count; none may count twice."""
        ids = self.ids()
        assert len(ids) == len(set(ids))
        return {int(name.removeprefix("e-")) for name in ids}
