"""A local Adyen for tests and the demo: a small stateful double, judged by Adyen's own OpenAPI document of Checkout v72.

The document is Adyen's (MIT, github.com/Adyen/adyen-openapi, json/CheckoutService-v72.json) and not a part of this product: the
double is told where it lies. `python -m control.testing.adyen_server --document FILE` runs it alone; `AdyenServer` runs it inside a
process. What it does not implement it refuses instead of ignoring it.
"""

from control.testing.adyen_server.document import UndocumentedAnswerError
from control.testing.adyen_server.server import AdyenServer

__all__ = ["AdyenServer", "UndocumentedAnswerError"]
