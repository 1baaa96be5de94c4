"""When a declined card is charged again: by the gateway's reason, on days when money tends to be there, or never.

Every retry of a lost cause costs a fee and the gateway's good opinion: a hard decline is retried only with another card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ANY_CODE = "*"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Between two tries on named days: the 1st may be a Friday, and the 2nd is no better.
SHORTEST_GAP = timedelta(hours=36)


@dataclass(frozen=True, kw_only=True)
class RetryRule:
    """What follows a decline with one of these codes: hours after each try, named days, or (neither) nothing."""

    codes: frozenset[str]
    after_hours: tuple[int, ...] = ()
    weekdays: frozenset[str] = frozenset()
    month_days: frozenset[int] = frozenset()
    hour: int = 6  # UTC, of named days

    @property
    def is_never(self) -> bool:
        """Whether only another card helps."""
        return not (self.after_hours or self.weekdays or self.month_days)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """The first rule that names the code counts; `max_tries` counts all tries of a document with one card."""

    max_tries: int
    rules: tuple[RetryRule, ...]

    def rule(self, code: str) -> RetryRule | None:
        """The rule of a code."""
        return next((rule for rule in self.rules if code in rule.codes or ANY_CODE in rule.codes), None)


@dataclass(frozen=True, kw_only=True)
class DeclinedTry:
    """A try that was declined."""

    at: datetime
    code: str
    payment_method_id: str


def next_retry(policy: RetryPolicy, tries: Sequence[DeclinedTry], *, payment_method_id: str) -> datetime | None:
    """The instant of the next try; None: never with this card.

    Args:
        policy: the rules.
        tries: of one document, oldest first.
        payment_method_id: of the card that would be charged; one that was never tried is charged at once.
    """
    own = [one for one in tries if one.payment_method_id == payment_method_id]
    if not tries:
        return None
    if not own:
        return tries[-1].at
    rule = policy.rule(own[-1].code)
    if rule is None or rule.is_never or len(own) >= policy.max_tries:
        return None
    if rule.after_hours:
        place = sum(one.code in rule.codes or ANY_CODE in rule.codes for one in own) - 1
        return own[-1].at + timedelta(hours=rule.after_hours[place]) if place < len(rule.after_hours) else None
    return _named_day(rule, own[-1].at)


def _named_day(rule: RetryRule, last: datetime) -> datetime:
    earliest = last + SHORTEST_GAP
    day = last.astimezone(UTC).replace(hour=rule.hour, minute=0, second=0, microsecond=0)
    while day < earliest or not (WEEKDAYS[day.weekday()] in rule.weekdays or day.day in rule.month_days):
        day += timedelta(days=1)
    return day
