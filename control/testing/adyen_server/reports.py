"""The payment accounting report of a day that has ended, as Adyen offers it for download."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import Any

from control.testing.store import Store

_NAME = re.compile(r"payments_accounting_report_(\d{4})_(\d{2})_(\d{2})\.csv\Z", re.ASCII)
_COLUMNS = (
    "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method", "Booking Date", "TimeZone",
    "Main Currency", "Main Amount", "Record Type", "Settlement Currency", "Commission (SC)", "Markup (SC)", "Scheme Fees (SC)",
    "Interchange (SC)", "Modification Psp Reference", "Modification Merchant Reference",
)  # fmt: skip


def day_of(name: str) -> date | None:
    """The day of a report by its file's name."""
    match = _NAME.match(name)
    return date(int(match[1]), int(match[2]), int(match[3])) if match else None


def report(store: Store, day: date, merchant: str) -> str:
    """The report as CSV, oldest line first."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in reversed(store.newest_first("booking", day=day.isoformat())):
        writer.writerow(_line(row, merchant))
    return file.getvalue()


def _line(row: dict[str, Any], merchant: str) -> tuple[str, ...]:
    fee = (row["currency"], row["fee"], "", "", "") if row["fee"] else ("", "", "", "", "")
    return (
        "TestCompany", merchant, row["psp_reference"], row["reference"], row["brand"], row["at"], "UTC",
        row["currency"], row["amount"], row["kind"], *fee, row["refund_psp_reference"], row["refund_reference"],
    )  # fmt: skip
