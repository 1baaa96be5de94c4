"""The end of a document: totals, tax by rate, how to pay, notes. It is measured before it is drawn, because it is kept together."""

from __future__ import annotations

from control.documents import formatting
from control.documents.canvas import BLACK, GREY, LEFT, LIGHT, RIGHT, WIDTH, Canvas, height
from control.documents.content import Document
from control.documents.facts import due_facts, notes_of, payment_facts, total_facts

_GAP = 5.0
_TEXT, _LABEL = 8.5, 7.5
_ROW = height(_TEXT) + 1.6
_TOTALS_LEFT = LEFT + 96
_TAX_RATE, _TAX_BASE = LEFT + 84, LEFT + 134  # where the right aligned columns end
_VALUES = LEFT + 34


class Closing:
    """Of one document on its canvas."""

    def __init__(self, canvas: Canvas, document: Document) -> None:
        self._canvas = canvas
        self._document = document
        *parts, total = total_facts(document)
        *settled, due = due_facts(document)
        # Each with whether it stands out.
        self._totals = [*((fact, False) for fact in parts), (total, True), *((fact, False) for fact in settled), (due, True)]
        self._payment = payment_facts(document)
        self._notes = [line for note in notes_of(document) for line in canvas.wrapped(note, WIDTH, size=_TEXT)]

    @property
    def height(self) -> float:
        """In millimetres."""
        blocks = [
            len(self._totals) * _ROW + 2,
            (len(self._document.taxes) + 1) * _ROW,
            len(self._payment) * _ROW,
            len(self._notes) * height(_TEXT),
        ]
        return sum(block + _GAP for block in blocks)

    def draw(self, y: float) -> None:
        """Below the rows, which end at `y`."""
        y = self._draw_totals(y + _GAP / 2) + _GAP
        y = self._draw_taxes(y) + _GAP
        y = self._draw_payment(y) + _GAP
        for line in self._notes:
            self._canvas.text(LEFT, y, line, size=_TEXT)
            y += height(_TEXT)

    def _draw_totals(self, y: float) -> float:
        canvas = self._canvas
        for (label, amount), is_lead in self._totals:
            if is_lead:
                canvas.rule(_TOTALS_LEFT, y, RIGHT - _TOTALS_LEFT, color=BLACK, thickness=0.25)
                y += 0.6
            size = 9.5 if is_lead else _TEXT
            canvas.text(_TOTALS_LEFT, y + 0.5, label, size=size, is_bold=is_lead, width=44)
            canvas.text(RIGHT, y + 0.5, formatting.money(amount), size=size, is_bold=is_lead, is_right=True, width=32)
            y += _ROW
        return y

    def _draw_taxes(self, y: float) -> float:
        canvas = self._canvas
        currency = self._document.currency_code
        for x, label, is_right in (
            (LEFT, "Tax", False),
            (_TAX_RATE, "Rate", True),
            (_TAX_BASE, f"Taxable amount, {currency}", True),
            (RIGHT, f"Tax amount, {currency}", True),
        ):
            canvas.text(x, y, label, size=_LABEL, is_bold=True, is_right=is_right)
        y += _ROW
        canvas.rule(LEFT, y - 1, WIDTH, color=LIGHT)
        for tax in self._document.taxes:
            canvas.text(LEFT, y, tax.name, size=_TEXT, width=60)
            canvas.text(_TAX_RATE, y, formatting.percent(tax.percent), size=_TEXT, is_right=True)
            canvas.text(_TAX_BASE, y, formatting.money(tax.base), size=_TEXT, is_right=True)
            canvas.text(RIGHT, y, formatting.money(tax.amount), size=_TEXT, is_right=True)
            y += _ROW
        return y

    def _draw_payment(self, y: float) -> float:
        for label, value in self._payment:
            self._canvas.text(LEFT, y, label, size=_TEXT, color=GREY)
            self._canvas.text(_VALUES, y, value, size=_TEXT, width=RIGHT - _VALUES)
            y += _ROW
        return y
