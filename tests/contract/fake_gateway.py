"""The gateway in memory, under the name by which the tests know it."""

from __future__ import annotations

from control.testing.memory_gateway import (
    DECLINES_WHEN_CHARGED,
    DECLINES_WHEN_SAVED,
    DISPUTED,
    NEEDS_HOLDER,
    NEEDS_HOLDER_ONCE,
    PAYS,
    ChargingFake,
    FakeGateway,
    Fault,
)

__all__ = [
    "DECLINES_WHEN_CHARGED",
    "DECLINES_WHEN_SAVED",
    "DISPUTED",
    "NEEDS_HOLDER",
    "NEEDS_HOLDER_ONCE",
    "PAYS",
    "ChargingFake",
    "FakeGateway",
    "Fault",
]
