"""Pay-outs: refunds that we transfer ourselves, because the payment came by bank. What one is, and how it may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stdnum import iban
from stdnum.exceptions import ValidationError

from control.domain.money import Money
from warehouse.errors import InputError


class PayoutStatus(StrEnum):
    """Where a pay-out stands."""

    WAITING = "waiting"  # for an export, or for somebody who transfers it by hand
    EXPORTED = "exported"  # in a message to the bank; the statement will show it
    BOOKED = "booked"  # the money left our account
    FAILED = "failed"  # cancelled, rejected by the bank, or sent back before it counted


PAYOUT_TRANSITIONS: Mapping[PayoutStatus, frozenset[PayoutStatus]] = {
    PayoutStatus.WAITING: frozenset({PayoutStatus.EXPORTED, PayoutStatus.BOOKED, PayoutStatus.FAILED}),
    PayoutStatus.EXPORTED: frozenset({PayoutStatus.BOOKED, PayoutStatus.FAILED}),
    PayoutStatus.BOOKED: frozenset({PayoutStatus.FAILED}),  # it came back before its refund was settled
    PayoutStatus.FAILED: frozenset(),
}


@dataclass(frozen=True, kw_only=True)
class Payee:
    """Who gets money, and on which account."""

    name: str
    account: str  # an IBAN without spaces


@dataclass(frozen=True, kw_only=True)
class Payout:
    """One transfer of ours. `payout_id` is its refund's id, and the end-to-end reference that banks carry through."""

    payout_id: str
    bank_account: str  # ours, which the payment came to
    payee: Payee
    amount: Money  # above zero
    remittance: str
    status: PayoutStatus
    export_id: str  # empty until exported
    entry_id: str  # of the statement's entry that shows it; empty until booked
    message: str
    exported_at: datetime | None = None


def checked_iban(text: str) -> str:
    """An IBAN without spaces, in capitals.

    Raises:
        InputError: its length, form or check digits are wrong.
    """
    try:
        return str(iban.validate(text))
    except ValidationError as error:
        raise InputError(f"{text!r} is no IBAN: {str(error).rstrip('.').lower()}") from None
