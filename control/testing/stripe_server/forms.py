"""Stripe's way of writing nested parameters as a form: un-flattening, and typing by a schema. Knows no endpoint.

`lines[0][amount]=5&expand[]=x` is {"lines": [{"amount": 5}], "expand": ["x"]}.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft4Validator

from control.testing.stripe_server.errors import ApiError

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_BOOLEANS = {"true": True, "false": False}

Json = dict[str, Any]


def unflatten(form: str) -> Json:
    """Nested dicts of strings from a form or query string; list indexes stay keys, `[]` counts up.

    Raises:
        ApiError: 400 where a name is malformed, or is both a value and a container.
    """
    result: Json = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        match = _NAME.match(name)
        if match is None:
            raise ApiError(400, f"Invalid parameter name: {name}", param=name)
        place = result
        keys = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        for key, following in zip(keys, [*keys[1:], None], strict=True):
            if following is None:
                place[key or str(len(place))] = value
                break
            place = place.setdefault(key or str(len(place)), {})
            if not isinstance(place, dict):
                raise ApiError(400, f"Invalid parameter: {name} is given as a value and as a container", param=match[1])
    return result


def coerce(schema: Json, value: object) -> Any:  # noqa: ANN401  # whatever type the schema names
    """The value with the types its schema names. What does not fit stays text, for validation to refuse."""
    if "anyOf" in schema:
        readings = [coerce(branch, value) for branch in schema["anyOf"]]
        fitting = [reading for branch, reading in zip(schema["anyOf"], readings, strict=True) if Draft4Validator(branch).is_valid(reading)]
        return (fitting or readings)[0]
    kind = schema.get("type")
    if kind == "object" and isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        return {key: coerce(properties.get(key, others if isinstance(others, dict) else {}), item) for key, item in value.items()}
    if kind == "array" and isinstance(value, dict) and all(key.isdigit() for key in value):
        return [coerce(schema["items"], value[key]) for key in sorted(value, key=int)]
    if kind == "integer" and isinstance(value, str) and _INTEGER.match(value):
        return int(value)
    if kind == "boolean" and isinstance(value, str):
        return _BOOLEANS.get(value, value)
    return value
