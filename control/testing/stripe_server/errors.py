"""The errors of Stripe's API as exceptions of the double, in Stripe's shape. No endpoint logic."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than 200. Raised inside an endpoint it undoes what the endpoint did."""

    def __init__(self, status: int, message: str, *, type_: str = "invalid_request_error", **fields: str | None) -> None:
        """`fields` are further fields of Stripe's error object, such as code and param; None is left out."""
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"type": type_, "message": message} | {k: v for k, v in fields.items() if v is not None}}

    @classmethod
    def missing(cls, kind: str, identifier: str, *, param: str = "id") -> ApiError:
        """No such object."""
        status = 404 if param == "id" else 400
        return cls(status, f"No such {kind}: '{identifier}'", code="resource_missing", param=param)
