"""Webhook subscriptions and deliveries."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from control.domain.webhook_subscriptions import Subscription
from control.store.webhook_subscriptions import Delivery
from orchestration.api.v1.schemas.fields import Identifier, Instant, Schema

Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[\x21-\x22\x24-\x7e]{0,1500})?$")]
EventType = Annotated[str, StringConstraints(pattern=r"^([a-z_]{1,50}(\.[a-z_]{1,50}){1,3}|[a-z_]{1,50}\.\*|\*)$")]
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=50)]


class WebhookSubscription(Schema):
    """A receiver of events, of one account, or with an empty account_id of all."""

    subscription_id: str
    account_id: str
    url: str
    event_types: list[str] = Field(description="Types such as `payment.succeeded`, families such as `account.*`, or `*`.")
    is_active: bool
    created_at: Instant

    @classmethod
    def of(cls, subscription: Subscription) -> WebhookSubscription:
        """As shown."""
        return cls(**_shown(subscription))


class WebhookSubscriptionWithSecret(WebhookSubscription):
    """A receiver with the secret that its deliveries are signed with, which is shown this once."""

    secret: str

    @classmethod
    def with_secret(cls, subscription: Subscription, secret: str) -> WebhookSubscriptionWithSecret:
        """As shown once."""
        return cls(**_shown(subscription), secret=secret)


class NewWebhookSubscription(Schema):
    """A receiver to be added."""

    account_id: Identifier | None = Field(default=None, description="The key's own where not given; a staff key's then gets all events.")
    url: Url
    event_types: EventTypes


class WebhookSubscriptionChange(Schema):
    """What to change of a receiver; what is not given stays."""

    url: Url | None = None
    event_types: EventTypes | None = None
    is_active: bool | None = None


class WebhookDelivery(Schema):
    """An event on its way to a receiver."""

    subscription_id: str
    event_id: str
    event_type: str
    subject: str
    status: Literal["pending", "delivered", "given_up"]
    tries: int
    message: str = Field(description="Why the last try failed.")
    created_at: Instant
    due_at: Instant
    delivered_at: Instant | None
    event: dict[str, Any] = Field(description="The CloudEvent that is posted.")

    @classmethod
    def of(cls, delivery: Delivery) -> WebhookDelivery:
        """As shown."""
        values = {name: value for name, value in vars(delivery).items() if name != "body"}
        return cls(**values, event=json.loads(delivery.body))


def _shown(subscription: Subscription) -> dict[str, Any]:
    values = {name: value for name, value in vars(subscription).items() if name != "secret_version"}
    return values | {"event_types": list(subscription.event_types)}
