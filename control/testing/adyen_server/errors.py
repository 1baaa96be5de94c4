"""The errors of Adyen's API as exceptions of the double, in Adyen's shape. No endpoint logic."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than 2xx. Raised inside an endpoint it undoes what the endpoint did."""

    def __init__(self, status: int, message: str, *, code: str, kind: str = "validation") -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"status": status, "errorCode": code, "message": message, "errorType": kind}
