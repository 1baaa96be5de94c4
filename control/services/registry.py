"""All flows that cross systems, by kind, and all their steps: what resumes them and what kills them in tests both read it."""

from __future__ import annotations

from control.services import leave, outside, refund, register
from control.services.flows import Flow

FLOWS: dict[str, Flow] = {flow.kind: flow for flow in (register.FLOW, refund.FLOW, leave.FLOW, outside.FLOW)}

# Flows that keep their place in a row of their own: an attempt in `payments`, an event in `gateway_events` and `outbox`,
# a pay-out in `payouts`.
_OWN_ROWS = {
    "collect": ("intend", "charge", "settle"),
    "receive": ("store", "handle"),
    "deliver": ("send", "record"),
    "bank": ("receive",),
    "payout": ("export",),
}


def steps() -> list[str]:
    """Every point after which a process may die and leave something behind, as `<flow>.<step>`.

    A flow of FLOWS may also die right after it was written down, and on its way back.
    """
    driven = [
        name
        for flow in FLOWS.values()
        for name in (
            *(() if flow.is_part else (f"{flow.kind}.start",)),
            *(f"{flow.kind}.{step.name}" for step in flow.steps),
            *(f"{flow.kind}.{step.name}.undo" for step in flow.steps if step.undo is not None),
        )
    ]
    return [*driven, *(f"{kind}.{step}" for kind, names in _OWN_ROWS.items() for step in names)]
