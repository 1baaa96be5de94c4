"""A document as PDF/A-3 pages, with its e-invoice inside where it has one.

The same document gives the same bytes: dates and ids of the file come from the document, never from the clock.
"""

from __future__ import annotations

from control.documents import formatting
from control.documents.canvas import BLACK, GREY, LEFT, PAGE_HEIGHT, RIGHT, WIDTH, Canvas, height, open_canvas
from control.documents.closing import Closing
from control.documents.content import Document
from control.documents.facts import party_lines
from control.documents.head import Head
from control.documents.metadata import FACTURX_NAME, xmp_packet
from control.documents.pages import Page, Row, paginate
from control.domain.money import Money
from control.domain.refunds import REFUND_LINE

_TOP = 26.0  # of the table on all pages but the first
_BOTTOM = PAGE_HEIGHT - 20.0
_HEAD = 8.0  # of the table
_PAD = 1.0  # above and below the text of a row
_TEXT, _SMALL = 8.5, 7.0
_CARRY = 6.5

# Columns: where a left aligned one begins, where a right aligned one ends.
_NUMBER, _ITEM, _ITEM_WIDTH = LEFT + 8, LEFT + 11, 78.0
_QUANTITY, _QUANTITY_WIDTH = LEFT + 124, 33.0
_UNIT, _UNIT_WIDTH = LEFT + 127, 20.0
_AMOUNT_WIDTH = 27.0


def to_pdf(document: Document, *, e_invoice: bytes | None) -> bytes:
    """The file.

    Args:
        document: what stands on it.
        e_invoice: its valid CII document, to embed; None where it has none.
    """
    with open_canvas(_texts(document), created_at=document.issued_at) as canvas:
        _describe(canvas, document, has_e_invoice=e_invoice is not None)
        if e_invoice is not None:
            canvas.embed(FACTURX_NAME, e_invoice, description="Factur-X invoice", changed_at=document.issued_at)
        _Drawing(canvas, document).draw()
        return canvas.finished()


def _texts(document: Document) -> list[str]:
    """Everything on the pages that is not our own English."""
    parties = [document.buyer_name, *party_lines(document.buyer), document.seller.legal_name, *party_lines(document.seller)]
    items = [text for item in document.items for text in (item.name, item.sku_id, item.unit)]
    return [*parties, *items, *(tax.name for tax in document.taxes), *(credit_id for credit_id, _ in document.credits), document.account_id]


def _describe(canvas: Canvas, document: Document, *, has_e_invoice: bool) -> None:
    title = f"{document.title} {document.number}".strip() if document.number else f"Draft {document.title.lower()}"
    author = document.seller.legal_name or "Meterhouse"
    subject = f"{title} of {formatting.day(document.issued_at.date())}, issued by {author}"
    packet = xmp_packet(title=title, author=author, subject=subject, created_at=document.issued_at, has_e_invoice=has_e_invoice)
    canvas.describe(title=title, author=author, subject=subject, xmp=packet)


