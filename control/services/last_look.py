"""Looks for a payment that we may not see, before a step that hurts: at the gateway, and among money that nobody placed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from control.bootstrap import Control
from control.domain.debt import AccountDebt
from control.domain.dunning import Decision
from control.errors import StoreError
from control.services.follow import follow_invoice
from control.store import payments
from control.store.tables import accounts, bank_receipts
from warehouse.errors import MeterhouseError


def doubt(control: Control, found: AccountDebt, decision: Decision, *, now: datetime) -> str:
    """Why what looks unpaid may be paid; empty where nothing speaks for it. Asks gateways about each document."""
    claims = decision.claims
    for claim in claims:
        with control.store.reading() as connection:
            last = payments.last_payment(connection, claim.invoice_id)
        if last is None:
            continue
        try:
            follow_invoice(control, last.gateway, claim.invoice_id, now=now)
        except StoreError:
            raise
        except MeterhouseError as error:
            return f"{last.gateway} could not be asked about {claim.invoice_number}: {error}"
    sums = {claim.open.minor for claim in claims} | {decision.amount.minor}
    with control.store.reading() as connection:
        mine = select(accounts.c.name, accounts.c.legal_name).where(accounts.c.account_id == found.account_id)
        row = connection.execute(mine).one()
        names = {str(text).casefold() for text in (row.name, row.legal_name) if text}
        nobodys = select(bank_receipts).where(bank_receipts.c.invoice_id == "", bank_receipts.c.currency_code == found.currency_code)
        for row in connection.execute(nobodys):
            is_theirs = row.amount_minor in sums or row.payer.casefold() in names
            if is_theirs and not row.surplus_minor:
                return f"bank receipt {row.receipt_id} waits and may be theirs; assign it"
    return ""
