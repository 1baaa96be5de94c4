"""Adyen's payment accounting report, one file a day: the only list there is, made after the day has ended.

It needs a report user (ADYEN_REPORT_KEY), the account's time zone set to UTC, and the column "Modification Merchant Reference".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from Adyen.httpclient import HTTPClient

from control.domain.money import Money
from control.gateways.adyen.calls import RETRY_SECONDS, AdyenCalls, RefusedKeyError, mismatch
from control.gateways.adyen.payments import invoice_prefix, payment_id_of
from control.ports import (
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayRefundStatus,
    GatewayUnavailableError,
    Tried,
)
from warehouse.errors import SettingsError

_HOSTS = {False: "https://ca-test.adyen.com", True: "https://ca-live.adyen.com"}
_DOWNLOAD_SECONDS = 300
_DAY = timedelta(days=1)
# A report is made in the hours after its day. One that is missing for longer was never ordered.
_LATE_DAYS = 4

# Record types: https://docs.adyen.com/reporting/invoice-reconciliation/payment-accounting-report.
_COLLECTED = frozenset({"SentForSettle"})
_REFUSED = frozenset({"Refused", "Error", "Cancelled", "Expired", "CaptureFailed"})
_ASKED_BACK = frozenset({"SentForRefund"})
_GIVEN_BACK = frozenset({"Refunded"})
_CAME_BACK = frozenset({"RefundFailed", "RefundedReversed"})
_DISPUTED = frozenset({"Chargeback", "SecondChargeback"})
_FEES = ("Commission (SC)", "Markup (SC)", "Scheme Fees (SC)", "Interchange (SC)")
_NEEDED = (
    "Psp Reference", "Merchant Reference", "Booking Date", "TimeZone", "Main Currency", "Main Amount", "Record Type",
    "Modification Merchant Reference",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line of a report. `amount` is what it moved, without a sign."""

    psp_reference: str
    reference: str
    kind: str
    amount: Money
    booked_at: datetime
    refund_id: str
    refund_psp_reference: str
    fee: Money | None


class _NotMadeError(GatewayUnavailableError):
    """The report of a day is not there yet."""


class AdyenReports(AdyenCalls):
    """The port's looks and lists."""

    def find_payment(self, customer_id: str, invoice_id: str, *, tried: Tried) -> GatewayPayment | None:
        """The payment for an invoice in the reports of the days it was tried, and the day after.

        Raises:
            GatewayUnavailableError: one of them is not made yet.
        """
        rows = [row for row in self._rows_of(tried) if row.reference.startswith(invoice_prefix(invoice_id))]
        seen = [_payment(own, customer_id, invoice_id) for own in _by_payment(rows)]
        ranked = sorted(seen, key=lambda one: (one.status is GatewayPaymentStatus.FAILED, -one.occurred_at.timestamp()))
        return next(iter(ranked), None)

    def find_refund(self, gateway_payment_id: str, refund_id: str, *, tried: Tried) -> GatewayRefund | None:
        """The refund in the reports of the days it was tried, and the day after. Raises as find_payment."""
        rows = [row for row in self._rows_of(tried) if (row.psp_reference, row.refund_id) == (gateway_payment_id, refund_id)]
        return next(_refunds(rows), None)

    def listed_until(self, now: datetime) -> datetime | None:
        """The end of the last day whose report is made: yesterday's comes some hours after midnight.

        Raises:
            GatewayUnavailableError: Adyen does not answer, or has made no report for days.
        """
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        for days in range(_LATE_DAYS):
            end = today - days * _DAY
            try:
                self._report((end - _DAY).date())
            except _NotMadeError:
                continue
            return end
        raise GatewayUnavailableError(f"Adyen has made no report since {today - _LATE_DAYS * _DAY:%Y-%m-%d}; look at its report settings")

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        """The payments that were sent for settlement in the period. Raises as find_payment."""
        rows = self._rows(since.astimezone(UTC).date(), (until.astimezone(UTC) - timedelta(microseconds=1)).date())
        for own in _by_payment(rows):
            collected = next((row for row in own if row.kind in _COLLECTED), None)
            if collected is not None and since <= collected.booked_at < until:
                yield _payment(own, "", "")

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[GatewayRefund]:
        """The refunds asked for in the period. Raises as find_payment."""
        rows = self._rows(since.astimezone(UTC).date(), (until.astimezone(UTC) - timedelta(microseconds=1)).date())
        asked = {row.refund_id for row in rows if row.kind in _ASKED_BACK and since <= row.booked_at < until}
        return iter([refund for refund in _refunds(rows) if refund.refund_id in asked])

    def _rows_of(self, tried: Tried) -> list[_Row]:
        return self._rows(tried.first_at.astimezone(UTC).date(), tried.last_at.astimezone(UTC).date() + _DAY)

    def _rows(self, first: date, last: date) -> list[_Row]:
        days = [first + number * _DAY for number in range((last - first).days + 1)]
        return [row for day in days for row in _parse(self._report(day), day, self._merchant)]

    def _report(self, day: date) -> str:
        """The file of a day.

        Raises:
            GatewayUnavailableError: it is not made yet, or Adyen does not answer.
            SettingsError: there is no key of a report user, or Adyen refuses it.
        """
        if not self._report_key:
            raise SettingsError("set ADYEN_REPORT_KEY to the API key of a report user: Adyen's payments can be looked up in reports only")
        name = f"payments_accounting_report_{day:%Y_%m_%d}.csv"
        url = f"{self._api_base or _HOSTS[self._is_live]}/reports/download/MerchantAccount/{self._merchant}/{name}"
        client = HTTPClient(user_agent_suffix="", lib_version="", force_request="requests", timeout=_DOWNLOAD_SECONDS)
        for wait in (*RETRY_SECONDS, None):
            try:
                text, _, status, _ = client.request("GET", url, xapikey=self._report_key)
            except OSError:
                text, status = "", 0
            if status == 200:
                return str(text)
            if status in (401, 403):
                raise RefusedKeyError(f"{self._address} refuses ADYEN_REPORT_KEY; set it to the API key of a report user")
            if status == 404:
                raise _NotMadeError(f"Adyen has not made its report of {day} yet; it comes after the day has ended")
            if wait is not None:
                self._sleep(wait)
        raise GatewayUnavailableError(f"{self._address} does not give its report of {day}; try again later")


