"""The typed client that openapi-python-client makes of docs/openapi.json, made anew for the tests that use it: three seconds."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
NAME = "meterhouse_client"


class TypedClient:
    """The generated package, bound to a server and a key. `call("accounts", "show_account", …)` is its `show_account.sync_detailed`."""

    def __init__(self, package: ModuleType, url: str, key: str) -> None:
        self._client = package.AuthenticatedClient(base_url=url, token=key, timeout=httpx.Timeout(60))

    def call(self, tag: str, operation: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - a model of the package
        """What an operation answered: its `parsed` is a model of the document, or of its problem."""
        module = importlib.import_module(f"{NAME}.api.{tag}.{operation}")
        return module.sync_detailed(*arguments, client=self._client, **named)

    def close(self) -> None:
        """Close its connections."""
        self._client.get_httpx_client().close()

    @staticmethod
    def model(model: str, /, **values: object) -> Any:  # noqa: ANN401 - a model of the package
        """A body of a request from its JSON."""
        return getattr(importlib.import_module(f"{NAME}.models"), model).from_dict(values)


def generated_package(folder: Path) -> ModuleType:
    """Generate the package below a folder and import it.

    Raises:
        AssertionError: the document has a part that the generator cannot type.
    """
    as_bytes = dict.fromkeys(("application/x-ndjson", "application/pdf"), "application/octet-stream")
    options = ConfigFile(post_hooks=[], content_type_overrides=as_bytes)
    config = Config.from_sources(
        options, MetaType.NONE, document_source=DOCUMENT, file_encoding="utf-8", overwrite=True, output_path=folder / NAME
    )
    errors = generate(config=config)
    assert not errors, [f"{error.header}: {error.detail}" for error in errors]
    sys.path.insert(0, str(folder))
    return importlib.import_module(NAME)
