"""Simulated customers that pay, forget, dispute and go bankrupt, to see what a dunning policy does to them over years.

Decisions, positions and retries are the product's own; only the customers, their bank and their gateway are played.
"""

from control.testing.debt.run import Figures, simulate

__all__ = ["Figures", "simulate"]
