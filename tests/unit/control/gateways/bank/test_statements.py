"""Statements of every version read the same, nothing of a wrong one is taken, and each entry has one id for ever."""

from __future__ import annotations

import contextlib
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.domain.money import Money
from control.gateways.bank import StatementError, read_statements
from control.gateways.bank.entries import EntryStatus, StatementEntry
from control.testing.bank_statement import OUR_IBAN, Transfer, write_statement

VERSIONS = range(2, 9)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def entries(data: bytes) -> list[StatementEntry]:
    return [entry for statement in read_statements(data) for entry in statement.entries]


def entry(data: bytes) -> StatementEntry:
    (only,) = entries(data)
    return only


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_says_the_same(version: int) -> None:
    sent = Transfer(amount=eur(10710), text="Invoice\nINV-000001", reference="RF69 INV0 0000 1", end_to_end_id="E2E-1", bank_reference="B1")
    read = entry(write_statement([sent], version=version))
    assert (read.amount, read.status, read.booked_date) == (eur(10710), EntryStatus.BOOKED, date(2026, 3, 2))
    assert (read.reference, read.text) == ("RF69INV000001", "Invoice INV-000001")
    assert (read.payer_name, read.payer_account) == ("Forty-Two GmbH", "DE02120300000000202051")
    assert (read.end_to_end_id, read.bank_reference, read.account) == ("E2E-1", "B1", OUR_IBAN)
    assert (read.is_reversal, read.return_reason, read.is_whole_batch) == (False, "", False)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_parts_of_a_batch_are_entries_of_their_own(version: int) -> None:
    parts = [Transfer(amount=eur(100), text="one"), Transfer(amount=eur(200), text="two"), Transfer(amount=eur(100), text="one")]
    read = entries(write_statement([parts], version=version, bank_references=["BATCH"]))
    assert [(one.amount, one.text) for one in read] == [(eur(100), "one"), (eur(200), "two"), (eur(100), "one")]
    assert len({one.entry_id for one in read}) == 3
    assert not any(one.is_whole_batch for one in read)


def test_a_batch_whose_parts_do_not_add_up_stays_whole() -> None:
    data = write_statement([[Transfer(amount=eur(100)), Transfer(amount=eur(200))]])
    parts = data.replace(b'<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy="EUR">1.00</Amt>', b"<TxDtls>", 1)
    read = entry(parts)
    assert (read.amount, read.is_whole_batch, read.payer_name) == (eur(300), True, "")


def test_money_that_left_is_below_zero_and_says_why_it_was_sent_back() -> None:
    back = entry(write_statement([Transfer(amount=eur(-500), return_reason="AC04", payer_name="Somebody")]))
    assert (back.amount, back.return_reason, back.payer_name) == (eur(-500), "AC04", "Somebody")
    undone = entry(write_statement([Transfer(amount=eur(-500), is_reversal=True)]))
    assert (undone.amount, undone.is_reversal) == (eur(-500), True)


@pytest.mark.parametrize(
    ("code", "status"), [("BOOK", EntryStatus.BOOKED), ("PDNG", EntryStatus.PENDING), ("INFO", EntryStatus.INFORMATION)]
)
@pytest.mark.parametrize("version", [2, 8])
def test_what_is_only_announced_is_not_booked(code: str, status: EntryStatus, version: int) -> None:
    assert entry(write_statement([Transfer(amount=eur(1), status=code)], version=version)).status is status


def test_the_balances_are_read_and_an_overdrawn_account_is_below_zero() -> None:
    (statement,) = read_statements(write_statement([Transfer(amount=eur(-5000))], opening=Decimal("10.00")))
    assert (statement.opening, statement.closing, statement.currency_code) == (eur(1000), eur(-4000), "EUR")


def test_currencies_have_their_own_decimals() -> None:
    yen = write_statement([Transfer(amount=Money(1100, "JPY"))], currency_code="JPY")
    assert entry(yen).amount == Money(1100, "JPY")
    with pytest.raises(StatementError, match=r"'11\.5' 'JPY' is no amount"):
        read_statements(yen.replace(b">1100<", b">11.5<", 1))


