"""A local Stripe for tests and the demo: a small stateful double, judged by Stripe's own OpenAPI document.

It speaks one API version, answers nothing the document does not allow, and refuses what it does not implement instead of
ignoring it. `python -m control.testing.stripe_server` runs it alone; `StripeServer` runs it inside a process.
"""

from control.testing.stripe_server.server import StripeServer
from control.testing.stripe_server.spec import UndocumentedAnswerError

__all__ = ["StripeServer", "UndocumentedAnswerError"]
