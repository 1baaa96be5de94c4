"""ISO 4217: which currencies exist, and how many decimals the smallest amount of each has.

The table is our own and not a package's, because a currency that leaves the official list (as the lev did with 2025) must
keep its minor unit here: issued invoices name it for ever. A test holds it against the official list. Locale data is
no substitute: CLDR gives IQD no decimals, ISO 4217 gives it three. Amounts and rounding do not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from warehouse.errors import InputError

# The list as published on 2026-01-01, without the codes that have no minor unit (metals, XDR, XTS, XXX and the like):
# nothing can be invoiced in those. Adding a code is safe; changing a code's place re-rounds every amount in it.
_ACTIVE = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE
        CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
        LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON
        RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST
        XAD XCD XCG YER ZAR ZMW ZWG
        """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

# Left the list since the end of 2017. All have two decimals, which is also what SQL takes for a code it does not list
# (dbt_project/macros/currencies.sql); a withdrawn code with another number would have to be added there too.
_WITHDRAWN = {2: "ANG BGN CUC HRK MRO SLL STD VEF ZWL"}

MINOR_UNITS: Mapping[str, int] = MappingProxyType(
    {code: decimals for table in (_ACTIVE, _WITHDRAWN) for decimals, codes in table.items() for code in codes.split()}
)
"""Currency code to decimals of its smallest amount, 0 to 4: JPY 0, EUR 2, KWD 3, CLF 4."""


def minor_units(currency_code: str) -> int:
    """Decimals of the currency's smallest amount, 0 to 4.

    Raises:
        InputError: the code is not one of ISO 4217, or names something that has no minor unit (XAU, XXX).
    """
    try:
        return MINOR_UNITS[currency_code]
    except KeyError:
        raise InputError(f"{currency_code!r} is not a currency of ISO 4217 with a minor unit; write a code such as EUR") from None
