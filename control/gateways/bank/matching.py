"""Which open invoices an entry pays. Pure; certain only where the payer named them, else a proposal for a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from control.domain.money import Money
from control.gateways.bank.entries import EntryStatus, StatementEntry
from control.gateways.bank.references import creditor_reference, is_reference, references_in, signs_of


@dataclass(frozen=True, kw_only=True)
class OpenInvoice:
    """An invoice that waits for money. `payer_names` and `payer_accounts` are what we know of who may pay it."""

    invoice_id: str
    invoice_number: str
    account_id: str
    open: Money
    payer_names: tuple[str, ...] = ()
    payer_accounts: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """What stands on it for payers to write."""
        return creditor_reference(self.invoice_number)


class MatchKind(StrEnum):
    """How an entry was matched, the surest first."""

    REFERENCE = "reference"  # the bank passed our structured reference on
    TEXT = "text"  # the reference or the number stands in what the payer wrote
    PROPOSED = "proposed"  # amount, payer or a mistyped reference point to some invoices: a person decides
    RETURNED = "returned"  # money that went back: an earlier payment is undone
    NONE = "none"  # money for us that nothing points from
    IGNORED = "ignored"  # no money came: announced, informative, or a payment of ours


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """So much of the entry pays this invoice. `short` is what stays open on it."""

    invoice_id: str
    amount: Money
    short: Money


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """An invoice that the entry may pay, and why. Never applied without a person."""

    invoice_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Match:
    """What to do with an entry. `allocations` are certain; `over` came in beyond them and is the payer's to have back or use."""

    entry_id: str
    kind: MatchKind
    allocations: tuple[Allocation, ...] = ()
    over: Money | None = None  # None: nothing
    proposals: tuple[Proposal, ...] = ()
    reason: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether the allocations may be booked without a person."""
        return self.kind in (MatchKind.REFERENCE, MatchKind.TEXT)


def match(entry: StatementEntry, invoices: Iterable[OpenInvoice]) -> Match:
    """The invoices that an entry pays, among those open for the account it came to."""
    rows = [row for row in invoices if row.open.minor > 0]
    if entry.status is not EntryStatus.BOOKED or entry.amount.minor <= 0 or entry.is_reversal:
        return _no_money(entry)
    kind, named = _named(entry, rows)
    if not named:
        return _proposed(entry, rows)
    if foreign := next((row for row in named if row.open.currency_code != entry.amount.currency_code), None):
        reason = f"{foreign.invoice_number} is in {foreign.open.currency_code}, the entry in {entry.amount.currency_code}"
        return _undecided(entry, named, reason)
    if len({row.reference for row in named}) < len(named):
        return _undecided(entry, named, "several open invoices have this reference")
    return _allocated(entry, kind, named)


def _allocated(entry: StatementEntry, kind: MatchKind, named: Sequence[OpenInvoice]) -> Match:
    """One invoice takes what came; several only where the sum is exactly theirs, because nobody says how to divide the rest."""
    nothing = Money(0, entry.amount.currency_code)
    asked = sum((row.open for row in named), start=nothing)
    if len(named) > 1 and asked != entry.amount:
        return _undecided(entry, named, f"it names invoices that ask for {asked}")
    if len(named) > 1:
        parts = tuple(Allocation(invoice_id=row.invoice_id, amount=row.open, short=nothing) for row in named)
        return Match(entry_id=entry.entry_id, kind=kind, allocations=parts)
    (row,) = named
    over = entry.amount - row.open
    if over.minor > 0:
        part = Allocation(invoice_id=row.invoice_id, amount=row.open, short=nothing)
        return Match(entry_id=entry.entry_id, kind=kind, allocations=(part,), over=over)
    part = Allocation(invoice_id=row.invoice_id, amount=entry.amount, short=-over)
    return Match(entry_id=entry.entry_id, kind=kind, allocations=(part,))


def _named(entry: StatementEntry, rows: Sequence[OpenInvoice]) -> tuple[MatchKind, list[OpenInvoice]]:
    """The invoices that the payer named: by the structured field, else in the text."""
    if entry.reference and is_reference(entry.reference):
        named = [row for row in rows if row.reference == entry.reference]
        if named:
            return MatchKind.REFERENCE, named
    written = f"{entry.reference} {entry.text}"
    references = references_in(written) | references_in(entry.end_to_end_id)
    signs = signs_of(written)
    return MatchKind.TEXT, [row for row in rows if row.reference in references or _is_written(row.invoice_number, written, signs)]


def _is_written(invoice_number: str, written: str, signs: str) -> bool:
    """Whether the number stands in a text, with any separators, and not as a part of a longer one.

    Most are ruled out by `signs`, the text without separators: an entry is compared with every open invoice.
    """
    wanted = creditor_reference(invoice_number)[4:]
    if wanted not in signs:
        return False
    pattern = r"(?<![0-9A-Z])" + r"[\W_]*".join(wanted) + r"(?![0-9A-Z])"
    return re.search(pattern, written.upper()) is not None


def _proposed(entry: StatementEntry, rows: Sequence[OpenInvoice]) -> Match:
    """Invoices that something points to, the most telling first. None of it is enough to book."""
    ranked: list[tuple[int, Proposal]] = []
    for row in rows:
        if row.open.currency_code != entry.amount.currency_code:
            continue
        reasons = [text for is_true, text in _hints(entry, row) if is_true]
        if reasons:
            ranked.append((len(reasons), Proposal(invoice_id=row.invoice_id, reason=", ".join(reasons))))
    best = tuple(proposal for _, proposal in sorted(ranked, key=lambda item: -item[0]))
    kind = MatchKind.PROPOSED if best else MatchKind.NONE
    return Match(entry_id=entry.entry_id, kind=kind, over=entry.amount, proposals=best, reason="it names no open invoice")


def _hints(entry: StatementEntry, row: OpenInvoice) -> list[tuple[bool, str]]:
    is_payer = bool(entry.payer_account) and entry.payer_account in row.payer_accounts
    return [
        (_is_mistyped(entry.reference, row), "the reference is this one but for its check digits"),
        (row.open == entry.amount, "the amount is what is open"),
        (is_payer, "the payer's account is known"),
        (not is_payer and any(_is_same_name(entry.payer_name, name) for name in row.payer_names), "the payer's name is known"),
    ]


def _is_mistyped(reference: str, row: OpenInvoice) -> bool:
    return bool(reference) and not is_reference(reference) and reference[4:] == row.reference[4:]


def _is_same_name(given: str, known: str) -> bool:
    """Whether two names are the same words, or one is all of the other's words and more."""
    one, other = (frozenset(re.findall(r"\w+", name.casefold())) for name in (given, known))
    return bool(one and other) and (one <= other or other <= one)


def _undecided(entry: StatementEntry, named: Sequence[OpenInvoice], reason: str) -> Match:
    proposals = tuple(Proposal(invoice_id=row.invoice_id, reason="the payer named it") for row in named)
    return Match(entry_id=entry.entry_id, kind=MatchKind.PROPOSED, over=entry.amount, proposals=proposals, reason=reason)


def _no_money(entry: StatementEntry) -> Match:
    """An entry that brings nothing: a payment that came back to its payer, or none of a payer's."""
    kind, reason = MatchKind.IGNORED, "it is a payment of ours"
    if entry.status is not EntryStatus.BOOKED:
        reason = f"it is {entry.status} and not booked"
    elif entry.amount.minor > 0:
        reason = "it gives back a payment of ours"
    elif entry.is_reversal or entry.return_reason:
        kind = MatchKind.RETURNED
        reason = f"it was sent back ({entry.return_reason})" if entry.return_reason else "the bank took it back"
    return Match(entry_id=entry.entry_id, kind=kind, reason=reason)
