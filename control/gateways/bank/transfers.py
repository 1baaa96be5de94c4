"""Writes credit transfers for the bank: an ISO 20022 pain.001.001.09 message, as online banking takes it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, tostring

from control.domain.payouts import Payout

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
# What SEPA banks carry through; the rest is written with it where it can be, else as a dot.
_FOREIGN = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_NAME_LENGTH, _TEXT_LENGTH = 70, 140
_TRANSLITERATED = str.maketrans({"ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "ł": "l", "Ł": "L", "&": "+"})


def write_transfers(payouts: Sequence[Payout], *, export_id: str, debtor: str, made_at: datetime) -> bytes:
    """One message with all transfers, a block for each account of ours and currency.

    The same arguments give the same bytes. Each transfer is booked by itself, so that the statement names it.

    Args:
        payouts: what to transfer; at least one.
        export_id: of the message; banks refuse one that they had already.
        debtor: who we are.
        made_at: when the message was decided; the bank should execute it that day.
    """
    document = Element("Document", {"xmlns": _NAMESPACE})
    message = SubElement(document, "CstmrCdtTrfInitn")
    header = SubElement(message, "GrpHdr")
    _add(header, "MsgId", export_id)
    _add(header, "CreDtTm", f"{made_at:%Y-%m-%dT%H:%M:%S}Z")
    _totals(header, payouts)
    _add(SubElement(header, "InitgPty"), "Nm", _latin(debtor, _NAME_LENGTH))
    blocks: dict[tuple[str, str], list[Payout]] = defaultdict(list)
    for payout in payouts:
        blocks[payout.bank_account, payout.amount.currency_code].append(payout)
    for number, ((account, currency), own) in enumerate(sorted(blocks.items()), start=1):
        _block(message, own, block_id=f"{export_id[:31]}-{number}", debtor=debtor, account=account, currency=currency, on=made_at.date())
    content: str = tostring(document, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{content}\n'.encode()


def _block(message: Element, payouts: Sequence[Payout], *, block_id: str, debtor: str, account: str, currency: str, on: date) -> None:
    block = SubElement(message, "PmtInf")
    _add(block, "PmtInfId", block_id)
    _add(block, "PmtMtd", "TRF")
    _add(block, "BtchBookg", "false")
    _totals(block, payouts)
    if currency == "EUR":
        _add(SubElement(SubElement(block, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    _add(SubElement(block, "ReqdExctnDt"), "Dt", on.isoformat())
    _add(SubElement(block, "Dbtr"), "Nm", _latin(debtor, _NAME_LENGTH))
    own = SubElement(SubElement(block, "DbtrAcct"), "Id")
    if re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}", account):
        _add(own, "IBAN", account)
    else:
        _add(SubElement(own, "Othr"), "Id", account)
    _add(SubElement(SubElement(SubElement(block, "DbtrAgt"), "FinInstnId"), "Othr"), "Id", "NOTPROVIDED")
    _add(block, "ChrgBr", "SLEV" if currency == "EUR" else "SHAR")
    for payout in payouts:
        transfer = SubElement(block, "CdtTrfTxInf")
        _add(SubElement(transfer, "PmtId"), "EndToEndId", payout.payout_id)
        amount = SubElement(SubElement(transfer, "Amt"), "InstdAmt", {"Ccy": currency})
        amount.text = f"{payout.amount.amount:f}"
        _add(SubElement(transfer, "Cdtr"), "Nm", _latin(payout.payee.name, _NAME_LENGTH))
        _add(SubElement(SubElement(transfer, "CdtrAcct"), "Id"), "IBAN", payout.payee.account)
        _add(SubElement(transfer, "RmtInf"), "Ustrd", _latin(payout.remittance, _TEXT_LENGTH))


def _totals(element: Element, payouts: Sequence[Payout]) -> None:
    """Their number, and the sum of the bare figures, whatever their currencies: banks compare it, nobody reads it."""
    _add(element, "NbOfTxs", str(len(payouts)))
    _add(element, "CtrlSum", f"{sum((payout.amount.amount for payout in payouts), start=Decimal(0)):f}")


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _latin(text: str, length: int) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_TRANSLITERATED))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(_FOREIGN.sub(".", plain).split())[:length].strip() or "."
