"""Events and the webhook endpoints that want them. Delivery itself is in webhooks.py."""

from __future__ import annotations

import secrets
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from control.testing.store import Store
from control.testing.stripe_server.endpoints import PAGE, Call, Json, endpoint, merged_metadata, new_id, page
from control.testing.stripe_server.errors import ApiError

_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


@endpoint("get", "/v1/events/{id}")
def retrieve_event(call: Call) -> Json:
    """One event, with the object as it was then."""
    return call.require("event", call.path_arguments["id"])


@endpoint("get", "/v1/events", *PAGE, "type")
def list_events(call: Call) -> Json:
    """Events, newest first; `type` may end in `*`."""
    wanted = call.arguments.get("type", "*")
    return page(call, [row for row in call.store.newest_first("event") if fnmatchcase(row["type"], wanted)])


@endpoint("post", "/v1/webhook_endpoints", "url", "enabled_events", "description", "metadata")
def create_webhook_endpoint(call: Call) -> Json:
    """Send events to a URL of this machine; the answer, and only this one, carries the signing secret."""
    row = webhook_endpoint(call.arguments["url"], events=call.arguments["enabled_events"], created=call.now)
    row["metadata"] = merged_metadata({}, call.arguments.get("metadata"))
    row["description"] = call.arguments.get("description")
    return call.store.put(row) | {"secret": row["_secret"]}


@endpoint("get", "/v1/webhook_endpoints", *PAGE)
def list_webhook_endpoints(call: Call) -> Json:
    """Webhook endpoints, newest first."""
    return page(call, call.store.newest_first("webhook_endpoint"))


@endpoint("delete", "/v1/webhook_endpoints/{webhook_endpoint}")
def delete_webhook_endpoint(call: Call) -> Json:
    """Stop sending."""
    row = call.require("webhook_endpoint", call.path_arguments["webhook_endpoint"])
    call.store.delete(row["id"])
    return {"id": row["id"], "object": "webhook_endpoint", "deleted": True}


def webhook_endpoint(url: str, *, events: list[str], created: int) -> Json:
    """A webhook endpoint that is not kept yet.

    Raises:
        ApiError: the URL leads off this machine, where a test double sends nothing.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in _THIS_MACHINE:
        raise ApiError(400, "The test gateway delivers to http:// on this machine only", param="url")
    return {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "_secret": f"whsec_{secrets.token_hex(24)}",
        "api_version": None,
        "application": None,
        "created": created,
        "description": None,
        "enabled_events": events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def wanting(store: Store, event: Json) -> list[Json]:
    """The webhook endpoints that want this event."""
    rows = store.newest_first("webhook_endpoint")
    return [row for row in rows if any(fnmatchcase(event["type"], wanted) for wanted in row["enabled_events"])]
