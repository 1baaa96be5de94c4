"""Bodies of requests: what is taken, and why the rest is not."""

from __future__ import annotations

import gzip
import json

import pytest

from ingestion.door.bodies import BATCH, JSON, NDJSON, STRUCTURED, lines_of, unpack
from ingestion.door.problems import Problem

EVENT = b'{"id":"1"}'


@pytest.mark.parametrize(
    ("content_type", "body", "lines"),
    [
        (NDJSON[0], EVENT, EVENT + b"\n"),
        (NDJSON[0], b"\xef\xbb\xbf" + EVENT + b"\r\n", EVENT + b"\r\n"),
        (NDJSON[1], b"not json", b"not json\n"),
        (NDJSON[0], b"", b""),
        (f"{STRUCTURED}; charset=utf-8", EVENT, EVENT + b"\n"),
        (STRUCTURED.upper(), b'{\n "id": "1"\n}\n', b'{  "id": "1" }\n'),
        (BATCH, b"[" + EVENT + b"]", b" " + EVENT + b"\n"),
        (BATCH, b" [ ] ", b""),
    ],
)
def test_bodies_become_lines(content_type: str, body: bytes, lines: bytes) -> None:
    assert lines_of(body, content_type, {}) == lines


def test_attributes_in_headers_and_data_in_the_body_are_one_event() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s%C3%A4", "ce-type": "usage.recorded", "ce-data": "x", "host": "h"}
    line = lines_of(b'{"quantity": 0.1234567890000000001}', JSON, headers)
    assert json.loads(line) | {"data": None} == {
        "specversion": "1.0", "id": "1", "source": "/sä", "type": "usage.recorded", "data": None,
    }  # fmt: skip
    assert b'"data":{"quantity": 0.1234567890000000001}' in line
    assert json.loads(lines_of(b"", "", headers))["data"] is None


@pytest.mark.parametrize(
    ("content_type", "headers", "status"),
    [("", {}, 415), ("text/plain", {}, 415), (JSON, {}, 415), ("text/xml", {"ce-specversion": "1.0"}, 415)],
)
def test_other_media_types_are_refused(content_type: str, headers: dict[str, str], status: int) -> None:
    with pytest.raises(Problem) as caught:
        lines_of(EVENT, content_type, headers)
    assert caught.value.status == status


def test_an_array_that_is_cut_off_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        lines_of(b'[{"id":"1"},{"id', BATCH, {})
    assert (caught.value.status, caught.value.kind) == (400, "malformed-body")


def test_gzip_is_unpacked_all_members_of_it() -> None:
    body = gzip.compress(EVENT * 1000) + gzip.compress(b"\n" + EVENT)
    assert unpack(body, "gzip", limit=1 << 20) == EVENT * 1000 + b"\n" + EVENT
    assert unpack(EVENT, "", limit=1) == EVENT
    assert unpack(b"", "gzip", limit=1) == b""


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(EVENT * 1000, mtime=0)[:-9], "gzip", 400),
        (gzip.compress(EVENT, mtime=0)[:5], "gzip", 400),
        (gzip.compress(EVENT, mtime=0) + b"rest", "gzip", 400),
        (EVENT, "gzip", 400),
        (EVENT, "br", 415),
        (gzip.compress(bytes(10 << 20), mtime=0), "gzip", 413),
    ],
)
def test_gzip_that_is_not_whole_or_too_large_is_refused(body: bytes, encoding: str, status: int) -> None:
    with pytest.raises(Problem) as caught:
        unpack(body, encoding, limit=1 << 20)
    assert caught.value.status == status
