"""Adyen's official OpenAPI document, as the judge of every request and every response of this double.

OpenAPI 3.1, whose schemas are JSON Schema 2020-12 and closed. Nothing here knows what an endpoint does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from control.testing.adyen_server.errors import ApiError
from warehouse.errors import SettingsError

_DOCUMENT = "urn:adyen"
_TITLE = "Adyen Checkout API"
_VERSION = "72"

Json = dict[str, Any]
Keyword = Callable[[Any, Any, Any, Json], Iterable[ValidationError] | None]


class UndocumentedAnswerError(Exception):
    """The double was about to answer what Adyen's document does not allow: a bug of the double."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one documented path. `arguments` are the values of its path parameters."""

    method: str
    template: str
    arguments: Mapping[str, str]


class Document:
    """Routes, request schemas and response schemas of one version of Adyen's API."""

    def __init__(self, contents: Json) -> None:
        self._paths: Json = contents["paths"]
        self._registry = Registry().with_resource(_DOCUMENT, DRAFT202012.create_resource(contents))
        self._routes = [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z"), path) for path in sorted(self._paths)]
        self._parameters: Json = contents["components"]["parameters"]

    def find(self, method: str, path: str) -> Operation | None:
        """The operation behind a request line; None where Adyen has none. A fixed segment wins over a parameter."""
        found = [(template, match) for pattern, template in self._routes if (match := pattern.match(path))]
        found = [item for item in found if method.lower() in self._paths[item[0]]]
        if not found:
            return None
        template, match = min(found, key=lambda item: item[0].count("{"))
        return Operation(method=method.lower(), template=template, arguments=match.groupdict())

    def check_request(self, operation: Operation, body: Json | None, query: Mapping[str, str]) -> None:
        """Compare a request with the document.

        Raises:
            ApiError: naming the field, for the first thing the document does not allow.
        """
        documented = self._paths[operation.template][operation.method]
        known = [row for row in documented.get("parameters", ()) if row.get("in") == "query"]
        if unknown := query.keys() - {row["name"] for row in known}:
            raise ApiError(400, f"Unknown query parameter '{min(unknown)}'", code="702")
        for row in known:
            if row.get("required") and row["name"] not in query:
                raise ApiError(400, f"Required query parameter '{row['name']}' is missing", code="702")
        if "requestBody" not in documented:
            return
        place = (operation.template, operation.method, "requestBody", "content", "application/json", "schema")
        error = self._first_error(place, body)
        if error is not None:
            field = ".".join(str(part) for part in error.absolute_path)
            raise ApiError(422, f"Field '{field or 'request'}' is not valid: {error.message[:200]}", code="702")

    def check_response(self, operation: Operation, status: int, body: Json | None) -> None:
        """Compare an answer with the document.

        Raises:
            UndocumentedAnswerError: naming the place and the reason.
        """
        responses: Json = self._paths[operation.template][operation.method]["responses"]
        what = f"{operation.method.upper()} {operation.template} {status}"
        if status >= 400:
            self._check(("components", "schemas", "ServiceError"), body, what, is_path=False)
        elif str(status) not in responses:
            raise UndocumentedAnswerError(f"{what}: the document has no such status")
        elif "content" in responses[str(status)]:
            place = (operation.template, operation.method, "responses", str(status), "content", "application/json", "schema")
            self._check(place, body, what)
        elif body is not None:
            raise UndocumentedAnswerError(f"{what}: the document has no body there")

    def _check(self, place: tuple[str, ...], body: Json | None, what: str, *, is_path: bool = True) -> None:
        error = self._first_error(place, body, is_path=is_path)
        if error is not None:
            raise UndocumentedAnswerError(f"{what}: {error.json_path}: {error.message[:300]}")

    def _first_error(self, place: tuple[str, ...], body: Json | None, *, is_path: bool = True) -> ValidationError | None:
        pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in place)
        schema = {"$ref": f"{_DOCUMENT}#/{'paths/' if is_path else ''}{pointer}"}
        found: ValidationError | None = best_match(_Validator(schema, registry=self._registry).iter_errors(body))
        return found


@lru_cache(maxsize=1)
def official_document(path: Path) -> Document:
    """The document at this path.

    Raises:
        SettingsError: there is no such file, or it is another document.
    """
    wanted = f"{_TITLE} of version {_VERSION} (github.com/Adyen/adyen-openapi, json/CheckoutService-v72.json)"
    try:
        contents = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise SettingsError(f"the local Adyen needs the document {wanted}, and there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as the document {wanted}: {error}") from error
    info = contents.get("info", {}) if isinstance(contents, dict) else {}
    if (info.get("title"), info.get("version")) != (_TITLE, _VERSION):
        raise SettingsError(f"{path} is {info.get('title')!r} {info.get('version')!r}, not the document {wanted}")
    return Document(contents)


def _nullable(keyword: Keyword) -> Keyword:
    """A null passes this keyword where the schema says `nullable`, a word of OpenAPI 3.0 that this document still uses."""

    def check(validator: Validator, value: object, instance: object, schema: Json) -> Iterator[ValidationError]:
        if instance is None and schema.get("nullable"):
            return
        yield from keyword(validator, value, instance, schema) or ()

    return check


_Validator = extend(  # type: ignore[no-untyped-call]  # jsonschema types it not
    Draft202012Validator, {name: _nullable(Draft202012Validator.VALIDATORS[name]) for name in ("type", "enum")}
)
