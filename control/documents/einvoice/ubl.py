"""Writes an e-invoice as UBL 2.1: an Invoice, or a CreditNote for type 381."""

from __future__ import annotations

from decimal import Decimal

from control.documents.einvoice.cii import GUIDELINE
from control.documents.einvoice.semantics import CREDIT_NOTE, EInvoice, ELine, Party
from control.documents.einvoice.writing import Element, Writer
from control.domain.money import plain

_ROOT = "urn:oasis:names:specification:ubl:schema:xsd:{kind}-2"
_COMMON: dict[str | None, str] = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def to_ubl(invoice: EInvoice) -> bytes:
    """The XML document."""
    return _Ubl(invoice).write()


class _Ubl:
    """Elements in the order of the schema, one method a group."""

    def __init__(self, invoice: EInvoice) -> None:
        self._invoice = invoice
        self._is_credit = invoice.type_code == CREDIT_NOTE
        self._kind = "CreditNote" if self._is_credit else "Invoice"
        self._out = Writer(self._kind, {None: _ROOT.format(kind=self._kind), **_COMMON})

    def write(self) -> bytes:
        out, invoice, root = self._out, self._invoice, self._out.root
        out.add(root, "cbc:CustomizationID", GUIDELINE)
        out.add(root, "cbc:ID", invoice.number)
        out.add(root, "cbc:IssueDate", invoice.issue_date.isoformat())
        if invoice.due_date:
            out.add(root, "cbc:DueDate", invoice.due_date.isoformat())
        out.add(root, f"cbc:{self._kind}TypeCode", invoice.type_code)
        for note in invoice.notes:
            out.add(root, "cbc:Note", note)
        out.add(root, "cbc:DocumentCurrencyCode", invoice.currency_code)
        out.add_if(root, "cbc:BuyerReference", invoice.buyer_reference)
        period = out.add(root, "cac:InvoicePeriod")
        out.add(period, "cbc:StartDate", invoice.period_start.isoformat())
        out.add(period, "cbc:EndDate", invoice.period_end.isoformat())
        if invoice.preceding:
            number, issued_on = invoice.preceding
            reference = out.add(root, "cac:BillingReference/cac:InvoiceDocumentReference")
            out.add(reference, "cbc:ID", number)
            out.add(reference, "cbc:IssueDate", issued_on.isoformat())
        self._party(out.add(root, "cac:AccountingSupplierParty/cac:Party"), invoice.seller)
        self._party(out.add(root, "cac:AccountingCustomerParty/cac:Party"), invoice.buyer)
        out.add(root, "cac:Delivery/cbc:ActualDeliveryDate", invoice.period_end.isoformat())
        means = out.add(root, "cac:PaymentMeans")
        out.add(means, "cbc:PaymentMeansCode", invoice.payment_means)
        out.add_if(means, "cbc:PaymentID", invoice.remittance)
        out.add_if(means, "cac:PayeeFinancialAccount/cbc:ID", invoice.iban)
        out.add(root, "cac:PaymentTerms/cbc:Note", invoice.payment_terms)
        for reason, amount in invoice.allowances:
            allowance = out.add(root, "cac:AllowanceCharge")
            out.add(allowance, "cbc:ChargeIndicator", "false")
            out.add(allowance, "cbc:AllowanceChargeReason", reason)
            self._amount(allowance, "cbc:Amount", amount)
            self._category(out.add(allowance, "cac:TaxCategory"), with_reason=False)
        self._totals()
        for line in invoice.lines:
            self._line(line)
        return out.document()

    def _party(self, element: Element, party: Party) -> None:
        out = self._out
        out.add_if(element, "cac:PartyIdentification/cbc:ID", party.identifier)
        address = out.add(element, "cac:PostalAddress")
        out.add_if(address, "cbc:StreetName", party.street)
        out.add_if(address, "cbc:CityName", party.city)
        out.add_if(address, "cbc:PostalZone", party.postal_code)
        out.add(address, "cac:Country/cbc:IdentificationCode", party.country_code)
        for tax_id, scheme in ((party.vat_id, "VAT"), (party.tax_registration, "TAX")):
            if tax_id:
                registration = out.add(element, "cac:PartyTaxScheme")
                out.add(registration, "cbc:CompanyID", tax_id)
                out.add(registration, "cac:TaxScheme/cbc:ID", scheme)
        legal = out.add(element, "cac:PartyLegalEntity")
        out.add(legal, "cbc:RegistrationName", party.name)
        out.add_if(legal, "cbc:CompanyID", party.legal_registration)

    def _totals(self) -> None:
        out, invoice, root = self._out, self._invoice, self._out.root
        total = out.add(root, "cac:TaxTotal")
        self._amount(total, "cbc:TaxAmount", invoice.tax)
        part = out.add(total, "cac:TaxSubtotal")
        self._amount(part, "cbc:TaxableAmount", invoice.taxable)
        self._amount(part, "cbc:TaxAmount", invoice.tax)
        self._category(out.add(part, "cac:TaxCategory"), with_reason=True)
        totals = out.add(root, "cac:LegalMonetaryTotal")
        self._amount(totals, "cbc:LineExtensionAmount", invoice.line_total)
        self._amount(totals, "cbc:TaxExclusiveAmount", invoice.taxable)
        self._amount(totals, "cbc:TaxInclusiveAmount", invoice.total)
        self._amount(totals, "cbc:AllowanceTotalAmount", invoice.allowance_total)
        self._amount(totals, "cbc:PrepaidAmount", invoice.prepaid)
        self._amount(totals, "cbc:PayableAmount", invoice.due)

    def _line(self, line: ELine) -> None:
        out = self._out
        element = out.add(out.root, f"cac:{self._kind}Line")
        out.add(element, "cbc:ID", line.line_id)
        quantity = "cbc:CreditedQuantity" if self._is_credit else "cbc:InvoicedQuantity"
        out.add(element, quantity, plain(line.quantity), unitCode=line.unit_code)
        self._amount(element, "cbc:LineExtensionAmount", line.amount)
        item = out.add(element, "cac:Item")
        out.add_if(item, "cbc:Description", line.description)
        out.add(item, "cbc:Name", line.name)
        out.add_if(item, "cac:SellersItemIdentification/cbc:ID", line.sku_id)
        self._category(out.add(item, "cac:ClassifiedTaxCategory"), with_reason=False)
        for name, value in line.attributes:
            attribute = out.add(item, "cac:AdditionalItemProperty")
            out.add(attribute, "cbc:Name", name)
            out.add(attribute, "cbc:Value", value)
        price = out.add(element, "cac:Price")
        self._amount(price, "cbc:PriceAmount", line.price)
        out.add(price, "cbc:BaseQuantity", plain(line.base_quantity), unitCode=line.unit_code)

    def _category(self, element: Element, *, with_reason: bool) -> None:
        out, category = self._out, self._invoice.category
        out.add(element, "cbc:ID", category.code)
        if category.percent is not None:
            out.add(element, "cbc:Percent", plain(category.percent))
        if with_reason:
            out.add_if(element, "cbc:TaxExemptionReasonCode", category.reason_code)
            out.add_if(element, "cbc:TaxExemptionReason", category.reason)
        out.add(element, "cac:TaxScheme/cbc:ID", "VAT")

    def _amount(self, parent: Element, name: str, amount: Decimal) -> None:
        self._out.add(parent, name, amount, currencyID=self._invoice.currency_code)
