"""ISO 20022 account statements (camt.053.001.02 to .08, and later ones of the same form) as statements and entries of ours.

What changed between the versions is where a thing stands: a status became an element of its own, parties got one more level.
Each is looked for in both places.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element

from control.domain.money import Money
from control.gateways.bank.entries import EntryStatus, Statement, StatementEntry, StatementError
from control.gateways.bank.xml import child, children, local, parse, text
from warehouse.errors import InputError

_NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.\d{2}\}Document\Z")
_STATUS = {"BOOK": EntryStatus.BOOKED, "PDNG": EntryStatus.PENDING, "INFO": EntryStatus.INFORMATION, "FUTR": EntryStatus.PENDING}
# As the standard has it: at most 18 digits, at most 5 of them decimals, no sign and no exponent.
_AMOUNT = re.compile(r"\d{1,18}(\.\d{0,5})?\Z", re.ASCII)
# What banks write where they have no reference.
_NO_REFERENCE = frozenset({"", "NOTPROVIDED", "NONREF", "NOREF", "0"})


def read_statements(data: bytes) -> tuple[Statement, ...]:
    """The statements of one file.

    Raises:
        StatementError: no camt.053, a value that is no amount or no date, or entries that do not lead to the closing balance.
    """
    root = parse(data)
    if not _NAMESPACE.match(root.tag):
        raise StatementError(f"the file is a {local(root.tag)} of {root.tag[1:].partition('}')[0] or 'no namespace'}, not a camt.053")
    found = tuple(_statement(element) for element in children(root, "BkToCstmrStmt/Stmt"))
    if not found:
        raise StatementError("the file has no statement in it")
    return found


def _statement(element: Element) -> Statement:
    statement_id = text(element, "Id")
    account = text(element, "Acct/Id/IBAN", "Acct/Id/Othr/Id").replace(" ", "")
    if not statement_id or not account:
        raise StatementError("a statement needs its Id and its account")
    balances = {text(balance, "Tp/CdOrPrtry/Cd"): _amount(balance) for balance in children(element, "Bal")}
    opening, closing = balances.get("OPBD", balances.get("PRCD")), balances.get("CLBD")
    currency = text(element, "Acct/Ccy") or (closing.currency_code if closing else "")
    rows = [row for entry in children(element, "Ntry") for row in _entries(entry)]
    return Statement(
        statement_id=statement_id,
        account=account,
        currency_code=currency,
        opening=opening,
        closing=closing,
        entries=tuple(_identified(rows, account=account, statement_id=statement_id)),
    )


@dataclass(frozen=True, kw_only=True)
class _Row:
    """An entry before it has its id: `own_reference` is the bank's for exactly this row, or empty."""

    entry: StatementEntry
    own_reference: str


def _entries(entry: Element) -> Iterator[_Row]:
    """An entry, or its parts where the bank tells the amount of each and they add up to it."""
    total = _amount(entry)
    details = list(children(entry, "NtryDtls/TxDtls"))
    parts = [_part_amount(detail, total) for detail in details]
    known = [part for part in parts if part is not None]
    bank_reference = _reference(text(entry, "AcctSvcrRef"))
    if len(details) > 1 and len(known) == len(details) and sum(known, start=Money(0, total.currency_code)) == total:
        for number, (detail, amount) in enumerate(zip(details, known, strict=True), start=1):
            own = _reference(text(detail, "Refs/AcctSvcrRef"))
            own = own if own and own != bank_reference else f"{bank_reference}/{number}" if bank_reference else ""
            yield _Row(entry=_entry(entry, detail, amount, bank_reference=bank_reference), own_reference=own)
        return
    is_whole_batch = len(details) > 1 or text(entry, "NtryDtls/Btch/NbOfTxs") not in ("", "0", "1")
    only = details[0] if details and not is_whole_batch else None
    bank_reference = bank_reference or _reference(text(only, "Refs/AcctSvcrRef"))
    made = _entry(entry, only, total, bank_reference=bank_reference, is_whole_batch=is_whole_batch)
    yield _Row(entry=made, own_reference=bank_reference)


