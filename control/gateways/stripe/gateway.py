"""The Stripe adapter, put together of its parts."""

from __future__ import annotations

from control.gateways.stripe.credits import StripeCredits
from control.gateways.stripe.events import StripeEvents
from control.gateways.stripe.invoices import StripeInvoices
from control.gateways.stripe.payments import StripePayments


class StripeGateway(StripeEvents, StripePayments, StripeInvoices, StripeCredits):
    """The port over Stripe's API, in the version the SDK is pinned to. May be called from several threads."""
