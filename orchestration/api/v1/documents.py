"""`/v1/invoices/{document}/pdf`: a document as a file.

What makes the file is told to `router_of`; the module that mounts it decides. Until then the route is in no document.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.invoices import Document, find_document

MEDIA_TYPE = "application/pdf"

# The file of a document that the caller reaches, by its number, or of a draft by its invoice_id.
Printer = Callable[[Call, str], bytes]


def router_of(printer: Printer) -> Resource:
    """The route, printing as told."""
    router = Resource("invoices")

    @router.reads(
        "/invoices/{document}/pdf",
        scope="invoices:read",
        response_class=Response,
        responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def print_invoice(call: CallOf, document: Document) -> Response:
        """A document as a PDF, with its e-invoice inside where it can have one."""
        found = find_document(call, document)
        name = found["invoice_number"] or found["invoice_id"]
        headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
        return Response(printer(call, name), media_type=MEDIA_TYPE, headers=headers)

    return router
