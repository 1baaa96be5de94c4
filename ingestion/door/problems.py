"""Why a request was refused, as RFC 9457 problem details. `type` says which rule, for programs; `detail` what to do, for people."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

TYPE_PREFIX = "urn:meterhouse:problem:"


class Problem(Exception):
    """Ends a request. `kind` becomes the last part of the problem's type."""

    def __init__(self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """What the caller gets."""
        return problem_response(self.status, self.kind, self.detail, headers=self.headers)


def problem_response(status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    content = {"type": f"{TYPE_PREFIX}{kind}", "title": kind.replace("-", " "), "status": status, "detail": detail}
    return JSONResponse(content, status_code=status, media_type="application/problem+json", headers=dict(headers or {}))


def busy(status: int, kind: str, detail: str, *, seconds: int) -> Problem:
    """A refusal that ends by itself: the same request may be sent again after so many seconds."""
    return Problem(status, kind, detail, headers={"Retry-After": str(seconds)})
