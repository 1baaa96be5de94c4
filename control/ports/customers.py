"""Who pays and with what: customers, the cards a gateway keeps for them, and the binding of a card in the browser."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Customer:
    """Who pays, as the gateway should know them. Empty texts are not set."""

    reference: str  # ours, unique over all deployments that share the gateway account: `<deployment id>/<account_id>`
    account_id: str
    name: str
    email: str
    country_code: str
    address: str
    postal_code: str
    city: str


@dataclass(frozen=True, kw_only=True)
class SavedCard:
    """A payment method the gateway keeps. Nothing here is card data that needs protection."""

    payment_method_id: str
    brand: str  # such as `visa`; empty where the gateway does not tell
    last4: str
    expires: str  # `YYYY-MM`, the last month in which it pays; empty where the gateway does not tell
    # For the antifraud; empty where the gateway does not tell. Some tell them once only, when the card is saved: no part of what
    # makes two cards the same.
    fingerprint: str = field(default="", compare=False)  # the same for the same card of all customers at one gateway
    funding: str = field(default="", compare=False)  # `credit`, `debit`, `prepaid` or `charge`
    country_code: str = field(default="", compare=False)  # of the bank that issued it, ISO 3166-1 alpha-2


@dataclass(frozen=True, kw_only=True)
class BindingRequest:
    """The wish to bind a card, which its holder enters in a form of the gateway's inside our page. Nothing is charged."""

    binding_id: str  # ours
    customer_id: str
    return_url: str  # page of ours where the holder comes back to after authentication
    country_code: str  # where the holder is: decides which authentication the law asks for


@dataclass(frozen=True, kw_only=True)
class StartedBinding:
    """A binding that waits for the browser.

    `client_data` goes to the gateway's form in the browser of that customer and nowhere else: it is not stored and not logged.
    """

    gateway_binding_id: str
    client_data: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The card is kept at the gateway, its holder has authenticated where needed, and it can be charged off-session."""

    card: SavedCard


@dataclass(frozen=True, kw_only=True)
class BindingOpen:
    """The holder has not finished, or is being authenticated."""


@dataclass(frozen=True, kw_only=True)
class BindingFailed:
    """No card was bound: refused by its bank, failed authentication, given up. `code` is the gateway's reason in its own words."""

    code: str
    message: str


BindingOutcome = Bound | BindingOpen | BindingFailed
