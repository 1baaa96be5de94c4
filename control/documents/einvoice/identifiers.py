"""Tax ids as EN 16931 wants them: a VAT identifier begins with a country's prefix (BR-CO-09); anything else is none."""

from __future__ import annotations

from stdnum.eu import vat

# Greece writes EL. A company may be registered for tax in another country of the union than it sits in.
_UNION = frozenset("EL" if state == "gr" else state.upper() for state in vat.MEMBER_STATES)
_PREFIXES = {"GR": "EL"}


def vat_id(country_code: str, tax_id: str) -> str:
    """The VAT identifier with its prefix, without spaces; empty where the tax id is none that the standard knows.

    An id of the European Union that was written without its prefix gets it, if its check digits are right.
    """
    compact = "".join(sign for sign in tax_id.upper() if sign.isalnum())
    prefix = _PREFIXES.get(country_code, country_code)
    if compact[:2] in (_UNION | {prefix}) and len(compact) > 2:
        return compact
    if prefix in _UNION and compact and vat.is_valid(prefix + compact):
        return prefix + compact
    return ""
