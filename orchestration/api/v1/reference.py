"""The page of the API: every operation of the document with its parameters, bodies and answers. It needs no other file or site."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

_TEMPLATE = Path(__file__).with_name("reference.html.j2")
_SHOWN_CHARACTERS = 160


def page(document: dict[str, Any]) -> str:
    """The page of a document."""
    return _rendered(json.dumps(document))


@lru_cache(maxsize=2)
def _rendered(text: str) -> str:
    document = json.loads(text)
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tags.setdefault(operation["tags"][0], []).append({"path": path, "method": method.upper(), **operation})
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["kind"] = kind
    return environment.from_string(_TEMPLATE.read_text()).render(document=document, tags=tags)


def kind(schema: dict[str, Any]) -> str:
    """A schema in a few words: `array of Account`, `string or null`, `one of usage, …`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        listed = ", ".join(str(each) for each in schema["enum"])
        return f"one of {listed}" if len(listed) < _SHOWN_CHARACTERS else f"one of {listed[:_SHOWN_CHARACTERS]}…"
    if schema.get("type") == "array":
        return f"array of {kind(schema.get('items', {}))}"
    if "const" in schema:
        return str(schema["const"])
    form = schema.get("format") or (f"matching {schema['pattern']}" if "pattern" in schema else "")
    return f"{schema.get('type', 'anything')} {form}".strip()
