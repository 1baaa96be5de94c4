"""Writes account statements as a bank does (ISO 20022 camt.053), for tests and the demo.

Not a model of a bank: the balances follow from the payments, so that a statement always adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from control.domain.money import Money

OUR_IBAN = "DE89370400440532013000"


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """One movement: above zero what a payer sent, below zero what left the account. Empty texts are left out."""

    amount: Money
    text: str = ""
    reference: str = ""
    payer_name: str = "Forty-Two GmbH"
    payer_account: str = "DE02120300000000202051"
    end_to_end_id: str = "NOTPROVIDED"
    bank_reference: str = ""
    status: str = "BOOK"
    is_reversal: bool = False
    return_reason: str = ""


def write_statement(
    transfers: Sequence[Transfer | Sequence[Transfer]],
    *,
    statement_id: str = "STMT-1",
    booked_date: date = date(2026, 3, 2),
    currency_code: str = "EUR",
    version: int = 8,
    opening: Decimal = Decimal(1000),
    bank_references: Sequence[str] = (),
) -> bytes:
    """A statement of one day. A sequence of transfers inside is a batch, with its bank reference from `bank_references`.

    `version` is the last part of camt.053.001.NN: up to 3 amounts of parts stand in AmtDtls, from 8 on a status and a party have
    one more level.
    """
    rows = [[transfer] if isinstance(transfer, Transfer) else list(transfer) for transfer in transfers]
    booked = [transfer.amount.amount for row in rows for transfer in row if transfer.status == "BOOK"]
    writer = _Writer(version=version, booked_date=booked_date, currency_code=currency_code)
    references = [*bank_references, *[""] * len(rows)]
    entries = "".join(writer.entry(row, bank_reference) for row, bank_reference in zip(rows, references, strict=False))
    closing = opening + sum(booked, start=Decimal(0))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version:02d}">'
        f"<BkToCstmrStmt><GrpHdr><MsgId>MSG-{statement_id}</MsgId><CreDtTm>{booked_date}T23:59:00Z</CreDtTm></GrpHdr>"
        f"<Stmt><Id>{escape(statement_id)}</Id><ElctrncSeqNb>1</ElctrncSeqNb>"
        f"<Acct><Id><IBAN>{OUR_IBAN}</IBAN></Id><Ccy>{currency_code}</Ccy></Acct>"
        f"{writer.balance('OPBD', opening)}{writer.balance('CLBD', closing)}{entries}</Stmt></BkToCstmrStmt></Document>\n"
    ).encode()


@dataclass(frozen=True, kw_only=True)
class _Writer:
    version: int
    booked_date: date
    currency_code: str

    def balance(self, code: str, amount: Decimal) -> str:
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{self._amount(amount)}{_sign(amount)}"
            f"<Dt><Dt>{self.booked_date}</Dt></Dt></Bal>"
        )

    def entry(self, row: Sequence[Transfer], bank_reference: str) -> str:
        total = sum((transfer.amount.amount for transfer in row), start=Decimal(0))
        first = row[0]
        status = f"<Cd>{first.status}</Cd>" if self.version >= 8 else first.status
        own = bank_reference or (first.bank_reference if len(row) == 1 else "")
        batch = f"<Btch><NbOfTxs>{len(row)}</NbOfTxs></Btch>" if len(row) > 1 else ""
        details = "".join(self._detail(transfer, is_part=len(row) > 1) for transfer in row)
        return (
            f"<Ntry>{self._amount(total)}{_sign(total)}{'<RvslInd>true</RvslInd>' if first.is_reversal else ''}<Sts>{status}</Sts>"
            f"<BookgDt><Dt>{self.booked_date}</Dt></BookgDt><ValDt><Dt>{self.booked_date}</Dt></ValDt>"
            f"{_given('AcctSvcrRef', own)}<BkTxCd><Domn><Cd>PMNT</Cd></Domn></BkTxCd><NtryDtls>{batch}{details}</NtryDtls></Ntry>"
        )

    def _detail(self, transfer: Transfer, *, is_part: bool) -> str:
        amount = self._amount(transfer.amount.amount)
        told = f"<AmtDtls><TxAmt>{amount}</TxAmt></AmtDtls>" if self.version <= 3 else f"{amount}{_sign(transfer.amount.amount)}"
        party = "Dbtr" if transfer.amount.minor >= 0 else "Cdtr"
        name = _given("Nm", transfer.payer_name)
        account = f"<{party}Acct><Id><IBAN>{transfer.payer_account}</IBAN></Id></{party}Acct>" if transfer.payer_account else ""
        structured = f"<Strd><CdtrRefInf>{_given('Ref', transfer.reference)}</CdtrRefInf></Strd>" if transfer.reference else ""
        returned = f"<RtrInf><Rsn><Cd>{transfer.return_reason}</Cd></Rsn></RtrInf>" if transfer.return_reason else ""
        own = _given("AcctSvcrRef", transfer.bank_reference if is_part else "")
        return (
            f"<TxDtls><Refs>{own}{_given('EndToEndId', transfer.end_to_end_id)}</Refs>{told if is_part else ''}"
            f"<RltdPties><{party}>{f'<Pty>{name}</Pty>' if self.version >= 8 else name}</{party}>{account}</RltdPties>"
            f"<RmtInf>{_given('Ustrd', transfer.text)}{structured}</RmtInf>{returned}</TxDtls>"
        )

    def _amount(self, amount: Decimal) -> str:
        return f"<Amt Ccy={quoteattr(self.currency_code)}>{abs(amount):f}</Amt>"


def _sign(amount: Decimal) -> str:
    return f"<CdtDbtInd>{'CRDT' if amount >= 0 else 'DBIT'}</CdtDbtInd>"


def _given(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""
