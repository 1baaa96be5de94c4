"""The dashboards' entry: page frame and navigation, nothing else. Start it with `meterhouse up` or by the command of serve.py."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboards import costs, data_quality, invoices
from dashboards.reading import explained_errors

FOLDER = Path(__file__).parent

PAGES = (
    st.Page(costs.render, title="Cost", icon=":material/payments:", url_path="cost", default=True),
    st.Page(invoices.render, title="Invoices", icon=":material/receipt_long:", url_path="invoices"),
    st.Page(data_quality.render, title="Data quality", icon=":material/fact_check:", url_path="data-quality"),
)


def main() -> None:
    """Draw the chosen page; an error of ours becomes a sentence on it."""
    # Files of ours: a page icon by name would be fetched from a server of somebody else by each reader's browser.
    st.set_page_config(page_title="Meterhouse", page_icon=str(FOLDER / "icon.svg"), layout="wide")
    st.logo(str(FOLDER / "logo.svg"), size="large")
    st.html(FOLDER / "style.css")
    page = st.navigation(list(PAGES), position="top")
    with explained_errors():
        page.run()


main()
