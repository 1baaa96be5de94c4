"""Every way a request of the public API ends badly, as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from control.errors import StoreError
from control.ports import GatewayFaultError, GatewayMismatchError, GatewayRefusedError, GatewayUnavailableError
from control.services.idempotency import InFlightError, KeyReusedError, OutcomeUnknownError
from ingestion.door.problems import TYPE_PREFIX, Problem, busy, problem_response
from warehouse.errors import InputError, MeterhouseError, RefusedError, SettingsError, WarehouseError

_RETRY_SECONDS = 5
_FRAMEWORK = {404: "no-such-path", 405: "method-not-allowed"}
# The first that fits. Texts of ours are written for users and hold no secret. 422 is for what the document does not allow; what
# it allows and a rule forbids, such as a tax id with wrong check digits, is 409.
_KINDS: Sequence[tuple[type[MeterhouseError], int, str]] = (
    (KeyReusedError, 409, "idempotency-key-reused"),
    (InFlightError, 409, "request-in-flight"),
    (OutcomeUnknownError, 409, "outcome-unknown"),
    (InputError, 409, "refused"),
    (RefusedError, 409, "refused"),
    (GatewayRefusedError, 409, "gateway-refused"),
    (GatewayMismatchError, 409, "gateway-mismatch"),
)
# What is said of them names addresses and settings of the deployment: it stands in our log, and callers get this.
_TEMPORARY: Sequence[tuple[type[MeterhouseError], str]] = (
    (GatewayUnavailableError, "the payment gateway does not answer"),
    (GatewayFaultError, "the payment gateway failed"),
    (StoreError, "the control store does not answer"),
    (WarehouseError, "the warehouse does not answer"),
    (SettingsError, "this is not configured in this deployment"),
)


class NotFoundError(Problem):
    """There is no such thing, or none that the caller may see: which of both is nobody's business."""

    def __init__(self, what: str) -> None:
        super().__init__(404, "not-found", f"there is no {what} that this key reaches")


def problem_of(error: Exception) -> JSONResponse | None:
    """The answer to an error; None where it is a defect of ours."""
    if isinstance(error, MeterhouseError):
        return _of_ours(error)
    match error:
        case Problem():
            return error.response()
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            kind = _FRAMEWORK.get(error.status_code, "refused")
            return problem_response(error.status_code, kind, str(error.detail), headers=error.headers)
        case ClickHouseError():
            return busy(503, "unavailable", "the warehouse could not answer; ask again", seconds=_RETRY_SECONDS).response()
    return None


def _of_ours(error: MeterhouseError) -> JSONResponse | None:
    for kind_of_error, status, kind in _KINDS:
        if isinstance(error, kind_of_error):
            return problem_response(status, kind, str(error))
    for kind_of_error, detail in _TEMPORARY:
        if isinstance(error, kind_of_error):
            return busy(503, "unavailable", f"{detail}; send it again later", seconds=_RETRY_SECONDS).response()
    return None


def defect(request_id: str) -> JSONResponse:
    """The answer where we are to blame: what went wrong stands in our log under the request's id."""
    return problem_response(500, "internal-error", f"something went wrong on our side; tell us the request id {request_id}")


def _invalid(error: RequestValidationError) -> JSONResponse:
    errors = [{"pointer": "/".join(str(part) for part in item["loc"]), "detail": item["msg"]} for item in error.errors()]
    content: dict[str, Any] = {
        "type": f"{TYPE_PREFIX}invalid-request",
        "title": "invalid request",
        "status": 422,
        "detail": f"{errors[0]['pointer']}: {errors[0]['detail']}" if errors else "the request is not what the document says",
        "errors": errors,
    }
    return JSONResponse(content, status_code=422, media_type="application/problem+json")
