"""Lines of events for tests of sources, which are not about what stands in them."""

from __future__ import annotations

import json
from collections.abc import Sequence


def event(number: int, *, quantity: str = "1", account: str = "acc-1") -> str:
    """A usage event; the number is its identity."""
    return json.dumps(
        {
            "specversion": "1.0", "id": f"e-{number}", "source": "/test", "type": "usage.recorded", "subject": "r-1",
            "time": "2026-01-15T10:00:00Z", "data": {"account_id": account, "metric": "requests", "quantity": quantity},
        },
        separators=(",", ":"),
    )  # fmt: skip


def lines(numbers: Sequence[int]) -> str:
    """Events, one a line."""
    return "".join(f"{event(number)}\n" for number in numbers)
