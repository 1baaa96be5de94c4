"""The figures of a check that failed: the first rows it found, in words for one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestration.dbt import NodeResult
from orchestration.deployment import Deployment

SHOWN_ROWS = 3  # of those that should not be there; the count says how many there are


def in_words(rows: Sequence[Mapping[str, object]], *, count: int) -> str:
    """`account_id=a; difference=1 | account_id=b; difference=2 and 4 more`."""
    if count == 0:
        return ""
    shown = " | ".join("; ".join(f"{name}={value}" for name, value in row.items()) for row in rows[:SHOWN_ROWS])
    more = f" and {count - len(rows[:SHOWN_ROWS])} more" if count > SHOWN_ROWS else ""
    return f"{shown}{more}" if rows else f"{count} rows"


def sample_of(deployment: Deployment, result: NodeResult) -> str:
    """The first rows that a dbt test found. Asks the warehouse again, so only for tests that failed."""
    with deployment.warehouse() as client:
        found = client.query(f"SELECT * FROM ({result.sql}\n) LIMIT {SHOWN_ROWS}")
    return in_words(list(found.named_results()), count=result.failure_count)
