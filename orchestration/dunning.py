"""One round of debt management, with the warehouse read before and told afterwards. The decisions are control's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control
from control.domain.dunning import Policy
from control.services.dunning import run_dunning
from control.services.dunning_policy import active_policy
from control.services.looks import Taken
from control.services.mail import Mailed, send_mails
from control.services.prepayment import LimitLine, check_limits, month_to_date
from control.services.publish import publish
from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class DebtReport:
    """What one round did."""

    policy: Policy
    taken: list[Taken]
    limits: list[LimitLine]
    mailed: Mailed

    @property
    def steps(self) -> Counter[str]:
        """How often each step was taken; what was kept back counts under `kept back`."""
        counts = Counter(line.step if line.result == "taken" else line.result.partition(":")[0] for line in self.taken)
        counts.update(f"{line.limit}: {line.step}" for line in self.limits if line.step)
        return counts


def run_debt(control: Control, client: Client, settings: Settings) -> DebtReport:
    """One round, shown in the warehouse also where it was cut short."""
    try:
        return take_round(control, client, settings)
    finally:
        publish(control, client, settings)


def take_round(control: Control, client: Client, settings: Settings) -> DebtReport:
    """Dun, look at limits, send mails."""
    policy = active_policy(control.settings)
    now = settings.now()
    taken = run_dunning(control, policy, now=now)
    limits = check_limits(control, policy, month_to_date(client, settings), now=now)
    return DebtReport(policy=policy, taken=taken, limits=limits, mailed=send_mails(control, now=now))
