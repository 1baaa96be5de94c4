"""Kills the control plane at every step of every flow, in seeded random order, and checks what is left behind.

A process is one command on a real store; its death is an exception right after one of its effects (a transaction, a call of a
gateway) or after a step that the registry names, from where on nothing of it acts any more. `run` plays schedules of them against
gateways in memory, with their faults and their webhooks doubled, late and out of order. Not for production.
"""

from control.testing.crashes.run import CrashTestError, Figures, run

__all__ = ["CrashTestError", "Figures", "run"]
