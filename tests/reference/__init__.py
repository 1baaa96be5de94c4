"""A second, independent implementation of the contract's sections 2 to 4, to compare the warehouse with, to the last digit.

Written from the contract alone, for reading rather than speed: exact fractions, no float, no SQL. Nothing of the product is imported here.
"""

from tests.reference.catalog import (
    Account,
    Catalog,
    Commitment,
    Credit,
    Discount,
    Price,
    Sku,
    Tax,
    Tier,
    read_catalog,
)
from tests.reference.documents import Books, Document, RefusedError
from tests.reference.events import Accounting, Batch, Event, Junk
from tests.reference.model import Result, World, as_rows, bill, close, invoice

__all__ = [
    "Account",
    "Accounting",
    "Batch",
    "Books",
    "Catalog",
    "Commitment",
    "Credit",
    "Discount",
    "Document",
    "Event",
    "Junk",
    "Price",
    "RefusedError",
    "Result",
    "Sku",
    "Tax",
    "Tier",
    "World",
    "as_rows",
    "bill",
    "close",
    "invoice",
    "read_catalog",
]
