"""`/v1/invoices/{document}/pdf`: a document as a file. What stands on it is control's business (control/documents)."""

from __future__ import annotations

import contextlib

from starlette.responses import Response

from control.documents.content import Document as Content
from control.services.documents import draft_document, find_issued, print_document
from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.invoices import Document, find_document
from orchestration.api.v1.reader import Row
from warehouse.client import connect

MEDIA_TYPE = "application/pdf"

router = Resource("invoices")


@router.reads(
    "/invoices/{document}/pdf",
    scope="invoices:read",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
)
def print_invoice(call: CallOf, document: Document) -> Response:
    """A document as a PDF, with its e-invoice inside where it can have one. A draft is marked as such."""
    found = find_document(call, document)
    name = found["invoice_number"] or found["invoice_id"]
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(print_document(_content(call, found)).pdf, media_type=MEDIA_TYPE, headers=headers)


def _content(call: Call, found: Row) -> Content:
    """An issued document is in the control store; a draft is read as the pipeline does, because the close would read it so."""
    issued = find_issued(call.control, found["invoice_id"])
    if issued is not None:
        return issued
    settings = call.api.settings
    with contextlib.closing(connect(settings)) as client:
        return draft_document(call.control, client, settings, period=found["period"], invoice_id=found["invoice_id"], now=call.now)
