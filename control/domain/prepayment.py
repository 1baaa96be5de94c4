"""Limits on what may be used before it is paid: a credit limit, and prepayment, which is a limit of what was paid in."""

from __future__ import annotations

from dataclasses import dataclass

from control.domain.debt import Position
from control.domain.money import Money


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """What an account stands for at a look. `used` is open documents and the drafts of months that are not closed."""

    used: Money
    left: Money  # of what it paid in, after all that; below zero: it used more


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the limits of an account say. Reasons are empty where a limit is kept or there is none."""

    over_credit: str = ""
    prepaid_used_up: str = ""
    prepaid_is_low: bool = False


def exposure(position: Position, month_to_date: Money) -> Exposure:
    """What an account stands for.

    Args:
        position: what it owes; claims of all due dates count, held ones too.
        month_to_date: the sum of its drafts; below zero where notes give back.
    """
    used = Money(sum(claim.open.minor for claim in position.claims), position.currency_code) + month_to_date
    return Exposure(used=used, left=position.credit - used)


def judge(found: Exposure, *, credit_limit: Money | None, prepaid_minimum: Money | None) -> Limits:
    """What an account's limits say about what it stands for. At a limit is within it; a balance of nothing is used up."""
    over = credit_limit is not None and found.used.minor > credit_limit.minor
    is_prepaid = prepaid_minimum is not None
    return Limits(
        over_credit=f"{found.used} used of a credit limit of {credit_limit}" if over else "",
        prepaid_used_up=f"{found.left} left of what was paid before" if is_prepaid and found.left.minor <= 0 else "",
        prepaid_is_low=prepaid_minimum is not None and 0 < found.left.minor < prepaid_minimum.minor,
    )
