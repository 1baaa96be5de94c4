"""The body of a request into whole lines, one event each, for the spool.

Cheap checks only: packing, size, brackets. What is wrong with an event is found where it is loaded, and stands in
ops.rejected_events. CloudEvents 1.0, HTTP protocol binding: batched, structured and binary content mode.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from urllib.parse import unquote

from ingestion.door.problems import Problem
from ingestion.door.splitting import NotOneLineError, line_of_object, lines_of_array

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = ("application/x-ndjson", "application/jsonl")
JSON = "application/json"  # the data of an event whose attributes are headers

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ATTRIBUTE_PREFIX = "ce-"
_GZIP = 31  # zlib's window bits for a gzip header
_UNPACKED_AT_ONCE = 1 << 20


def _object_of(body: bytes) -> bytes:
    """The body, which looks like one JSON object: who sends something else under this type sends it to the wrong place."""
    text = body.strip(b" \t\r\n")
    if not (text.startswith(b"{") and text.endswith(b"}")):
        raise NotOneLineError("the body is not a JSON object")
    return text


def unpack(body: bytes, encoding: str, *, limit: int) -> bytes:
    """The body without its Content-Encoding.

    Raises:
        Problem: an encoding we do not take (415), a body that is cut off or damaged (400), or larger than `limit` (413).
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise Problem(415, "unsupported-encoding", f"Content-Encoding {encoding!r} is not taken; send gzip or none")
    try:
        return _gunzip(body, limit)
    except zlib.error:
        raise Problem(400, "damaged-body", "the body is not gzip or is damaged; send it again whole") from None


def lines_of(body: bytes, content_type: str, headers: Mapping[str, str]) -> bytes:
    """The lines of an unpacked body, each with its end; empty where there is no event.

    Raises:
        Problem: a media type we do not take (415), or a body that cannot be lines (400).
    """
    media_type = content_type.partition(";")[0].strip().lower()
    try:
        if media_type in NDJSON:
            text = body.removeprefix(_BYTE_ORDER_MARK)
            return text if text.endswith(b"\n") or not text else text + b"\n"
        if media_type == BATCH:
            return lines_of_array(body.removeprefix(_BYTE_ORDER_MARK))
        if media_type == STRUCTURED:
            return line_of_object(_object_of(body.removeprefix(_BYTE_ORDER_MARK)))
        if f"{_ATTRIBUTE_PREFIX}specversion" in headers and media_type in (JSON, ""):
            return _binary(body, headers)
    except NotOneLineError as error:
        raise Problem(400, "malformed-body", f"{error}; nothing was accepted") from None
    raise Problem(
        415,
        "unsupported-media-type",
        f"Content-Type {media_type or 'missing'!r} is not taken; send {STRUCTURED}, {BATCH}, {NDJSON[0]}, or {JSON} with ce- headers",
    )


def _gunzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip body."""
    unpacked = bytearray()
    rest = body
    while rest:
        member = zlib.decompressobj(_GZIP)
        while rest and not member.eof:
            unpacked += member.decompress(rest, _UNPACKED_AT_ONCE)
            if len(unpacked) > limit:
                raise too_large(limit)
            rest = member.unconsumed_tail
        if not member.eof:
            unpacked += member.flush()
        if not member.eof:
            raise Problem(400, "damaged-body", "the gzip body is cut off; send it again whole")
        rest = member.unused_data
    return bytes(unpacked)


def too_large(limit: int) -> Problem:
    """A body beyond the limit."""
    return Problem(413, "body-too-large", f"a request may carry {limit} bytes after unpacking; send fewer events at once")


def _binary(body: bytes, headers: Mapping[str, str]) -> bytes:
    """An event whose attributes are headers and whose data is the body."""
    attributes = {
        name.removeprefix(_ATTRIBUTE_PREFIX): unquote(value.strip().strip('"'))
        for name, value in headers.items()
        if name.startswith(_ATTRIBUTE_PREFIX)
    }
    attributes.pop("data", None)  # the body is the data
    text = json.dumps(attributes, ensure_ascii=False).encode()
    data = line_of_object(body).strip()
    return text[:-1] + b',"data":' + (data or b"null") + b"}\n"