def _parse(text: str, day: date, merchant: str) -> Iterator[_Row]:
    """The lines of our merchant account.

    Raises:
        GatewayMismatchError: the report lacks a column, or is not in UTC, or has a value that is no amount.
    """
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise mismatch(f"the report of {day}", f"it has no column {', '.join(missing)}; add it in the report's settings")
    for line in reader:
        if line.get("Merchant Account", merchant) == merchant:
            yield _row(line, day)


def _row(line: dict[str, str], day: date) -> _Row:
    if line["TimeZone"] not in ("UTC", "GMT"):
        raise mismatch(f"the report of {day}", f"it is in {line['TimeZone']}; set the account's time zone to UTC")
    currency = line["Main Currency"]
    try:
        amount = Money.from_decimal(abs(Decimal(line["Main Amount"])), currency)
        kept = [Decimal(line[name]) for name in _FEES if line.get(name)]
        fee = Money.from_decimal(sum(kept, start=Decimal(0)), line["Settlement Currency"]) if kept else None
    except (InvalidOperation, ValueError):
        raise mismatch(f"the report of {day}", f"{line['Main Amount']!r} {currency} is no amount") from None
    return _Row(
        psp_reference=line["Psp Reference"],
        reference=line["Merchant Reference"],
        kind=line["Record Type"],
        amount=amount,
        booked_at=datetime.fromisoformat(line["Booking Date"]).replace(tzinfo=UTC),
        refund_id=line["Modification Merchant Reference"],
        refund_psp_reference=line.get("Modification Psp Reference") or "",
        fee=fee,
    )


def _by_payment(rows: Sequence[_Row]) -> list[list[_Row]]:
    """The rows of each payment of ours."""
    found: dict[str, list[_Row]] = {}
    for row in rows:
        if payment_id_of(row.reference):
            found.setdefault(row.psp_reference, []).append(row)
    return list(found.values())


def _payment(rows: Sequence[_Row], customer_id: str, invoice_id: str) -> GatewayPayment:
    """A payment as its rows show it."""
    first = rows[0]
    collected = [row for row in rows if row.kind in _COLLECTED]
    refused = [row for row in rows if row.kind in _REFUSED]
    status = GatewayPaymentStatus.PROCESSING
    if refused:
        status = GatewayPaymentStatus.FAILED
    elif collected:
        status = GatewayPaymentStatus.PAID
    nothing = Money(0, first.amount.currency_code)
    return GatewayPayment(
        gateway_payment_id=first.psp_reference,
        payment_id=payment_id_of(first.reference),
        invoice_id=invoice_id,
        customer_id=customer_id,
        status=status,
        amount=first.amount,
        paid=collected[0].amount if status is GatewayPaymentStatus.PAID else nothing,
        refunded=sum((row.amount for row in rows if row.kind in _GIVEN_BACK), start=nothing),
        fee=next((row.fee for row in rows if row.fee is not None), None),
        is_disputed=any(row.kind in _DISPUTED for row in rows),
        occurred_at=(refused or collected or rows)[0].booked_at,
        code=refused[0].kind.lower() if refused else "",
    )


def _refunds(rows: Sequence[_Row]) -> Iterator[GatewayRefund]:
    """The refunds that the rows show, each with its last state."""
    found: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        if row.kind in _ASKED_BACK | _GIVEN_BACK | _CAME_BACK:
            found.setdefault((row.psp_reference, row.refund_id), []).append(row)
    for (psp_reference, refund_id), own in found.items():
        last = own[-1]
        status = GatewayRefundStatus.PENDING
        if last.kind in _CAME_BACK:
            status = GatewayRefundStatus.FAILED
        elif last.kind in _GIVEN_BACK:
            status = GatewayRefundStatus.SUCCEEDED
        yield GatewayRefund(
            gateway_refund_id=last.refund_psp_reference,
            refund_id=refund_id,
            gateway_payment_id=psp_reference,
            status=status,
            amount=last.amount,
            occurred_at=last.booked_at,
        )
