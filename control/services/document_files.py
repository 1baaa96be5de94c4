"""Writes the documents of a month as files: a PDF each, and the e-invoice beside it where there is one.

A document never changes, so a file that is there with the same content is left as it is. A file is never seen half written.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from control.bootstrap import Control
from control.domain.periods import Period
from control.errors import StoreError
from control.services.documents import issued_document, print_document
from control.store.tables import invoices
from warehouse.errors import InputError
from warehouse.settings import Settings

SHOWN = 5  # numbers of each reason


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Documents that have no e-invoice, or no file at all, for one reason; `numbers` are the first of them."""

    result: str  # `without_e_invoice` or `failed`
    documents: int
    reason: str
    numbers: str


@dataclass(frozen=True, kw_only=True)
class FilesReport:
    """What came of one month. Each document is in exactly one of written, left and failed."""

    period: str
    folder: Path
    documents: int
    written: int
    left: int
    without_e_invoice: Sequence[Reason]
    failed: Sequence[Reason]

    @property
    def problem(self) -> str:
        """In one sentence, what a person must do something about; empty where nothing."""
        if not self.failed:
            return ""
        count, first = sum(one.documents for one in self.failed), self.failed[0]
        return f"{count} documents of {self.period} have no file: {first.numbers}: {first.reason}"


def folder_of(settings: Settings, period: str) -> Path:
    """Where the files of a month lie; environments that share a home share no numbers, and so no folder."""
    return settings.home / f"{settings.database_prefix}documents" / period


def write_files(control: Control, period: str, folder: Path) -> FilesReport:
    """Write the files of every document issued with a month. One that fails keeps no other from its files.

    Args:
        control: issued the documents.
        period: `YYYY-MM`.
        folder: made where it does not exist.

    Raises:
        InputError: the period is no month, or the folder cannot be made.
        StoreError: the store does not answer.
    """
    month = str(Period.parse(period))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}") from None
    in_order = select(invoices.c.invoice_number).where(invoices.c.period == month).order_by(invoices.c.seller_key, invoices.c.series_number)
    with control.store.reading() as connection:
        numbers: list[str] = list(connection.execute(in_order).scalars())
    without: dict[str, list[str]] = defaultdict(list)
    failed: dict[str, list[str]] = defaultdict(list)
    written = 0
    for number in numbers:
        try:
            is_new, why_without = _write(control, number, folder)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever keeps one document from its file, the others get theirs
            failed[f"{type(error).__name__}: {error}".partition("\n")[0]].append(number)
            continue
        written += is_new
        if why_without:
            without[why_without].append(number)
    failures = sum(map(len, failed.values()))
    return FilesReport(
        period=month,
        folder=folder,
        documents=len(numbers),
        written=written,
        left=len(numbers) - written - failures,
        without_e_invoice=_reasons("without_e_invoice", without),
        failed=_reasons("failed", failed),
    )


def _write(control: Control, number: str, folder: Path) -> tuple[bool, str]:
    """Write one document; whether a file changed, and why it has no e-invoice."""
    printed = print_document(issued_document(control, number))
    changed = _put(folder / f"{number}.pdf", printed.pdf)
    if printed.e_invoice is not None:
        changed = _put(folder / f"{number}.xml", printed.e_invoice) or changed
    # The number is said beside it: one reason is one line, however many documents it holds for.
    return changed, printed.without_e_invoice.removeprefix(f"{number} has no e-invoice: ")


def _put(path: Path, content: bytes) -> bool:
    """Make the file hold the content; whether it did not before."""
    if path.is_file() and path.read_bytes() == content:
        return False
    # Readable for its owner only, since it holds customer data; a name of its own, since two may write at once.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return True


def _reasons(result: str, found: dict[str, list[str]]) -> list[Reason]:
    """The most frequent reason first."""
    rows = [
        Reason(result=result, documents=len(numbers), reason=reason, numbers=", ".join(numbers[:SHOWN]))
        for reason, numbers in found.items()
    ]
    return sorted(rows, key=lambda row: -row.documents)
