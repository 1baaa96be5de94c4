"""`POST /v1/oauth/token`: an API key for a short-lived access token (RFC 6749, client credentials). Nobody is admitted before it."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal
from urllib.parse import unquote_plus

from fastapi import APIRouter, Form, Header, Request, Response
from starlette.responses import JSONResponse

from control.domain.api_keys import key_id_of
from control.services.oauth import UnknownClientError, issue_token
from ingestion.door.problems import TYPE_PREFIX
from orchestration.api.v1.gate import Api
from orchestration.api.v1.problems import problem_of
from orchestration.api.v1.schemas.access import AccessToken
from warehouse.errors import InputError, MeterhouseError

router = APIRouter(prefix="/v1", tags=["access"])

_NO_STORE = {"Cache-Control": "no-store"}
_PROBLEM = "application/problem+json"


@router.post("/oauth/token", response_model=AccessToken, operation_id="issue_token", openapi_extra={"security": []})
def issue(
    request: Request,
    response: Response,
    *,
    grant_type: Annotated[Literal["client_credentials"], Form()],  # noqa: ARG001 - there is no other, and it must be said
    client_id: Annotated[str, Form(max_length=100, description="The key_id; or send both by HTTP Basic.")] = "",
    client_secret: Annotated[str, Form(max_length=200, description="The key's text.")] = "",
    scope: Annotated[str, Form(max_length=1000, description="Separated by spaces; all of the key's where empty.")] = "",
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> AccessToken | JSONResponse:
    """Trade an API key for a token that is good for fifteen minutes, with all of the key's scopes or fewer."""
    api: Api = request.app.state.api
    identity, secret = _basic(authorization) or (client_id, client_secret)
    allowance = api.buckets.take(f"token {key_id_of(secret) or 'unknown'}")
    if allowance.wait_seconds:
        refused = _error(429, "too-many-requests", "slow_down", "too many tokens are asked for; wait as Retry-After says")
        refused.headers.update(allowance.headers)
        return refused
    try:
        issued = issue_token(api.control, identity, secret, scopes=scope.split(), now=api.settings.now())
    except UnknownClientError as error:
        refused = _error(401, "unknown-client", "invalid_client", str(error))
        refused.headers["WWW-Authenticate"] = 'Basic realm="meterhouse"'
        return refused
    except InputError as error:
        return _error(400, "invalid-scope", "invalid_scope", str(error))
    except MeterhouseError as error:
        failed = problem_of(error)
        if failed is None:
            raise
        return failed
    response.headers.update(_NO_STORE)
    return AccessToken(
        access_token=issued.text,
        token_type="Bearer",  # noqa: S106 - the kind of a token is no secret
        expires_in=issued.expires_in_seconds,
        scope=" ".join(issued.scopes),
    )


def _basic(header: str | None) -> tuple[str, str] | None:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        identity, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(identity), unquote_plus(secret)


def _error(status: int, kind: str, code: str, detail: str) -> JSONResponse:
    """Problem details with RFC 6749's own member `error`."""
    content = {"type": f"{TYPE_PREFIX}{kind}", "title": kind.replace("-", " "), "status": status, "detail": detail, "error": code}
    return JSONResponse(content, status_code=status, media_type=_PROBLEM, headers=_NO_STORE)
