"""`POST /webhooks/<gateway>`: what gateways tell. An answer waits only until the events are verified and stored; then they are handled.

What a message means is decided in control/services/receive.py. Handling that fails here is repeated by `meterhouse work`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from control.bootstrap import Control
from control.gateways import NAMES
from control.ports import WebhookRefusedError
from control.services.receive import handle_events, receive
from ingestion.door.problems import Problem, busy
from warehouse.errors import MeterhouseError

PATH = "/webhooks"
# Messages of Stripe's are tens of kilobytes at most, Adyen's less. Who sends more has not read a gateway's documentation.
BODY_LIMIT_BYTES = 1 << 20
# Nobody is asked for a key here, so strangers must not be able to hold much: of messages at once, and of time for each.
_AT_ONCE = 64
_BODY_SECONDS = 20.0
_RETRY_SECONDS = 30
# Strangers must not be able to fill the disk with our log either.
_SAY_AGAIN_SECONDS = 60.0
# Adyen's standard webhooks ask for this very text; others look at the status only.
_ANSWERS = {"adyen": "[accepted]"}

_log = logging.getLogger(__name__)


class Webhooks:
    """Receives the messages of all gateways into the store, and handles them. Close it before the store."""

    def __init__(self, control: Control, *, now: Callable[[], datetime]) -> None:
        self._control = control
        self._now = now
        self._at_once = 0
        self._said: dict[str, float] = {}
        self._handling: asyncio.Task[None] | None = None
        self._has_more = False

    @property
    def routes(self) -> list[Route]:
        """To be mounted at the root."""
        return [Route(f"{PATH}/{name}", self._of(name), methods=["POST"]) for name in NAMES]

    async def close(self) -> None:
        """Let the handling under way end."""
        if self._handling is not None:
            await self._handling

    def _of(self, name: str) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            try:
                return await self._take(name, request)
            except Problem as problem:
                return problem.response()
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it; nothing was stored
            except WebhookRefusedError as error:
                self._say(name, error)
                return Problem(400, "refused-webhook", "the message is not signed as it should be, or too old").response()
            except MeterhouseError as error:  # a missing secret, a store that does not answer: not the gateway's fault, which comes again
                self._say(name, error)
                return busy(503, "unavailable", "the message cannot be taken now; send it again", seconds=_RETRY_SECONDS).response()

        return answer

    async def _take(self, name: str, request: Request) -> Response:
        with self._place():
            body = await _body(request)
            headers = dict(request.headers)
            new = await asyncio.to_thread(lambda: receive(self._control, name, body, headers, now=self._now()))
        if new:
            self._handle_soon()
        return PlainTextResponse(_ANSWERS.get(name, ""))

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._at_once >= _AT_ONCE:
            raise busy(503, "too-many-requests", "too many messages at once; send it again", seconds=_RETRY_SECONDS)
        self._at_once += 1
        try:
            yield
        finally:
            self._at_once -= 1

    def _handle_soon(self) -> None:
        """Handle what was stored, after the answer. One round at a time: what comes meanwhile is handled by one more."""
        self._has_more = True
        if self._handling is None or self._handling.done():
            self._handling = asyncio.create_task(self._handle())

    async def _handle(self) -> None:
        while self._has_more:
            self._has_more = False
            try:
                await asyncio.to_thread(lambda: handle_events(self._control, now=self._now()))
            except MeterhouseError as error:
                self._say("handling", error)

    def _say(self, about: str, error: MeterhouseError) -> None:
        if time.monotonic() - self._said.get(about, -_SAY_AGAIN_SECONDS) >= _SAY_AGAIN_SECONDS:
            self._said[about] = time.monotonic()
            _log.warning("webhooks: %s: %s", about, error)


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > BODY_LIMIT_BYTES:
        raise _too_large()
    pieces = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                pieces += piece
                if len(pieces) > BODY_LIMIT_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise Problem(408, "too-slow", "the message did not arrive in time") from None
    return bytes(pieces)


def _too_large() -> Problem:
    return Problem(413, "body-too-large", f"a message may have {BODY_LIMIT_BYTES} bytes")