def _entry(entry: Element, detail: Element | None, amount: Money, *, bank_reference: str, is_whole_batch: bool = False) -> StatementEntry:
    status = text(entry, "Sts/Cd", "Sts") or "BOOK"
    if status not in _STATUS:
        raise StatementError(f"an entry of {amount} has the status {status!r}; known are {', '.join(_STATUS)}")
    is_credit = amount.minor >= 0
    party = "Dbtr" if is_credit else "Cdtr"
    lines = [" ".join((line.text or "").split()) for line in children(detail, "RmtInf/Ustrd")]
    structured = text(detail, "RmtInf/Strd/CdtrRefInf/Ref")
    extra = text(detail, "AddtlTxInf") or text(entry, "AddtlNtryInf")
    return StatementEntry(
        entry_id="",
        account="",
        status=_STATUS[status],
        amount=amount,
        booked_date=_date(entry, "BookgDt"),
        value_date=_date(entry, "ValDt"),
        reference=re.sub(r"[\s\-.]", "", structured).upper(),
        text=" ".join(line for line in (*lines, "" if lines else extra) if line),
        payer_name=text(detail, f"RltdPties/{party}/Nm", f"RltdPties/{party}/Pty/Nm", f"RltdPties/Ultmt{party}/Nm"),
        payer_account=text(detail, f"RltdPties/{party}Acct/Id/IBAN", f"RltdPties/{party}Acct/Id/Othr/Id").replace(" ", ""),
        end_to_end_id=_reference(text(detail, "Refs/EndToEndId")),
        bank_reference=bank_reference,
        is_reversal=text(entry, "RvslInd").lower() in ("true", "1"),
        return_reason=text(detail, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry") or text(entry, "RtrInf/Rsn/Cd"),
        is_whole_batch=is_whole_batch,
    )


def _identified(rows: list[_Row], *, account: str, statement_id: str) -> Iterator[StatementEntry]:
    """The entries with their ids.

    The bank's own reference tells a booked entry also when it comes again in another statement. Where it has none, the
    statement's Id, the content and its place among equals do: two equal payments of one day stay two. An announced entry and the
    booked one are two.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        entry = row.entry
        moved = (str(entry.amount), entry.status.value)
        said = (entry.reference, entry.text, entry.payer_account, entry.payer_name, entry.end_to_end_id)
        dates = (str(entry.booked_date), str(entry.value_date))
        identity = (row.own_reference, *moved) if row.own_reference else (statement_id, *moved, *dates, *said)
        seen[identity] += 1
        parts = (account, *identity, str(seen[identity]))
        yield _with_id(entry, account, hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32])


def _with_id(entry: StatementEntry, account: str, entry_id: str) -> StatementEntry:
    values = {name: getattr(entry, name) for name in StatementEntry.__dataclass_fields__}
    return StatementEntry(**(values | {"account": account, "entry_id": entry_id}))


def _amount(element: Element) -> Money:
    """What an entry or a balance says: above zero in our favour."""
    sign = text(element, "CdtDbtInd")
    if sign not in ("CRDT", "DBIT"):
        raise StatementError(f"an amount is neither CRDT nor DBIT but {sign!r}")
    money = _money(child(element, "Amt"))
    return money if sign == "CRDT" else -money


def _part_amount(detail: Element, total: Money) -> Money | None:
    """The amount of one part of a batch with the sign of the whole; None where the bank does not tell it in its currency."""
    found = child(detail, "Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")
    if found is None:
        return None
    money = _money(found)
    if money.currency_code != total.currency_code:
        return None
    sign = text(detail, "CdtDbtInd")
    is_debit = sign == "DBIT" if sign else total.minor < 0
    return -money if is_debit else money


def _money(element: Element | None) -> Money:
    if element is None:
        raise StatementError("an entry has no amount")
    said, currency = (element.text or "").strip(), element.get("Ccy", "")
    try:
        if _AMOUNT.match(said):
            return Money.from_decimal(Decimal(said), currency)
    except (ValueError, InputError):
        pass
    raise StatementError(f"{said[:30]!r} {currency[:10]!r} is no amount")


def _date(entry: Element, name: str) -> date | None:
    said = text(entry, f"{name}/Dt", f"{name}/DtTm")[:10]
    if not said:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise StatementError(f"{said!r} is no date") from None


def _reference(said: str) -> str:
    return "" if said.upper() in _NO_REFERENCE else said
