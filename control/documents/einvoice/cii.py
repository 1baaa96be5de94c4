"""Writes an e-invoice as UN/CEFACT Cross Industry Invoice (D22B), the syntax that Factur-X embeds in a PDF."""

from __future__ import annotations

from datetime import date

from control.documents.einvoice.semantics import Category, EInvoice, ELine, Party
from control.documents.einvoice.writing import Element, Writer
from control.domain.money import plain

_NAMESPACES: dict[str | None, str] = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
GUIDELINE = "urn:cen.eu:en16931:2017"
_DAY = "102"  # UNTDID 2379: CCYYMMDD


def to_cii(invoice: EInvoice) -> bytes:
    """The XML document."""
    return _Cii(invoice).write()


class _Cii:
    """Elements in the order of the schema, one method a group."""

    def __init__(self, invoice: EInvoice) -> None:
        self._invoice = invoice
        self._out = Writer("rsm:CrossIndustryInvoice", _NAMESPACES)

    def write(self) -> bytes:
        out, invoice, root = self._out, self._invoice, self._out.root
        out.add(root, "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID", GUIDELINE)
        head = out.add(root, "rsm:ExchangedDocument")
        out.add(head, "ram:ID", invoice.number)
        out.add(head, "ram:TypeCode", invoice.type_code)
        self._day(out.add(head, "ram:IssueDateTime"), invoice.issue_date)
        for note in invoice.notes:
            out.add(head, "ram:IncludedNote/ram:Content", note)
        trade = out.add(root, "rsm:SupplyChainTradeTransaction")
        for line in invoice.lines:
            self._line(trade, line)
        self._agreement(trade)
        delivery = out.add(trade, "ram:ApplicableHeaderTradeDelivery/ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime")
        self._day(delivery, invoice.period_end)
        self._settlement(trade)
        return out.document()

    def _line(self, trade: Element, line: ELine) -> None:
        out = self._out
        item = out.add(trade, "ram:IncludedSupplyChainTradeLineItem")
        out.add(item, "ram:AssociatedDocumentLineDocument/ram:LineID", line.line_id)
        product = out.add(item, "ram:SpecifiedTradeProduct")
        out.add_if(product, "ram:SellerAssignedID", line.sku_id)
        out.add(product, "ram:Name", line.name)
        out.add_if(product, "ram:Description", line.description)
        for name, value in line.attributes:
            characteristic = out.add(product, "ram:ApplicableProductCharacteristic")
            out.add(characteristic, "ram:Description", name)
            out.add(characteristic, "ram:Value", value)
        price = out.add(item, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice")
        out.add(price, "ram:ChargeAmount", line.price)
        out.add(price, "ram:BasisQuantity", plain(line.base_quantity), unitCode=line.unit_code)
        out.add(item, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", plain(line.quantity), unitCode=line.unit_code)
        settlement = out.add(item, "ram:SpecifiedLineTradeSettlement")
        self._rate(out.add(settlement, "ram:ApplicableTradeTax"), self._invoice.category)
        out.add(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount", line.amount)

    def _agreement(self, trade: Element) -> None:
        out, invoice = self._out, self._invoice
        agreement = out.add(trade, "ram:ApplicableHeaderTradeAgreement")
        out.add_if(agreement, "ram:BuyerReference", invoice.buyer_reference)
        self._party(out.add(agreement, "ram:SellerTradeParty"), invoice.seller)
        self._party(out.add(agreement, "ram:BuyerTradeParty"), invoice.buyer)

    def _party(self, element: Element, party: Party) -> None:
        out = self._out
        out.add_if(element, "ram:ID", party.identifier)
        out.add(element, "ram:Name", party.name)
        out.add_if(element, "ram:SpecifiedLegalOrganization/ram:ID", party.legal_registration)
        address = out.add(element, "ram:PostalTradeAddress")
        out.add_if(address, "ram:PostcodeCode", party.postal_code)
        out.add_if(address, "ram:LineOne", party.street)
        out.add_if(address, "ram:CityName", party.city)
        out.add(address, "ram:CountryID", party.country_code)
        out.add_if(element, "ram:SpecifiedTaxRegistration/ram:ID", party.vat_id, schemeID="VA")
        out.add_if(element, "ram:SpecifiedTaxRegistration/ram:ID", party.tax_registration, schemeID="FC")

    def _settlement(self, trade: Element) -> None:
        out, invoice = self._out, self._invoice
        settlement = out.add(trade, "ram:ApplicableHeaderTradeSettlement")
        out.add_if(settlement, "ram:PaymentReference", invoice.remittance)
        out.add(settlement, "ram:InvoiceCurrencyCode", invoice.currency_code)
        means = out.add(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
        out.add(means, "ram:TypeCode", invoice.payment_means)
        out.add_if(means, "ram:PayeePartyCreditorFinancialAccount/ram:IBANID", invoice.iban)
        self._breakdown(settlement)
        period = out.add(settlement, "ram:BillingSpecifiedPeriod")
        self._day(out.add(period, "ram:StartDateTime"), invoice.period_start)
        self._day(out.add(period, "ram:EndDateTime"), invoice.period_end)
        for reason, amount in invoice.allowances:
            allowance = out.add(settlement, "ram:SpecifiedTradeAllowanceCharge")
            out.add(allowance, "ram:ChargeIndicator/udt:Indicator", "false")
            out.add(allowance, "ram:ActualAmount", amount)
            out.add(allowance, "ram:Reason", reason)
            self._rate(out.add(allowance, "ram:CategoryTradeTax"), invoice.category)
        terms = out.add(settlement, "ram:SpecifiedTradePaymentTerms")
        out.add(terms, "ram:Description", invoice.payment_terms)
        if invoice.due_date:
            self._day(out.add(terms, "ram:DueDateDateTime"), invoice.due_date)
        self._totals(settlement)
        if invoice.preceding:
            number, issued_on = invoice.preceding
            reference = out.add(settlement, "ram:InvoiceReferencedDocument")
            out.add(reference, "ram:IssuerAssignedID", number)
            formatted = out.add(reference, "ram:FormattedIssueDateTime")
            out.add(formatted, "qdt:DateTimeString", f"{issued_on:%Y%m%d}", format=_DAY)

    def _breakdown(self, settlement: Element) -> None:
        out, invoice, category = self._out, self._invoice, self._invoice.category
        tax = out.add(settlement, "ram:ApplicableTradeTax")
        out.add(tax, "ram:CalculatedAmount", invoice.tax)
        out.add(tax, "ram:TypeCode", "VAT")
        out.add_if(tax, "ram:ExemptionReason", category.reason)
        out.add(tax, "ram:BasisAmount", invoice.taxable)
        out.add(tax, "ram:CategoryCode", category.code)
        out.add_if(tax, "ram:ExemptionReasonCode", category.reason_code)
        if category.percent is not None:
            out.add(tax, "ram:RateApplicablePercent", plain(category.percent))

    def _totals(self, settlement: Element) -> None:
        out, invoice = self._out, self._invoice
        totals = out.add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
        out.add(totals, "ram:LineTotalAmount", invoice.line_total)
        out.add(totals, "ram:AllowanceTotalAmount", invoice.allowance_total)
        out.add(totals, "ram:TaxBasisTotalAmount", invoice.taxable)
        out.add(totals, "ram:TaxTotalAmount", invoice.tax, currencyID=invoice.currency_code)
        out.add(totals, "ram:GrandTotalAmount", invoice.total)
        out.add(totals, "ram:TotalPrepaidAmount", invoice.prepaid)
        out.add(totals, "ram:DuePayableAmount", invoice.due)

    def _rate(self, tax: Element, category: Category) -> None:
        self._out.add(tax, "ram:TypeCode", "VAT")
        self._out.add(tax, "ram:CategoryCode", category.code)
        if category.percent is not None:
            self._out.add(tax, "ram:RateApplicablePercent", plain(category.percent))

    def _day(self, parent: Element, day: date) -> None:
        self._out.add(parent, "udt:DateTimeString", f"{day:%Y%m%d}", format=_DAY)
