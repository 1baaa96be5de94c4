"""The OpenAPI document: what FastAPI makes of the routes, with problem details, security, and the door for events.

docs/openapi.json is this document; a test holds it against the code. `python -m orchestration.api.v1.document` writes it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from control.domain.api_keys import EVENTS_WRITE, SCOPES
from ingestion.door.app import PATH as EVENTS_PATH
from orchestration.api.v1.gate import STAFF

VERSION = "1.0.0"
PATH = "/v1/openapi.json"
_PROBLEM_TYPE = "application/problem+json"
_DESCRIPTION = """\
Accounts, costs, invoices and payments of a Meterhouse deployment. Decimals are strings without exponent, instants are UTC,
periods are half-open. Lists are pages: send `next_cursor` as `cursor` until it is null. What another account owns is answered
404, as if it were not there. Refusals are problem details (RFC 9457). Send `Idempotency-Key` with whatever changes something."""

_REFUSALS = {
    "400": "The Idempotency-Key is malformed, or missing where it is required.",
    "401": "No credential, or one that is unknown, revoked or has ended.",
    "403": "The credential lacks the scope, or is bound to an account where staff is needed.",
    "404": "There is no such thing, or no such page, that the credential reaches.",
    "422": "The request is not what this document says.",
    "429": "The key asks too often; wait `Retry-After` seconds.",
    "500": "A defect of ours; tell us the request id.",
    "503": "A part of the deployment does not answer; send it again after `Retry-After` seconds.",
}
_REFUSALS_OF_WRITES = {
    "409": "The request is what this document says, but a rule forbids it; or the first one with the Idempotency-Key has no answer yet.",
    "413": "The body is too large.",
}
_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`urn:meterhouse:problem:<kind>`, for programs."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do, for people."},
        "error": {"type": "string", "description": "Of the token endpoint: RFC 6749's code."},
        "errors": {
            "type": "array",
            "description": "Which part of the request is wrong.",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_EVENT = {
    "type": "object",
    "description": "A CloudEvent 1.0; docs/sources.md says what is in `data`. Whether it is right is decided when it is loaded.",
}
_ACCEPTED = {
    "type": "object",
    "required": ["status", "batch_id", "lines"],
    "properties": {"status": {"type": "string"}, "batch_id": {"type": ["string", "null"]}, "lines": {"type": "integer"}},
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application's routes."""
    found = get_openapi(title="Meterhouse", version=VERSION, description=_DESCRIPTION, routes=app.routes)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer mh_…`."},
        "oauth2": {
            "type": "oauth2",
            "flows": {"clientCredentials": {"tokenUrl": "/v1/oauth/token", "scopes": {scope: scope for scope in SCOPES}}},
        },
    }
    found["paths"][EVENTS_PATH] = {"post": _events()}
    for path in found["paths"].values():
        for method, operation in path.items():
            _refuse(operation, is_write=method != "get")
    found["paths"] = dict(sorted(found["paths"].items()))
    return found


def _refuse(operation: dict[str, Any], *, is_write: bool) -> None:
    refusals = _REFUSALS | (_REFUSALS_OF_WRITES if is_write else {})
    for status, description in refusals.items():
        content = {_PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        operation["responses"][status] = {"description": description, "content": content}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _events() -> dict[str, Any]:
    line = {"schema": {"description": "Events, one a line; whatever a line holds, it is taken, and judged when it is loaded."}}
    return {
        "tags": ["events"],
        "summary": "Push Events",
        "description": "Events of the cloud's services. Answered when they are on disk; sending again after any doubt is always right.",
        "operationId": "push_events",
        "security": [{"apiKey": [EVENTS_WRITE]}, {"oauth2": [EVENTS_WRITE]}],
        STAFF: True,
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": _EVENT},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {}, "description": "CloudEvents 1.0."}},
                "application/x-ndjson": line,
            },
        },
        "responses": {
            "202": {"description": "Durable; accepted for processing.", "content": {"application/json": {"schema": _ACCEPTED}}},
            "415": {
                "description": "Another Content-Type or Content-Encoding.",
                "content": {_PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }


def text(app: FastAPI) -> str:
    """The document as docs/openapi.json holds it."""
    return json.dumps(document(app), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    from orchestration.api.app import create_app

    sys.stdout.write(text(create_app()))
