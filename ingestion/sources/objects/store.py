"""The object store: what lies under a prefix, and the bytes of one object as it was listed.

Keys and region come from where all tools of AWS look for them (AWS_* variables, profile, instance role);
METERHOUSE_S3_ENDPOINT names a store that is not AWS. Errors say what failed, never what was sent.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError, NoCredentialsError
from urllib3.exceptions import HTTPError

from ingestion.sources.errors import SourceError
from ingestion.sources.files import OBJECT_PREFIX, SUFFIXES
from ingestion.sources.hashing import CHUNK_BYTES
from ingestion.sql.literals import text
from warehouse.errors import InputError, SettingsError
from warehouse.settings import Settings

_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_ATTEMPTS = 4
_PAGE_KEYS = 1_000  # of a listing; no store gives more at once
_PLAIN_KEY = re.compile(r"[A-Za-z0-9/._=-]+")
_CHANGED = ("NoSuchKey", "404", "PreconditionFailed", "412")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An object as a listing showed it."""

    bucket: str
    key: str
    etag: str
    size: int
    modified_at: datetime

    @property
    def location(self) -> str:
        """Its URL."""
        return f"{OBJECT_PREFIX}{self.bucket}/{self.key}"

    @property
    def fingerprint(self) -> str:
        """What changes when it is replaced."""
        return f"{self.size}:{self.modified_at.isoformat()}:{self.etag}"


class ObjectStore:
    """The bucket and prefix of METERHOUSE_LANDING. Making one connects to nothing."""

    def __init__(self, settings: Settings) -> None:
        self.bucket, _, self.prefix = (settings.landing or "").removeprefix(OBJECT_PREFIX).partition("/")
        if not self.bucket:
            raise SettingsError("METERHOUSE_LANDING names no bucket; write s3://bucket/prefix")
        self.endpoint = settings.s3_endpoint
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"max_attempts": _ATTEMPTS, "mode": "standard"},
            # Most stores that are not AWS know no bucket as a host name.
            s3={"addressing_style": "path" if self.endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with self._explained(f"{OBJECT_PREFIX}{self.bucket}"):
            self._session = boto3.session.Session()
            self._client: Any = self._session.client("s3", endpoint_url=self.endpoint, config=config)

    @property
    def location(self) -> str:
        """URL of the prefix."""
        return f"{OBJECT_PREFIX}{self.bucket}/{self.prefix}"

    def listed(self, *, after: str = "") -> Iterator[Listed]:
        """The event objects under the prefix, in the order of their keys; only those that sort after a location where one is given.

        Raises:
            SourceError: the store does not answer or refuses.
        """
        with self._explained(self.location):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket,
                Prefix=self.prefix,
                StartAfter=after.removeprefix(f"{OBJECT_PREFIX}{self.bucket}/"),
                PaginationConfig={"PageSize": _PAGE_KEYS},
            )
            for page in pages:
                for found in page.get("Contents", []):
                    if found["Key"].endswith(SUFFIXES) and not found["Key"].rpartition("/")[2].startswith("."):
                        yield Listed(
                            bucket=self.bucket,
                            key=found["Key"],
                            etag=found["ETag"],
                            size=found["Size"],
                            modified_at=found["LastModified"],
                        )

    def chunks(self, item: Listed) -> Iterator[bytes]:
        """The bytes of an object, all of them, as it was listed.

        Raises:
            InputError: it has been replaced or removed since.
            SourceError: the store does not answer, refuses, or broke off.
        """
        with self._explained(item.location):
            body = self._client.get_object(Bucket=item.bucket, Key=item.key, IfMatch=item.etag)["Body"]
            with body:
                while chunk := body.read(CHUNK_BYTES):
                    yield chunk

    def require_unchanged(self, item: Listed) -> None:
        """Make sure that an object is as it was listed.

        Raises:
            InputError: it has been replaced or removed since.
            SourceError: the store does not answer or refuses.
        """
        with self._explained(item.location):
            found = self._client.head_object(Bucket=item.bucket, Key=item.key)
        if (found["ETag"], found["LastModified"]) != (item.etag, item.modified_at):
            raise _replaced(item.location)

    def table(self, item: Listed, *, packing: str) -> str | None:
        """SQL of a table with a row a line of an object, for the server to read it; None where it cannot.

        The text holds a key of the store. The server hides it in its log, its processes and its errors.
        """
        if not _PLAIN_KEY.fullmatch(item.key):
            return None  # s3() would take some characters for patterns
        found = self._session.get_credentials()
        if found is None:
            return None
        own = found.get_frozen_credentials()
        url = f"{self._client.meta.endpoint_url}/{item.bucket}/{item.key}"
        proof = [own.access_key, own.secret_key, *([own.token] if own.token else [])]
        return f"s3({', '.join(map(text, [url, *proof, 'LineAsString', 'line String', packing]))})"

    @contextmanager
    def _explained(self, location: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in _CHANGED:
                raise _replaced(location) from None
            raise SourceError(f"{location}: the object store refused ({code}); check the bucket and the rights of the AWS key") from None
        except NoCredentialsError:
            raise SourceError(f"{location}: no key for the object store; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") from None
        except IncompleteReadError:
            raise SourceError(f"{location}: the object store broke off in the middle; nothing of it was loaded") from None
        except (BotoCoreError, HTTPError, TimeoutError, socket.gaierror) as error:
            raise SourceError(f"{location}: the object store does not answer ({type(error).__name__}); is its URL right?") from None


def _replaced(location: str) -> InputError:
    return InputError(f"{location}: replaced or removed while it was read; nothing of it was loaded, the next run takes the new one")
