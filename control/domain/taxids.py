"""Whether a tax id can be right: its form and check digits, by python-stdnum. Nobody is asked whether it is in force."""

from __future__ import annotations

from stdnum import get_cc_module
from stdnum.exceptions import ValidationError

from warehouse.errors import InputError

# What python-stdnum calls the number that a business is taxed under, by preference.
_KINDS = ("vat", "gst", "tin", "ein", "businessid")


def checked_tax_id(country_code: str, tax_id: str) -> str:
    """The tax id in its compact form; empty stays empty. Countries the library does not know are taken as they are.

    Raises:
        InputError: its form or check digits are wrong for the country.
    """
    if not tax_id:
        return ""
    modules = [module for kind in _KINDS if (module := get_cc_module(country_code.lower(), kind)) is not None]
    if not modules:
        return tax_id.strip()
    reasons = []
    for module in modules:
        try:
            number: str = module.validate(tax_id)
        except ValidationError as error:
            reasons.append(str(error))
        else:
            return _with_prefix(tax_id, number)
    raise InputError(f"{tax_id!r} is no tax id of {country_code}: {reasons[0].lower().rstrip('.')}; leave it empty where there is none")


def _with_prefix(written: str, number: str) -> str:
    """An id that was written as in the European Union, after its country (`DE123456788`, `EL094259216`), stays so."""
    prefix = written.strip()[:2].upper()
    return f"{prefix}{number}" if prefix.isalpha() and not number.startswith(prefix) else number
