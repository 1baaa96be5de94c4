"""Months of accounts with seeded behaviours, honest and not, over which the antifraud runs day by day on the real engine."""

from control.testing.fraud_simulation.population import Behaviour, Person, populate
from control.testing.fraud_simulation.run import Figures, simulate

__all__ = ["Behaviour", "Figures", "Person", "populate", "simulate"]
