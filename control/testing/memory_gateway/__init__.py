"""A payment gateway in memory that passes the same contract as the real adapters, for tests of what stands above the port.

It has a bank (`charges`), a balance per customer, faults that can be planned for each method of the port, and `events` that a
test delivers as it likes (`webhook`). FakeGateway keeps invoices; ChargingFake is one without.
"""

from control.testing.memory_gateway.charging import ChargingFake
from control.testing.memory_gateway.gateway import FakeGateway
from control.testing.memory_gateway.world import (
    DECLINES_WHEN_CHARGED,
    DECLINES_WHEN_SAVED,
    DISPUTED,
    NEEDS_HOLDER,
    NEEDS_HOLDER_ONCE,
    PAYS,
    Charge,
    Fault,
)

__all__ = [
    "DECLINES_WHEN_CHARGED",
    "DECLINES_WHEN_SAVED",
    "DISPUTED",
    "NEEDS_HOLDER",
    "NEEDS_HOLDER_ONCE",
    "PAYS",
    "Charge",
    "ChargingFake",
    "FakeGateway",
    "Fault",
]
