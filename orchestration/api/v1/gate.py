"""What every request passes: who asks, whether it may, how often, and, where it changes something, once and on the record.

In this order: credential (401), rate (429), scope (403), the account that the request names (404), idempotency key (409,
422). Only then the route runs. A request to change something leaves a row in the audit log, in the transaction of its change.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from control.bootstrap import Control
from control.services.idempotency import Replay, Write, begin, end
from control.services.oauth import Grant, grant_of
from control.store.audit import Entry
from control.store.tables import accounts
from ingestion.door.problems import TYPE_PREFIX, Problem
from orchestration.api.v1.problems import NotFoundError, defect, problem_of
from orchestration.api.v1.rates import Allowance, Buckets
from orchestration.api.v1.reader import Reader
from warehouse.settings import Settings

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

BODY_LIMIT_BYTES = 1 << 20  # requests of this API are forms that people fill in; events have a door of their own
KEY_HEADER = "Idempotency-Key"
REQUEST_ID_HEADER = "X-Request-Id"
STAFF = "x-staff-only"
SECRETS = "x-shown-once"
_SAFE = frozenset({"GET", "HEAD"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="meterhouse"'}
_SERVER_ERROR = 500
_log = logging.getLogger("meterhouse.api")


@dataclass(frozen=True, kw_only=True)
class Api:
    """What is opened with the server."""

    settings: Settings
    control: Control
    reader: Reader
    buckets: Buckets
    uses: dict[str, datetime]  # key -> when it was last used, until it is written down


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: who asks, and what a route acts with."""

    api: Api
    grant: Grant
    request_id: str
    now: datetime
    write: Write | None = None

    @property
    def control(self) -> Control:
        """The control plane; of a request to change something the one that keeps the audit log."""
        return self.write.control if self.write else self.api.control

    @property
    def actor(self) -> str:
        """Who stands in histories."""
        return f"key {self.grant.key_id} ({self.grant.name})"

    def about(self, account_id: str) -> None:
        """Note whose account a change is about, where the path does not say it.

        Raises:
            NotFoundError: it is none that the caller reaches.
        """
        if not self.grant.reaches(account_id):
            raise NotFoundError("such object")
        if self.write is not None:
            self.write.account_id = account_id


def _call(request: Request) -> Call:
    call: Call = request.state.call
    return call


CallOf = Annotated[Call, Depends(_call)]


