"""An object store over HTTP, and a bucket in it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from tests.sources_bench.servers import running
from warehouse.ports import free_port

KEY, SECRET = "AKIATESTKEY", "a-secret-that-must-not-show"
# As the tools of AWS look for them.
VARIABLES = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(kw_only=True)
class ObjectStore:
    """A store that answers at `endpoint`."""

    endpoint: str

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - the library makes its classes as it runs
        return boto3.client("s3", endpoint_url=self.endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1")

    def bucket(self, name: str) -> str:
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=content)


@contextlib.contextmanager
def running_store(folder: Path) -> Iterator[ObjectStore]:
    """A store, killed at the end."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port=port, log=folder / "store.log"):
        yield ObjectStore(endpoint=f"http://127.0.0.1:{port}")
