"""Small tables as HTML: right-aligned money in figures of equal width, a bar for a share, totals at the foot.

Streamlit's own grid draws on a canvas and suits long lists (see invoices.py); these tables read like a document. Every
cell is escaped here, so callers pass plain text. The look is in style.css.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, kw_only=True)
class Column:
    """A heading and on which side its cells stand."""

    title: str
    is_number: bool = False


@dataclass(frozen=True, kw_only=True)
class Share:
    """A row of a breakdown: what, how much (as text), all digits of it (shown on hover), and its part of the whole (0 to 1)."""

    name: str
    detail: str
    amount: str
    exact: str
    share: float


def table(name: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, footer: Sequence[Sequence[str]] = ()) -> str:
    """A table with a cell of text for each column in each row; `name` is its accessible name."""
    head = "".join(_cell("th", column.title, column) for column in columns)
    body = "".join(_row(row, columns) for row in rows)
    foot = f"<tfoot>{''.join(_row(row, columns) for row in footer)}</tfoot>" if footer else ""
    return (
        f'<div class="mh-scroll"><table class="mh-table" aria-label="{escape(name)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"
    )


def breakdown(name: str, heading: str, amount_heading: str, rows: Sequence[Share]) -> str:
    """A table of shares, each with a bar as long as its part of the whole."""
    body = "".join(
        f"<tr><td>{escape(row.name)}{_detail(row.detail)}"
        f'<div class="mh-bar"><span style="width:{row.share * 100:.2f}%"></span></div></td>'
        f'<td class="mh-number" title="{escape(row.exact)}">{escape(row.amount)}</td>'
        f'<td class="mh-number mh-quiet">{row.share * 100:.1f} %</td></tr>'
        for row in rows
    )
    return (
        f'<table class="mh-table mh-breakdown" aria-label="{escape(name)}"><thead><tr><th>{escape(heading)}</th>'
        f'<th class="mh-number">{escape(amount_heading)}</th><th class="mh-number">Share</th></tr></thead><tbody>{body}</tbody></table>'
    )


def heading(text: str) -> str:
    """A heading whose text is data: st.subheader would read it as Markdown."""
    return f'<h3 class="mh-heading">{escape(text)}</h3>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Labels with their values, side by side."""
    items = "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in pairs)
    return f'<dl class="mh-facts">{items}</dl>'


def _row(cells: Sequence[str], columns: Sequence[Column]) -> str:
    return f"<tr>{''.join(_cell('td', text, column) for text, column in zip(cells, columns, strict=True))}</tr>"


def _cell(tag: str, text: str, column: Column) -> str:
    return f'<{tag} class="mh-number">{escape(text)}</{tag}>' if column.is_number else f"<{tag}>{escape(text)}</{tag}>"


def _detail(text: str) -> str:
    return f' <span class="mh-quiet">{escape(text)}</span>' if text else ""
