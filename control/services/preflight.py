"""Looks at a month before it is closed: what would stop the close, what a person should know first, and what it would issue.

It changes nothing. Whether the data itself is right is judged by the pipeline's checks; their outcome is the caller's to add.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from clickhouse_connect.driver.client import Client
from sqlalchemy import select

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice, Kind
from control.domain.lifecycle import AccountState
from control.domain.money import Money
from control.domain.payments import WITHOUT_GATEWAY
from control.domain.periods import Period
from control.services.close import open_periods, rehearse_close
from control.services.payment_methods import ending_methods
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.store.tables import accounts, billing_accounts, closed_periods, gateway_customers
from warehouse.errors import MeterhouseError, RefusedError
from warehouse.settings import Settings

# A month that differs by more than this part of the last one is worth a look before customers see it.
UNUSUAL_CHANGE = Decimal("0.5")
SHOWN = 5  # of what a finding counts


class Weight(StrEnum):
    """What a finding means for the close."""

    BLOCKS = "blocks"
    WARNS = "warns"
    TELLS = "tells"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to know. `count` is how many there are of it; the message names the first."""

    period: str
    check: str
    weight: Weight
    count: int
    message: str


def next_to_close(control: Control, client: Client, settings: Settings, *, as_of: datetime) -> str | None:
    """The earliest month that is over, has drafts and is open; None where there is none."""
    found = open_periods(control, client, settings, before=f"{as_of:%Y-%m}")
    return found[0] if found else None


def last_as_of(client: Client, settings: Settings) -> datetime | None:
    """What the drafts reach to; None before the first tick."""
    rows = client.query(f"SELECT max(as_of), count() FROM {settings.database('ops')}.ticks WHERE status = 'committed'").result_rows
    return rows[0][0] if rows[0][1] else None


def preflight(control: Control, client: Client, settings: Settings, period: str, *, as_of: datetime, now: datetime) -> list[Finding]:
    """All findings about a month, what blocks first.

    Args:
        control: would keep the documents, and knows accounts and cards.
        client: of the pipeline user.
        settings: of the deployment.
        period: `YYYY-MM`.
        as_of: what the drafts were computed to.
        now: decides which cards have ended.

    Raises:
        InputError: the period is no month.
    """
    month = Period.parse(period)
    found = [*_books(control), *_calendar(control, month, as_of=as_of)]
    try:
        issued = rehearse_close(control, client, settings, period, as_of=max(as_of, month.end_at), now=now)
    except RefusedError as error:
        found.append(("close", Weight.BLOCKS, 1, str(error)))
        issued = []
    found += [
        *_usage(client, settings, month),
        *_payers(control, issued, now=now),
        *_totals(client, settings, month, issued),
        *_seller(control),
    ]
    findings = [Finding(period=period, check=check, weight=weight, count=count, message=message) for check, weight, count, message in found]
    return sorted(findings, key=lambda finding: list(Weight).index(finding.weight))


_Found = Iterator[tuple[str, Weight, int, str]]


def _books(control: Control) -> _Found:
    """What the nightly checks say about the documents that exist: no month is closed on top of broken books."""
    checks = {
        "issued_documents_are_unchanged": [invoice.invoice_number for invoice in verify_hashes(control)],
        "numbers_have_no_gap": verify_numbers(control),
        "ledger_balances": verify_ledger(control),
    }
    for name, wrong in checks.items():
        if wrong:
            yield name, Weight.BLOCKS, len(wrong), _first(wrong)


def _calendar(control: Control, month: Period, *, as_of: datetime) -> _Found:
    with control.store.reading() as connection:
        closed = connection.execute(select(closed_periods.c.closed_at).where(closed_periods.c.period == str(month))).scalar_one_or_none()
    if closed is not None:
        yield "is_open", Weight.TELLS, 1, f"{month} was closed at {closed:%Y-%m-%dT%H:%M:%SZ}; closing it again changes nothing"
    if month.end_at > as_of:
        yield "drafts_are_whole", Weight.WARNS, 1, f"the drafts reach to {as_of:%Y-%m-%dT%H:%M:%SZ} and the month ends later; run a tick"


def _usage(client: Client, settings: Settings, month: Period) -> _Found:
    bounds = {"start": month.start_at, "end": month.end_at}
    rows = client.query(
        "SELECT reason_code, count(), uniqExact(account_id), min(account_id), min(metric)"
        f" FROM {settings.database('rating')}.unrated_consumption"
        " WHERE hour_at >= {start:DateTime64(3, 'UTC')} AND hour_at < {end:DateTime64(3, 'UTC')} GROUP BY reason_code ORDER BY reason_code",
        parameters=bounds,
    ).result_rows
    for reason, count, account_count, account_id, metric in rows:
        said = f"{reason}: {account_count} accounts have usage that no price was found for, {account_id} first, {metric}"
        yield "usage_is_rated", Weight.WARNS, int(count), said
    rows = client.query(
        f"SELECT reason_code, count() FROM {settings.database('ops')}.rejected_events"
        " WHERE rejected_at >= {start:DateTime64(3, 'UTC')} GROUP BY reason_code ORDER BY reason_code",
        parameters=bounds,
    ).result_rows
    if rows:
        reasons = ", ".join(f"{reason} {count}" for reason, count in rows)
        said = f"lines rejected since the month began, on no invoice: {reasons}"
        yield "lines_are_accepted", Weight.WARNS, sum(int(count) for _, count in rows), said


