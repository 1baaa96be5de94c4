"""`/v1/webhook-subscriptions`: where customers have events posted to, and what became of each."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from control.domain.webhook_subscriptions import Subscription
from control.services import webhook_subscriptions as webhooks
from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.paging import Page, PagingOf, instant_of
from orchestration.api.v1.problems import NotFoundError
from orchestration.api.v1.schemas.fields import instant_text
from orchestration.api.v1.schemas.webhooks import (
    NewWebhookSubscription,
    WebhookDelivery,
    WebhookSubscription,
    WebhookSubscriptionChange,
    WebhookSubscriptionWithSecret,
)
from warehouse.errors import InputError

router = Resource("webhooks")

SubscriptionId = Annotated[str, Path(description="As the list shows it.")]


@router.reads("/webhook-subscriptions", scope="webhooks:read")
def list_webhook_subscriptions(
    call: CallOf, paging: PagingOf, account_id: Annotated[str | None, Query(description="Only this account's.")] = None
) -> Page[WebhookSubscription]:
    """The receivers that the key reaches, oldest first."""
    question = ["webhooks", account_id]
    after = paging.after(question, width=2) or ["", ""]
    found = webhooks.list_subscriptions(call.control, account_id or call.grant.account_id)
    placed = [([instant_text(each.created_at), each.subscription_id], WebhookSubscription.of(each)) for each in found]
    left = [(place, item) for place, item in placed if place > after]
    return Page(**paging.page([item for _, item in left], [place for place, _ in left], question))


@router.writes("POST", "/webhook-subscriptions", scope="webhooks:write", status_code=201, shown_once="secret")
def subscribe(call: CallOf, body: NewWebhookSubscription) -> WebhookSubscriptionWithSecret:
    """Add a receiver. Events are posted until it answers 2xx; check `Meterhouse-Signature` before believing one."""
    account_id = body.account_id or call.grant.account_id
    call.about(account_id)
    made, secret = webhooks.subscribe(call.control, account_id, body.url, body.event_types, now=call.now)
    return WebhookSubscriptionWithSecret.with_secret(made, secret)


@router.reads("/webhook-subscriptions/{subscription_id}", scope="webhooks:read")
def show_webhook_subscription(call: CallOf, subscription_id: SubscriptionId) -> WebhookSubscription:
    """One receiver."""
    return WebhookSubscription.of(_reached(call, subscription_id))


@router.writes("PATCH", "/webhook-subscriptions/{subscription_id}", scope="webhooks:write")
def change_webhook_subscription(call: CallOf, subscription_id: SubscriptionId, body: WebhookSubscriptionChange) -> WebhookSubscription:
    """Change a receiver. What an inactive one misses waits for it."""
    _reached(call, subscription_id)
    changed = webhooks.change_subscription(
        call.control, subscription_id, url=body.url, event_types=body.event_types, is_active=body.is_active
    )
    return WebhookSubscription.of(changed)


@router.writes("DELETE", "/webhook-subscriptions/{subscription_id}", scope="webhooks:write", status_code=204)
def unsubscribe(call: CallOf, subscription_id: SubscriptionId) -> None:
    """Forget a receiver and its deliveries."""
    _reached(call, subscription_id)
    webhooks.unsubscribe(call.control, subscription_id)


@router.writes("POST", "/webhook-subscriptions/{subscription_id}/rotate-secret", scope="webhooks:write", shown_once="secret")
def rotate_webhook_secret(call: CallOf, subscription_id: SubscriptionId) -> WebhookSubscriptionWithSecret:
    """Give a receiver a new secret, at once. What it refuses meanwhile is delivered again."""
    _reached(call, subscription_id)
    return WebhookSubscriptionWithSecret.with_secret(*webhooks.rotate_secret(call.control, subscription_id))


@router.reads("/webhook-subscriptions/{subscription_id}/deliveries", scope="webhooks:read")
def list_webhook_deliveries(call: CallOf, subscription_id: SubscriptionId, paging: PagingOf) -> Page[WebhookDelivery]:
    """What a receiver was sent and shall be sent, the latest first."""
    _reached(call, subscription_id)
    question = ["deliveries", subscription_id]
    after = instant_of(paging.after(question, width=2))
    found = webhooks.list_deliveries(call.control, subscription_id, after=after, limit=paging.limit + 1)
    places = [[instant_text(each.created_at), each.event_id] for each in found]
    return Page(**paging.page([WebhookDelivery.of(each) for each in found], places, question))


@router.writes("POST", "/webhook-subscriptions/{subscription_id}/deliveries/{event_id}/redeliver", scope="webhooks:write", status_code=202)
def redeliver(call: CallOf, subscription_id: SubscriptionId, event_id: str) -> WebhookDelivery:
    """Deliver an event once more, with the next round of deliveries."""
    _reached(call, subscription_id)
    try:
        return WebhookDelivery.of(webhooks.redeliver(call.control, subscription_id, event_id, now=call.now))
    except InputError:
        raise NotFoundError("such delivery") from None


def _reached(call: Call, subscription_id: str) -> Subscription:
    try:
        found = webhooks.find_subscription(call.control, subscription_id)
    except InputError:
        raise NotFoundError("such webhook subscription") from None
    call.about(found.account_id)
    return found
