"""`invoice pdf|xml|files`: documents as files. What stands on them is control's business."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration import invoices
from orchestration.cli.arguments import Period, deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse
from warehouse.errors import InputError, RefusedError

if TYPE_CHECKING:
    from control.documents.content import Document

FILES_COLUMNS = ("result", "documents", "reason", "numbers")
COLUMNS = ("invoice_number", "kind", "file", "bytes", "e_invoice", "message")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="An invoice number, or an invoice_id.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write; one that exists is replaced.")]


class SyntaxName(StrEnum):
    """The values of `--syntax`."""

    CII = "cii"
    UBL = "ubl"


def add_to(group: typer.Typer) -> None:
    """Add the verbs to the group `invoice`."""
    group.command("pdf")(pdf)
    group.command("xml")(xml)
    group.command("files")(files)


def pdf(number: Number, out: Out, output: FormatOption = None) -> None:
    """Write a document as PDF/A-3, with its e-invoice (Factur-X) inside where it can have one; drafts are marked as such."""
    from control.services.documents import print_document

    document = _find(number)
    printed = print_document(document)
    _write(out, printed.pdf)
    e_invoice = "" if printed.without_e_invoice else "factur-x"
    emit([_row(document, out, size=len(printed.pdf), e_invoice=e_invoice, message=printed.without_e_invoice)], COLUMNS, output)


def xml(
    number: Number,
    out: Out,
    syntax: Annotated[SyntaxName, typer.Option("--syntax", help="UN/CEFACT CII, which Factur-X uses, or UBL 2.1.")] = SyntaxName.CII,
    output: FormatOption = None,
) -> None:
    """Write a document as an e-invoice after EN 16931, validated; refused where the standard has no form for it."""
    from control.documents.einvoice import Syntax
    from control.services.documents import document_xml

    document = _find(number)
    written = document_xml(document, Syntax(syntax))
    _write(out, written)
    emit([_row(document, out, size=len(written), e_invoice=syntax.value)], COLUMNS, output)


def files(
    period: Period,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder; default: documents/PERIOD in the home.", show_default=False)
    ] = None,
    output: FormatOption = None,
) -> None:
    """Write every document issued with a month as NUMBER.pdf, and its e-invoice as NUMBER.xml. Exit code 1 where one has no file."""
    from control.services.document_files import folder_of, write_files

    here = deployment()
    with here.control() as control:
        done = write_files(control, period, out or folder_of(here.settings, period))
    rows: list[dict[str, Any]] = [
        {"result": "written", "documents": done.written, "reason": "", "numbers": ""},
        {"result": "left", "documents": done.left, "reason": "the files are there already", "numbers": ""},
        *(asdict(one) for one in (*done.without_e_invoice, *done.failed)),
    ]
    emit(rows, FILES_COLUMNS, output)
    print(f"meterhouse: {done.documents} documents of {done.period} in {done.folder}", file=sys.stderr)
    if done.problem:
        raise RefusedError(done.problem)


def _find(number: str) -> Document:
    """An issued document needs the control store only; for a draft the warehouse is asked."""
    from control.services.documents import draft_document, find_issued

    here = deployment()
    with here.control() as control:
        issued = find_issued(control, number)
        if issued is not None:
            return issued
        with open_warehouse(here) as client:
            row = invoices.get(client, here.settings, number)
            now = here.settings.now()
            return draft_document(control, client, here.settings, period=row["period"], invoice_id=row["invoice_id"], now=now)


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from None


def _row(document: Document, out: Path, *, size: int, e_invoice: str, message: str = "") -> dict[str, Any]:
    return {
        "invoice_number": document.number,
        "kind": document.kind.value,
        "file": str(out),
        "bytes": size,
        "e_invoice": e_invoice,
        "message": message,
    }
