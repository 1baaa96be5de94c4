"""The beginning of a document: who bills whom, what for, and what is due. Measured before it is drawn: no part of a name is cut."""

from __future__ import annotations

from control.documents import formatting
from control.documents.canvas import BLACK, GREY, LEFT, PALE, RED, RIGHT, WIDTH, Canvas, height
from control.documents.content import Document
from control.documents.facts import head_facts, party_lines

_TOP = 17.0
_SELLER_WIDTH, _BUYER_WIDTH = 104.0, 88.0
_NAME, _TEXT, _LABEL = 13.0, 8.5, 7.5
_BUYER_NAME, _BUYER_TEXT = 10.5, 9.0
_FACTS = LEFT + 96
_BOX, _GAP = 12.0, 5.0
_LEAST_RULE = 44.0  # where the line below the seller is, unless the seller takes more


class Head:
    """Of one document on its canvas."""

    def __init__(self, canvas: Canvas, document: Document) -> None:
        self._canvas = canvas
        self._document = document
        seller, buyer = document.seller, document.buyer
        self._seller_name = canvas.wrapped(seller.legal_name or "Seller not set", _SELLER_WIDTH, size=_NAME, is_bold=True)
        self._seller = [part for line in party_lines(seller) for part in canvas.wrapped(line, _SELLER_WIDTH, size=_TEXT)]
        self._buyer_name = canvas.wrapped(document.buyer_name, _BUYER_WIDTH, size=_BUYER_NAME, is_bold=True)
        self._buyer = [part for line in party_lines(buyer) for part in canvas.wrapped(line, _BUYER_WIDTH, size=_BUYER_TEXT)]
        self._facts = head_facts(document)
        seller_height = len(self._seller_name) * height(_NAME) + 0.5 + len(self._seller) * height(_TEXT)
        buyer_height = height(_LABEL) + 0.8 + len(self._buyer_name) * height(_BUYER_NAME) + len(self._buyer) * height(_BUYER_TEXT)
        self._rule = max(_LEAST_RULE, _TOP + seller_height + _GAP)
        parties = max(buyer_height, len(self._facts) * (height(_TEXT) + 0.9))
        self._box = self._rule + _GAP + parties + _GAP

    @property
    def bottom(self) -> float:
        """Where the table may begin, in millimetres from the top of the page."""
        return self._box + _BOX + _GAP

    def draw(self) -> None:
        """On the first page."""
        self._draw_seller()
        self._draw_title()
        self._canvas.rule(LEFT, self._rule, WIDTH)
        self._draw_buyer(self._rule + _GAP)
        self._draw_facts(self._rule + _GAP)
        self._draw_due()

    def _draw_seller(self) -> None:
        y = _TOP
        for line in self._seller_name:
            self._canvas.text(LEFT, y, line, size=_NAME, is_bold=True)
            y += height(_NAME)
        y += 0.5
        for line in self._seller:
            self._canvas.text(LEFT, y, line, size=_TEXT, color=GREY)
            y += height(_TEXT)

    def _draw_title(self) -> None:
        document = self._document
        title = f"Draft {document.title.lower()}" if document.is_draft else document.title
        below = "not a demand for payment" if document.is_draft else document.number
        color = RED if document.is_draft else BLACK
        self._canvas.text(RIGHT, _TOP - 1.5, title, size=21, is_bold=True, is_right=True, color=color, width=WIDTH - _SELLER_WIDTH)
        self._canvas.text(RIGHT, _TOP - 1.5 + height(21), below, size=10, is_right=True, color=GREY)

    def _draw_buyer(self, y: float) -> None:
        self._canvas.text(LEFT, y, "Billed to", size=_LABEL, color=GREY)
        y += height(_LABEL) + 0.8
        for line in self._buyer_name:
            self._canvas.text(LEFT, y, line, size=_BUYER_NAME, is_bold=True)
            y += height(_BUYER_NAME)
        for line in self._buyer:
            self._canvas.text(LEFT, y, line, size=_BUYER_TEXT)
            y += height(_BUYER_TEXT)

    def _draw_facts(self, y: float) -> None:
        for label, value in self._facts:
            self._canvas.text(_FACTS, y, label, size=_TEXT, color=GREY)
            self._canvas.text(RIGHT, y, value, size=_TEXT, is_right=True, width=50)
            y += height(_TEXT) + 0.9

    def _draw_due(self) -> None:
        canvas, document = self._canvas, self._document
        # What was given back already is told by its amount, not by the nothing that is due of it.
        amount = document.given_back or document.due
        canvas.box(LEFT, self._box, WIDTH, _BOX, color=PALE)
        canvas.text(LEFT + 4, self._box + 3.7, document.payment_terms, size=9, width=WIDTH - 60)
        due = f"{document.currency_code} {formatting.money(amount)}"
        canvas.text(RIGHT - 4, self._box + 2.6, due, size=_NAME, is_bold=True, is_right=True, width=50)