class GuardedRoute(APIRoute):
    """A route behind the gate. Its scope stands in its security requirement, where the document shows it."""

    def get_route_handler(self) -> Handler:
        """The route's handler, behind the gate."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request_id = uuid.uuid4().hex
            headers = {REQUEST_ID_HEADER: request_id}
            try:
                call, allowance = await self._admit(request, request_id)
                headers |= allowance.headers
                response = await self._answer(request, call, handle)
            except Exception as error:  # noqa: BLE001 - the last resort: nobody outside sees a traceback
                response = _explained(error, request_id)
            response.headers.update({name: value for name, value in headers.items() if name not in response.headers})
            return response

        return guarded

    @property
    def scope(self) -> str:
        """What a key needs."""
        (requirement, *_) = (self.openapi_extra or {})["security"]
        ((scope,),) = requirement.values()
        return str(scope)

    async def _admit(self, request: Request, request_id: str) -> tuple[Call, Allowance]:
        api: Api = request.app.state.api
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise Problem(401, "no-key", "send an API key or access token as `Authorization: Bearer …`", headers=_CHALLENGE)
        now = api.settings.now()
        grant = await run_in_threadpool(grant_of, api.control, credential.strip(), now=now)
        if grant is None:
            raise Problem(401, "unknown-key", "the API key or access token is unknown, revoked or has ended", headers=_CHALLENGE)
        api.uses[grant.key_id] = now
        allowance = api.buckets.take(grant.key_id)
        if allowance.wait_seconds:
            raise Problem(429, "too-many-requests", "the key asks too often; wait as Retry-After says", headers=allowance.headers)
        if self.scope not in grant.scopes:
            raise Problem(403, "missing-scope", f"the key needs the scope {self.scope}", headers=allowance.headers)
        if (self.openapi_extra or {}).get(STAFF) and not grant.is_staff:
            raise Problem(403, "staff-only", "this needs a key that is bound to no account", headers=allowance.headers)
        named = [*request.query_params.getlist("account_id"), *filter(None, [request.path_params.get("account_id")])]
        if not all(grant.reaches(account_id) for account_id in named) or not await run_in_threadpool(_exist, api, named):
            raise NotFoundError("such account")
        return Call(api=api, grant=grant, request_id=request_id, now=now), allowance

    async def _answer(self, request: Request, call: Call, handle: Handler) -> Response:
        if request.method in _SAFE:
            request.state.call = call
            return await handle(request)
        body = await _body(request)
        entry = Entry(
            request_id=call.request_id,
            key_id=call.grant.key_id,
            key_name=call.grant.name,
            account_id=request.path_params.get("account_id") or call.grant.account_id,
            action=self.operation_id or self.name,
            path=request.url.path,
            idempotency_key=_idempotency_key(request, is_required=_needs_key(self)),
            asked_at=call.now,
        )
        begun = await run_in_threadpool(begin, call.api.control, entry, fingerprint=_fingerprint(request, body))
        if isinstance(begun, Replay):
            return _again(begun)
        request.state.call = replace(call, write=begun)
        try:
            response = await handle(request)
        except Exception as error:  # noqa: BLE001 - how it ended is written down, whatever it was
            response = _explained(error, call.request_id)
        await self._end(call, begun, response)
        return response

    async def _end(self, call: Call, write: Write, response: Response) -> None:
        text = bytes(response.body).decode()
        content = json.loads(text) if text else {}
        problem = str(content.get("type", "")).removeprefix(TYPE_PREFIX) if response.status_code >= 400 else ""
        for name in (self.openapi_extra or {}).get(SECRETS, ()):
            if not problem and name in content:
                text = json.dumps(content | {name: ""})
        await asyncio.shield(run_in_threadpool(end, call.api.control, write, status=response.status_code, body=text, problem=problem))


class Resource(APIRouter):
    """A router of guarded routes. `scope` is required of each: there is no route that anybody may use."""

    def __init__(self, tag: str) -> None:
        super().__init__(prefix="/v1", tags=[tag], route_class=GuardedRoute)

    def reads(self, path: str, *, scope: str, staff_only: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:  # noqa: ANN401 - FastAPI's
        """A GET that changes nothing."""
        return self.get(path, openapi_extra=_extra(scope, staff_only=staff_only), **_named(options))

    def writes(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        staff_only: bool = False,
        needs_key: bool = False,
        shown_once: str = "",
        **options: Any,  # noqa: ANN401 - FastAPI's
    ) -> Callable[[Callable[..., Any]], Any]:
        """A request that changes something. `shown_once` is the field of its answer that no replay repeats."""
        extra = _extra(scope, staff_only=staff_only) | {"parameters": [_key_parameter(is_required=needs_key)]}
        if shown_once:
            extra[SECRETS] = [shown_once]
        return self.api_route(path, methods=[method], openapi_extra=extra, **_named(options))


def _named(options: dict[str, Any]) -> dict[str, Any]:
    return {"generate_unique_id_function": lambda route: route.name} | options


def _extra(scope: str, *, staff_only: bool) -> dict[str, Any]:
    extra: dict[str, Any] = {"security": [{"apiKey": [scope]}, {"oauth2": [scope]}]}
    return extra | ({STAFF: True} if staff_only else {})


def _key_parameter(*, is_required: bool) -> dict[str, Any]:
    return {
        "name": KEY_HEADER,
        "in": "header",
        "required": is_required,
        "description": "Any text of your own, new for each request. The same request sent again with it is done once.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    }


def _needs_key(route: APIRoute) -> bool:
    return any(each["required"] for each in (route.openapi_extra or {}).get("parameters", ()))


def _idempotency_key(request: Request, *, is_required: bool) -> str:
    key = request.headers.get(KEY_HEADER)
    if key is None and not is_required:
        return ""
    if key is None or not _KEY.fullmatch(key):
        raise Problem(400, "idempotency-key", f"send {KEY_HEADER} with 1 to 255 visible ASCII characters, new for each request")
    return key


def _fingerprint(request: Request, body: bytes) -> str:
    try:
        canonical = json.dumps(json.loads(body), sort_keys=True).encode()
    except ValueError:
        canonical = body
    return hashlib.sha256(b"\0".join([request.method.encode(), str(request.url.path).encode(), canonical])).hexdigest()


async def _body(request: Request) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > BODY_LIMIT_BYTES:
            raise Problem(413, "body-too-large", f"a request may have up to {BODY_LIMIT_BYTES} bytes")
        pieces.append(piece)
    request._body = b"".join(pieces)  # where Request.body() looks first: the stream can be read once only
    return request._body


def _exist(api: Api, account_ids: list[str]) -> bool:
    if not account_ids:
        return True
    with api.control.store.reading() as connection:
        found = connection.execute(accounts.select().where(accounts.c.account_id.in_(account_ids))).all()
    return len(found) == len(set(account_ids))


def _again(replay: Replay) -> Response:
    kind = "application/problem+json" if replay.status >= 400 else "application/json"
    return Response(replay.body, status_code=replay.status, media_type=kind, headers={"Idempotency-Replayed": "true"})


def _explained(error: Exception, request_id: str) -> JSONResponse:
    response = problem_of(error)
    if response is not None:
        if response.status_code >= _SERVER_ERROR:
            _log.warning("request %s: %s", request_id, str(error).partition("\n")[0])
        return response
    _log.exception("request %s", request_id, exc_info=error)
    return defect(request_id)