# --- identity


@given(st.lists(st.builds(Transfer, amount=st.integers(1, 3).map(eur), text=st.sampled_from(["a", "b"])), max_size=8))
def test_reading_twice_gives_the_same_ids_and_equal_payments_stay_apart(transfers: list[Transfer]) -> None:
    data = write_statement(transfers)
    ids = [one.entry_id for one in entries(data)]
    assert ids == [one.entry_id for one in entries(data)]
    assert len(set(ids)) == len(transfers)


def test_an_entry_is_known_again_by_the_banks_reference_in_another_statement() -> None:
    sent = Transfer(amount=eur(100), bank_reference="B1")
    first, again = (entry(write_statement([sent], statement_id=name)) for name in ("STMT-1", "STMT-1-corrected"))
    assert first.entry_id == again.entry_id


def test_equal_entries_of_two_statements_without_a_reference_are_two() -> None:
    one, other = (entry(write_statement([Transfer(amount=eur(100))], statement_id=name)) for name in ("STMT-1", "STMT-2"))
    assert one.entry_id != other.entry_id


def test_an_announced_entry_and_the_booked_one_are_two() -> None:
    announced, booked = (
        entry(write_statement([Transfer(amount=eur(100), bank_reference="B1", status=status)])) for status in ("PDNG", "BOOK")
    )
    assert announced.entry_id != booked.entry_id


# --- what is not taken


def test_a_statement_that_does_not_add_up_is_refused() -> None:
    data = write_statement([Transfer(amount=eur(100)), Transfer(amount=eur(200))])
    cut = data[: data.index(b"<Ntry>")] + data[data.rindex(b"<Ntry>") :]
    with pytest.raises(StatementError, match="does not add up"):
        read_statements(cut)


_BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><Document>&y;</Document>'
_FILE = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>'


@pytest.mark.parametrize("data", [_BOMB, _FILE, b'<!DOCTYPE Document SYSTEM "http://192.0.2.1/a.dtd"><Document/>'])
def test_a_document_type_is_refused_before_anything_is_expanded(data: bytes) -> None:
    with pytest.raises(StatementError, match="document type"):
        read_statements(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no well-formed XML"),
        (b"not xml", "no well-formed XML"),
        (b"<Document>", "no well-formed XML"),
        (b'<?xml version="1.0" encoding="TF-8"?><Document/>', "unknown encoding"),
        (b"<Document/>", "not a camt.053"),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"/>', "not a camt.053"),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"/>', "no statement"),
    ],
)
def test_what_is_no_statement_is_refused_in_a_sentence(data: bytes, reason: str) -> None:
    with pytest.raises(StatementError, match=reason):
        read_statements(data)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"<CdtDbtInd>CRDT</CdtDbtInd><Sts>", b"<CdtDbtInd>XXXX</CdtDbtInd><Sts>", "neither CRDT nor DBIT"),
        (b"<Cd>BOOK</Cd>", b"<Cd>GONE</Cd>", "status 'GONE'"),
        (b"<BookgDt><Dt>2026-03-02", b"<BookgDt><Dt>2026-02-30", "no date"),
        (b">1.00<", b">1e400000<", "no amount"),
        (b">1.00<", b">NaN<", "no amount"),
        (b'Ccy="EUR">1.00<', b'Ccy="XYZ">1.00<', "no amount"),
        (b"<Id>STMT-1</Id>", b"", "its Id"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(old: bytes, new: bytes, reason: str) -> None:
    data = write_statement([Transfer(amount=eur(100))])
    assert old in data
    with pytest.raises(StatementError, match=reason):
        read_statements(data.replace(old, new, 1))


@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    whole = write_statement([Transfer(amount=eur(100)), [Transfer(amount=eur(1)), Transfer(amount=eur(2))]])
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, 40))
    with contextlib.suppress(StatementError):
        read_statements(whole[:start] + whole[start + length :])
