"""The application that `meterhouse up` serves (see __main__.py).

It owns what is opened and closed with the server. What a route does is in ingestion/door, in webhooks.py and, for the public API,
in v1/.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from control.bootstrap import Gateways, open_control
from control.domain.api_keys import EVENTS_WRITE
from control.settings import load_control_settings
from ingestion.door.app import Door
from ingestion.door.problems import problem_response
from ingestion.door.spool import Spool
from ingestion.sources import frames
from orchestration.api import HEALTH_PATH
from orchestration.api.access import KeyAccess
from orchestration.api.v1.mount import mount, serving
from orchestration.api.webhooks import Webhooks
from orchestration.deployment import Deployment
from warehouse.settings import load_settings


def create_app(deployment: Deployment | None = None, *, gateways: Gateways | None = None) -> FastAPI:
    """The application of a deployment; default: of the environment. Nothing is opened before it starts."""
    here = deployment or Deployment(settings=load_settings(), control_settings=load_control_settings())

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        settings = here.settings
        spool = Spool(frames.folder(settings.home), limit_bytes=settings.spool_limit_bytes)
        try:
            with open_control(settings, here.control_settings, gateways=gateways) as control:
                door = Door(spool, KeyAccess(control, EVENTS_WRITE, clock=settings.now), body_limit_bytes=settings.request_limit_bytes)
                webhooks = Webhooks(control, now=settings.now)
                app.router.routes.extend([*door.routes, *webhooks.routes])
                async with serving(app, settings, control):
                    yield
                await webhooks.close()
        finally:
            spool.close()

    app = FastAPI(title="Meterhouse", lifespan=opened, openapi_url=None, docs_url=None, redoc_url=None)
    app.add_exception_handler(HTTPException, _explained)
    app.add_api_route(HEALTH_PATH, _healthy, methods=["GET"], include_in_schema=False)
    mount(app)
    return app


async def _healthy() -> dict[str, str]:
    return {"status": "ok"}


async def _explained(_request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses, such as an unknown path, as problem details too."""
    if not isinstance(error, HTTPException):
        raise error
    kinds = {404: "no-such-path", 405: "method-not-allowed"}
    return problem_response(error.status_code, kinds.get(error.status_code, "refused"), str(error.detail), headers=error.headers)
