"""The structured reference of an invoice (ISO 11649, `RF18 INV0 0000 1`), and finding one in what a payer wrote."""

from __future__ import annotations

import re
from functools import lru_cache

from stdnum import iso11649
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_97_10

# `RF`, two check digits, 1 to 21 letters and digits; payers and banks put spaces and punctuation anywhere.
_MOST_CHARACTERS = 21
_SEPARATORS = re.compile(r"[\s\-./,:;_]+")
_CANDIDATE = re.compile(r"RF\d{2}[0-9A-Z]{1,21}")


@lru_cache(maxsize=100_000)
def creditor_reference(invoice_number: str) -> str:
    """The reference that stands on an invoice: `RF`, check digits, and the letters and digits of its number.

    Two numbers that differ in punctuation only have the same reference; `match` applies no entry where two open invoices do.

    Raises:
        ValueError: the number has no letter or digit, or more than 21.
    """
    body = signs_of(invoice_number)
    if not 1 <= len(body) <= _MOST_CHARACTERS:
        raise ValueError(f"{invoice_number!r} makes no creditor reference: it needs 1 to {_MOST_CHARACTERS} letters and digits")
    return f"RF{mod_97_10.calc_check_digits(body + 'RF')}{body}"


def signs_of(text: str) -> str:
    """The letters and digits of a text, in upper case: what is left of it when a bank has broken it."""
    return re.sub(r"[^0-9A-Z]", "", text.upper())


def printed(reference: str) -> str:
    """In groups of four, as it stands on paper."""
    return str(iso11649.format(reference))


def references_in(text: str) -> frozenset[str]:
    """All valid creditor references in a text, without separators, however the text is broken.

    A line break or a word right after a reference could read as more of it: each length whose check digits are right counts.
    """
    squeezed = _SEPARATORS.sub("", text.upper())
    found: set[str] = set()
    for start in (match.start() for match in re.finditer("RF(?=\\d{2})", squeezed)):
        candidate = _CANDIDATE.match(squeezed, start)
        if candidate:
            found.update(shorter for end in range(5, len(candidate[0]) + 1) if is_reference(shorter := candidate[0][:end]))
    return frozenset(found)


def is_reference(text: str) -> bool:
    """Whether the check digits are right."""
    try:
        iso11649.validate(text)
    except ValidationError:
        return False
    return True
