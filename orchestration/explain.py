"""From an invoice line down to its hours, resources, prices and events: the evidence behind `meterhouse explain`.

Reads public and staging tables only, with the statement that docs/explain.md gives to analysts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from clickhouse_connect.driver.client import Client

from warehouse.errors import InputError
from warehouse.settings import LAYERS, Settings

STATEMENT = Path(__file__).with_name("explain.sql")


def explain(
    client: Client, settings: Settings, document: str, *, sku_id: str | None = None
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Column names and rows: one row per hour, resource, charge type and price behind the document's lines.

    Args:
        client: any user who may read the public layers.
        settings: of the deployment.
        document: an invoice number or an invoice id, issued or draft.
        sku_id: only this SKU.

    Raises:
        InputError: no such document, or it has no line of the SKU.
    """
    names = {layer: settings.database(layer) for layer in LAYERS}
    statement = Template(STATEMENT.read_text()).substitute(names)
    found = client.query(
        f"SELECT count(), countIf(sku_id = {{sku:String}}) FROM {names['invoicing']}.invoice_lines WHERE invoice_id IN"
        f" (SELECT invoice_id FROM {names['invoicing']}.invoices WHERE {{document:String}} IN (invoice_id, invoice_number))",
        parameters={"document": document, "sku": sku_id or ""},
    ).result_rows[0]
    if not document or not found[0]:
        raise InputError(f"no invoice {document!r}; `meterhouse invoice list` shows numbers and ids")
    if sku_id and not found[1]:
        raise InputError(f"invoice {document} has no line of SKU {sku_id!r}; `meterhouse invoice show {document}` lists its lines")
    result = client.query(statement, parameters={"document": document, "sku": sku_id or ""})
    return result.column_names, result.result_rows