class _Drawing:
    """One document on its canvas."""

    def __init__(self, canvas: Canvas, document: Document) -> None:
        self._canvas = canvas
        self._document = document
        self._head = Head(canvas, document)
        self._closing = Closing(canvas, document)

    def draw(self) -> None:
        pages = paginate(
            [self._row(place) for place in range(len(self._document.items))],
            first=_BOTTOM - self._head.bottom - _HEAD,
            other=_BOTTOM - _TOP - _HEAD,
            closing=self._closing.height,
            carry=_CARRY,
            zero=Money(0, self._document.currency_code),
        )
        for place, page in enumerate(pages):
            self._canvas.page()
            if self._document.is_draft:
                self._canvas.watermark("DRAFT")
            if place == 0:
                self._head.draw()
            else:
                self._other_head()
            self._page(page, top=_TOP if place else self._head.bottom, is_first=place == 0)
            self._foot(place + 1, len(pages))

    def _row(self, place: int) -> Row:
        item = self._document.items[place]
        name_lines = tuple(self._canvas.wrapped(item.name, _ITEM_WIDTH, size=_TEXT))
        return Row(item=item, name_lines=name_lines, height=len(name_lines) * height(_TEXT) + height(_SMALL) + 2 * _PAD)

    def _other_head(self) -> None:
        canvas, document = self._canvas, self._document
        left = " · ".join(part for part in (document.title, document.number or "draft", document.buyer_name) if part)
        canvas.text(LEFT, 14, canvas.cut(left, WIDTH * 0.7, size=_TEXT), size=_TEXT, color=GREY)
        canvas.text(RIGHT, 14, formatting.month(document.supply), size=8.5, color=GREY, is_right=True)
        canvas.rule(LEFT, 20, WIDTH)

    def _page(self, page: Page, *, top: float, is_first: bool) -> None:
        y = top
        if page.rows or not page.has_closing:
            y = self._table_head(y)
        if not is_first:
            y = self._carry("Brought forward", page.brought, y)
        for row in page.rows:
            y = self._draw_row(row, y)
        if page.has_closing:
            self._closing.draw(y)
        else:
            self._carry("Carried forward", page.carried, y)

    def _table_head(self, y: float) -> float:
        canvas = self._canvas
        canvas.rule(LEFT, y, WIDTH, color=BLACK, thickness=0.35)
        label_y = y + (_HEAD - height(7.5)) / 2
        for x, label, is_right in (
            (_NUMBER, "No", True),
            (_ITEM, "Item", False),
            (_QUANTITY, "Quantity", True),
            (_UNIT, "Unit", False),
            (RIGHT, f"Amount, {self._document.currency_code}", True),
        ):
            canvas.text(x, label_y, label, size=7.5, is_bold=True, is_right=is_right)
        canvas.rule(LEFT, y + _HEAD, WIDTH, color=BLACK, thickness=0.2)
        return y + _HEAD

    def _draw_row(self, row: Row, y: float) -> float:
        canvas, item = self._canvas, row.item
        text_y = y + _PAD
        canvas.text(_NUMBER, text_y, str(item.line_number), size=_TEXT, color=GREY, is_right=True, width=8)
        if item.line_type != REFUND_LINE:  # money goes back, no quantity does
            canvas.text(_QUANTITY, text_y, formatting.quantity(item.quantity), size=_TEXT, is_right=True, width=_QUANTITY_WIDTH)
            canvas.text(_UNIT, text_y, item.unit, size=_TEXT, width=_UNIT_WIDTH)
        canvas.text(RIGHT, text_y, formatting.money(item.amount), size=_TEXT, is_right=True, width=_AMOUNT_WIDTH)
        for line in row.name_lines:
            canvas.text(_ITEM, text_y, line, size=_TEXT)
            text_y += height(_TEXT)
        small = item.detail if item.name == item.sku_id else f"{item.detail} · {item.sku_id}"
        canvas.text(_ITEM, text_y, small, size=_SMALL, color=GREY, width=_ITEM_WIDTH)
        canvas.rule(LEFT, y + row.height, WIDTH)
        return y + row.height

    def _carry(self, label: str, amount: Money, y: float) -> float:
        text_y = y + (_CARRY - height(_TEXT)) / 2
        self._canvas.text(_ITEM, text_y, label, size=_TEXT, is_bold=True)
        self._canvas.text(RIGHT, text_y, formatting.money(amount), size=_TEXT, is_bold=True, is_right=True)
        self._canvas.rule(LEFT, y + _CARRY, WIDTH)
        return y + _CARRY

    def _foot(self, number: int, count: int) -> None:
        canvas, seller = self._canvas, self._document.seller
        y = PAGE_HEIGHT - 14
        canvas.rule(LEFT, y - 2.5, WIDTH)
        line = " · ".join(part for part in (seller.legal_name, *party_lines(seller)) if part)
        canvas.text(LEFT, y, canvas.cut(line, WIDTH - 30, size=_SMALL), size=_SMALL, color=GREY)
        canvas.text(RIGHT, y, f"Page {number} of {count}", size=_SMALL, color=GREY, is_right=True)
