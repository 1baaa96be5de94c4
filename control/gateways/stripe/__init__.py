"""Stripe as an InvoicingGateway. The only package that imports Stripe's SDK.

calls.py sends and translates errors; customers.py, payments.py, invoices.py and events.py speak of one kind of object each;
units.py writes our money in Stripe's units, exactly or not at all. When to push, retry and book is for control/services.
"""

from control.gateways.stripe.calls import RefusedKeyError
from control.gateways.stripe.gateway import StripeGateway

__all__ = ["RefusedKeyError", "StripeGateway"]
