"""Gives documents their numbers and freezes them, inside the caller's transaction. Which documents, is the caller's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from control.domain.accounts import AccountRow
from control.domain.documents import Draft, IssuedInvoice, issue
from control.domain.numbering import format_number, series_prefix
from control.domain.particulars import CatalogTexts, Particulars, particulars_of
from control.domain.parties import Seller
from control.settings import ControlSettings
from control.store import particulars, revisions
from control.store.documents import Numbered, insert_documents
from control.store.tables import number_series

NO_TEXTS = CatalogTexts()


def issue_documents(
    connection: Connection,
    settings: ControlSettings,
    drafts: Sequence[Draft],
    *,
    buyers: Mapping[str, AccountRow],
    services: Mapping[str, str],
    issued_at: datetime,
    texts: CatalogTexts = NO_TEXTS,
) -> list[IssuedInvoice]:
    """Number drafts without a gap, in their order, write them and post them.

    Args:
        connection: of the issuing transaction; it waits at the revision counter for any other.
        settings: name the seller.
        drafts: whose identities hold.
        buyers: the accounts they name.
        services: SKU to service, which revenue is posted by.
        issued_at: due_date is its UTC day plus the account's payment terms.
        texts: what the catalog calls the items and taxes; without it, only what a corrected document called them is known.
    """
    if not drafts:
        return []
    revisions.take(connection, 0)
    seller = settings.seller
    prefix, last_number = _series(connection, seller, settings.invoice_prefix)
    numbered = []
    for number, draft in enumerate(sorted(drafts, key=lambda draft: draft.order), start=last_number + 1):
        buyer = buyers[draft.account_id]
        invoice = issue(
            draft,
            invoice_number=format_number(prefix, number),
            seller=seller,
            buyer=buyer.buyer,
            issued_at=issued_at,
            due_date=issued_at.date() + timedelta(days=buyer.payment_terms_days),
        )
        numbered.append(Numbered(seller_key=seller.key, series_number=number, invoice=invoice))
    mine = update(number_series).where(number_series.c.seller_key == seller.key)
    connection.execute(mine.values(last_number=last_number + len(drafts)))
    insert_documents(connection, numbered, services=services)
    frozen = {draft.invoice_id: _particulars(connection, settings, draft, buyers[draft.account_id], texts) for draft in drafts}
    particulars.add(connection, frozen)
    return [document.invoice for document in numbered]


def _particulars(connection: Connection, settings: ControlSettings, draft: Draft, account: AccountRow, texts: CatalogTexts) -> Particulars:
    corrected_id = particulars.corrected_id(connection, draft)
    corrected = None if corrected_id is None else particulars.find(connection, corrected_id)
    return particulars_of(draft, account, texts=texts, seller_iban=settings.seller_iban, corrected=corrected)


def _series(connection: Connection, seller: Seller, configured_prefix: str) -> tuple[str, int]:
    """Prefix and last number of the seller's series. A first named seller takes over the series of the unnamed one before it."""
    series = {row.seller_key: row for row in connection.execute(select(number_series))}
    if seller.key in series:
        return series[seller.key].prefix, series[seller.key].last_number
    if set(series) == {""}:
        connection.execute(update(number_series).where(number_series.c.seller_key == "").values(seller_key=seller.key))
        return series[""].prefix, series[""].last_number
    prefix = series_prefix(configured_prefix, frozenset(row.prefix for row in series.values()))
    connection.execute(insert(number_series), {"seller_key": seller.key, "prefix": prefix, "last_number": 0})
    return prefix, 0
