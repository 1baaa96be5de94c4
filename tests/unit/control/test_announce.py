"""Which documents of a month are announced, and what is said of their payment, on each database."""

from __future__ import annotations

from control.bootstrap import Control
from control.services.accounts import upsert_accounts
from control.services.announce import announce
from control.services.push import push
from control.store import mails
from tests.control_bench.builders import NOW, a_credit_note, a_draft, an_account, given_account_with_card, given_invoices


def test_each_document_is_announced_once_and_says_what_was_charged(control: Control) -> None:
    given_account_with_card(control, email="ada@acme.example")
    upsert_accounts(control, [an_account("acc-2", email="")])
    given_invoices(control, a_credit_note(), a_draft(), a_draft("acc-2"), a_draft(period="2026-02"))
    push(control, "2026-01", now=NOW)
    first, second = announce(control, "2026-01", now=NOW), announce(control, "2026-01", now=NOW)
    assert (first.written, first.before, [row.account_id for row in first.without_address], first.failed) == (2, 0, ["acc-2"], [])
    assert (second.written, second.before, len(second.without_address)) == (0, 2, 1)
    with control.store.reading() as connection:
        written = {row["subject"]: row["plain_body"] for row in mails.list_mails(connection)}
    assert set(written) == {"Credit note INV-000001 from Cloud AG", "Invoice INV-000002 from Cloud AG"}
    assert "with a total of 100.00 USD" in written["Invoice INV-000002 from Cloud AG"]
    assert "70.00 USD was charged to your payment method" in written["Invoice INV-000002 from Cloud AG"], "less the credit note"
    upsert_accounts(control, [an_account("acc-2", email="bo@late.example")])
    assert announce(control, "2026-01", now=NOW).written == 1
