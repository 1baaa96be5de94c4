"""Adyen as a PaymentGateway: it keeps cards and charges them, and has no customers and no invoices of its own.

The only package that imports Adyen's SDK. calls.py sends and translates errors; customers.py, payments.py, events.py and
reports.py speak of one thing each; units.py writes our money in Adyen's units, exactly or not at all.

What Adyen cannot be asked: there is no way to look a payment or a refund up. Three things stand in for it: a key keeps its
answer for 31 days and longer, signed webhooks tell every end, and the payment accounting report lists each day afterwards.
"""

from control.gateways.adyen.calls import RefusedKeyError
from control.gateways.adyen.gateway import AdyenGateway

__all__ = ["AdyenGateway", "RefusedKeyError"]
