"""`POST /v1/events`: who may send, how much at once, and the answer. An ASGI application to be mounted.

A request is answered 202 when its events are on disk, never before: whoever gets no answer sends again, and what came
twice counts once. What a key allows is asked of the `access` that the door is made with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestion.door.bodies import lines_of, too_large, unpack
from ingestion.door.problems import Problem, busy
from ingestion.door.spool import Spool, SpoolFailedError, SpoolFullError
from warehouse.errors import MeterhouseError

PATH = "/v1/events"
# Bodies smaller than this are read in the event loop: handing them to a thread would cost more.
_INLINE_BYTES = 16_384
# Of all requests that are being received or written at once, before unpacking; more have to wait outside.
_IN_FLIGHT_BYTES = 256 << 20
_RETRY_SOON_SECONDS = 1
_RETRY_LATER_SECONDS = 5  # a full spool empties at the pace of loads
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="meterhouse"'}


class Access(Enum):
    """What a key may do here."""

    GRANTED = "granted"
    FORBIDDEN = "forbidden"  # a key of ours, for something else
    UNKNOWN = "unknown"


class Door:
    """Receives events into a spool."""

    def __init__(self, spool: Spool, access: Callable[[str], Awaitable[Access]], *, body_limit_bytes: int) -> None:
        self._spool = spool
        self._access = access
        self._body_limit_bytes = body_limit_bytes
        self._in_flight_bytes = 0

    @property
    def routes(self) -> list[Route]:
        """To be mounted at the root."""
        return [Route(PATH, self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> Response:
        """Take one request."""
        try:
            await self._admit(request)
            with self._room() as taking:
                body = await self._body(request, taking)
                lines = await self._lines(request, body)
                batch_id = await self._spool.append(lines) if lines else None
        except Problem as problem:
            return problem.response()
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it; nothing was accepted
        except SpoolFullError:
            detail = "events arrive faster than they are loaded and the spool is full; nothing was accepted, send it again"
            return busy(429, "spool-full", detail, seconds=_RETRY_LATER_SECONDS).response()
        except SpoolFailedError as error:
            detail = f"the events could not be made durable ({error}); nothing was accepted, send it again"
            return busy(503, "spool-failed", detail, seconds=_RETRY_LATER_SECONDS).response()
        except MeterhouseError:  # the store of the keys does not answer
            detail = "the API key cannot be checked now; nothing was accepted, send it again"
            return busy(503, "unavailable", detail, seconds=_RETRY_LATER_SECONDS).response()
        return JSONResponse({"status": "accepted for processing", "batch_id": batch_id, "lines": lines.count(b"\n")}, status_code=202)

    async def _admit(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Problem(401, "no-key", "send an API key as `Authorization: Bearer KEY`", headers=_CHALLENGE)
        match await self._access(token.strip()):
            case Access.UNKNOWN:
                raise Problem(401, "unknown-key", "the API key is unknown or revoked", headers=_CHALLENGE)
            case Access.FORBIDDEN:
                raise Problem(403, "missing-scope", "the API key may not send events; it needs the scope events:write")

    @contextmanager
    def _room(self) -> Iterator[Callable[[int], None]]:
        """Counts what one request holds in memory, until its end."""
        own = 0

        def take(size: int) -> None:
            nonlocal own
            own += size
            self._in_flight_bytes += size
            if self._in_flight_bytes > _IN_FLIGHT_BYTES:
                raise busy(429, "too-many-requests", "too much is being received at once; send it again", seconds=_RETRY_SOON_SECONDS)

        try:
            yield take
        finally:
            self._in_flight_bytes -= own

    async def _body(self, request: Request, taking: Callable[[int], None]) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._body_limit_bytes:
            raise too_large(self._body_limit_bytes)
        pieces: list[bytes] = []
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > self._body_limit_bytes:
                raise too_large(self._body_limit_bytes)
            taking(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    async def _lines(self, request: Request, body: bytes) -> bytes:
        encoding = request.headers.get("content-encoding", "").strip().lower()
        content_type = request.headers.get("content-type", "")

        def read() -> bytes:
            return lines_of(unpack(body, encoding, limit=self._body_limit_bytes), content_type, request.headers)

        return read() if len(body) < _INLINE_BYTES else await asyncio.to_thread(read)