def _payers(control: Control, issued: Sequence[IssuedInvoice], *, now: datetime) -> _Found:
    """Whether those who would be asked for money can be charged."""
    owing: dict[str, Money] = {}
    for invoice in issued:
        content = invoice.content
        before = owing.get(content.account_id, Money(0, content.total.currency_code))
        owing[content.account_id] = before + content.total
    owing = {account_id: total for account_id, total in owing.items() if total.minor > 0}
    with control.store.reading() as connection:
        gateways = {row.account_id: row.gateway for row in connection.execute(select(accounts.c.account_id, accounts.c.gateway))}
        cards = {(row.account_id, row.gateway) for row in connection.execute(select(gateway_customers)) if row.payment_method_id}
        states = {row.account_id: row.state for row in connection.execute(select(billing_accounts))}
    by_gateway: dict[str, list[str]] = defaultdict(list)
    for account_id in sorted(owing):
        gateway = gateways.get(account_id, "")
        if gateway and gateway not in WITHOUT_GATEWAY:
            by_gateway[gateway].append(account_id)
    without = [one for gateway, owed in by_gateway.items() for one in owed if (one, gateway) not in cards]
    if without:
        yield "accounts_have_a_card", Weight.WARNS, len(without), f"cannot be charged: {_first(without)}"
    ended = {method.account_id for method in ending_methods(control, now=now) if method.card.expires < f"{now:%Y-%m}"}
    expired = sorted(ended & owing.keys())
    if expired:
        yield "cards_are_in_date", Weight.WARNS, len(expired), f"their card has ended: {_first(expired)}"
    for gateway, owed in by_gateway.items():
        yield from _gateway(control, gateway, {one: owing[one] for one in owed})
    resting = sorted(one for one in owing if states.get(one) in (AccountState.SUSPENDED, AccountState.CLOSING, AccountState.CLOSED))
    if resting:
        yield "accounts_are_active", Weight.TELLS, len(resting), f"suspended, closing or closed, and billed: {_first(resting)}"


def _gateway(control: Control, name: str, owing: dict[str, Money]) -> _Found:
    try:
        gateway = control.gateway(name)
    except MeterhouseError as error:  # it is no reason not to close: documents are pushed later
        yield "gateways_are_usable", Weight.WARNS, len(owing), f"{name}: {error}"
        return
    refused = [f"{account_id} ({reason})" for account_id, total in owing.items() if (reason := gateway.refusal(total))]
    if refused:
        yield "amounts_can_be_charged", Weight.WARNS, len(refused), f"{name} cannot charge exactly: {_first(refused)}"


def _totals(client: Client, settings: Settings, month: Period, issued: Sequence[IssuedInvoice]) -> _Found:
    """What the month asks for in each currency, beside the month before."""
    now_total: dict[str, Money] = {}
    for invoice in issued:
        total = invoice.content.total
        now_total[total.currency_code] = now_total.get(total.currency_code, Money(0, total.currency_code)) + total
    before = _totals_of(client, settings, month.previous)
    for currency in sorted(now_total.keys() | before.keys()):
        nothing = Money(0, currency)
        new, old = now_total.get(currency, nothing), before.get(currency, nothing)
        count = sum(invoice.content.total.currency_code == currency for invoice in issued)
        is_unusual = bool(old) and abs(new.minor - old.minor) > UNUSUAL_CHANGE * abs(old.minor)
        change = f", {(new.amount - old.amount) * 100 / old.amount:+.1f} %" if old else ""
        yield "totals", Weight.WARNS if is_unusual else Weight.TELLS, count, f"{new}; {month.previous}: {old}{change}"
    kinds = [invoice.content.kind for invoice in issued if invoice.content.kind is not Kind.INVOICE]
    if kinds:
        yield "notes", Weight.TELLS, len(kinds), "debit and credit notes for earlier months"


def _totals_of(client: Client, settings: Settings, month: Period) -> dict[str, Money]:
    rows = client.query(
        f"SELECT currency_code, toString(sum(total_amount)) FROM {settings.database('invoicing')}.invoices"
        " WHERE period = {period:String} AND kind != 'refund_note' GROUP BY currency_code",
        parameters={"period": str(month)},
    ).result_rows
    return {currency: Money.from_decimal(Decimal(total), currency) for currency, total in rows}


def _seller(control: Control) -> _Found:
    seller = control.settings.seller
    lacking = [name for name in ("legal_name", "address", "country_code", "tax_id") if not getattr(seller, name)]
    if lacking:
        names = ", ".join(f"METERHOUSE_SELLER_{name.removesuffix('_code').upper()}" for name in lacking)
        yield "seller_is_named", Weight.WARNS, len(lacking), f"documents would lack what {names} say"


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
