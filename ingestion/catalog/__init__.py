"""The price list and everything it refers to: nine CSV files, validated as a whole, then applied to the warehouse as one version.

    files.py ─ tables.py ─ lines.py ─ cells.py     what lies in the folder, down to one cell
    readers.py → rows.py                           a line as a typed row
    references, account_rules, sku_rules,
    tiers, validity                                what rows owe each other
    read.py → catalog.py → load.py                 folder → Catalog → raw.catalog_*

It does not rate anything, and it does not know the control store, which keeps accounts, credits and budgets.
"""

from ingestion.catalog.catalog import Catalog
from ingestion.catalog.load import CatalogVersion, apply_catalog, current_catalog_version
from ingestion.catalog.read import read_catalog

__all__ = ["Catalog", "CatalogVersion", "apply_catalog", "current_catalog_version", "read_catalog"]
