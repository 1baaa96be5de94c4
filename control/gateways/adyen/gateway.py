"""The Adyen adapter, put together of its parts."""

from __future__ import annotations

from control.gateways.adyen.events import AdyenEvents
from control.gateways.adyen.payments import AdyenPayments
from control.gateways.adyen.reports import AdyenReports


class AdyenGateway(AdyenEvents, AdyenPayments, AdyenReports):
    """The port over Adyen's Checkout API, version 72. May be called from several threads."""
