"""Puts the public API into the application of the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse

from control.bootstrap import Control
from control.services.api_keys import note_uses
from orchestration.api.v1 import accounts, balances, costs, documents, invoices, keys, oauth, payment_methods, payments, prices, webhooks
from orchestration.api.v1.document import PATH, document
from orchestration.api.v1.gate import Api
from orchestration.api.v1.problems import problem_of
from orchestration.api.v1.rates import Buckets
from orchestration.api.v1.reader import Reader
from orchestration.api.v1.reference import page
from warehouse.errors import MeterhouseError
from warehouse.settings import Settings

RESOURCES = (accounts, balances, payment_methods, costs, prices, invoices, documents, payments, webhooks, keys, oauth)
DOCS_PATH = "/docs"
_NOTED_EVERY_SECONDS = 30.0
_log = logging.getLogger("meterhouse.api")


def mount(app: FastAPI) -> None:
    """Add the routes. They answer when `serving` opened what they need."""
    for resource in RESOURCES:
        app.include_router(resource.router)
    app.add_exception_handler(RequestValidationError, _explained)
    app.add_api_route(PATH, _document, methods=["GET"], include_in_schema=False)
    app.add_api_route(DOCS_PATH, _docs, methods=["GET"], include_in_schema=False)


@asynccontextmanager
async def serving(app: FastAPI, settings: Settings, control: Control) -> AsyncIterator[None]:
    """The public API answers inside the block."""
    with _opened(settings, control) as api:
        app.state.api = api
        noting = asyncio.create_task(_note_uses(api))
        try:
            yield
        finally:
            noting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await noting
            await asyncio.to_thread(write_uses, api)


@contextmanager
def _opened(settings: Settings, control: Control) -> Iterator[Api]:
    reader = Reader(settings)
    try:
        yield Api(settings=settings, control=control, reader=reader, buckets=Buckets(settings.api_requests_a_minute), uses={})
    finally:
        reader.close()


async def _note_uses(api: Api) -> None:
    """Write down now and then when keys were used: with each request it would cost each of them a write."""
    while True:
        await asyncio.sleep(_NOTED_EVERY_SECONDS)
        await asyncio.to_thread(write_uses, api)


def write_uses(api: Api) -> None:
    """Write down when keys were used since the last time."""
    uses = dict(api.uses)
    try:
        note_uses(api.control, uses)
    except MeterhouseError as error:
        _log.warning("when keys were last used is not written down now: %s", error)
        return
    for key_id, at in uses.items():
        if api.uses.get(key_id) == at:
            del api.uses[key_id]


async def _document(request: Request) -> JSONResponse:
    return JSONResponse(_known(request.app))


async def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(page(_known(request.app)))


def _known(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = document(app)
    return app.openapi_schema


async def _explained(_request: Request, error: Exception) -> JSONResponse:
    response = problem_of(error)
    if response is None:
        raise error
    return response
