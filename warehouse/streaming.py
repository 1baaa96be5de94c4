"""Streams bytes into one INSERT statement over HTTP, as they are: compressed bytes stay compressed.

clickhouse-connect builds its own INSERT around a body; here the caller's statement decides how the body is read.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from warehouse.client import STATEMENT_SECONDS, endpoint
from warehouse.errors import WarehouseError
from warehouse.settings import Settings


class StatementError(WarehouseError):
    """The server refused the statement or its input. `reason` is what it said."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the warehouse refused a load: {reason.splitlines()[0][:300] if reason else 'no reason given'}")
        self.reason = reason


def stream(
    settings: Settings,
    statement: str,
    body: Iterable[bytes],
    *,
    query_id: str,
    encoding: str | None = None,
    options: Mapping[str, str | int] | None = None,
) -> None:
    """Run `statement` with `body` as its input.

    Args:
        settings: of the deployment; connects as its pipeline user.
        statement: an INSERT that ends in FORMAT.
        body: chunks, read as they are sent. An exception raised while reading leaves the request unfinished, which the
            server refuses; what it had inserted until then stays.
        query_id: to find and kill the statement by.
        encoding: Content-Encoding of the body (`gzip`, `zstd`), None for plain bytes.
        options: ClickHouse settings of the statement.

    Raises:
        StatementError: the server refused.
        WarehouseError: the connection broke.
    """
    target = endpoint(settings)
    connection_class = http.client.HTTPSConnection if target.secure else http.client.HTTPConnection
    connection = connection_class(target.host, target.port, timeout=STATEMENT_SECONDS)
    headers = {
        "X-ClickHouse-User": target.user,
        "X-ClickHouse-Key": target.password,
        "Content-Type": "application/octet-stream",
        "Transfer-Encoding": "chunked",
    }
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    query = urlencode({"query": statement, "query_id": query_id, "wait_end_of_query": 1, **(options or {})})
    try:
        connection.request("POST", f"/?{query}", body=body, headers=headers, encode_chunked=True)
        reply = connection.getresponse()
        text = reply.read().decode(errors="replace")
    except (ConnectionError, http.client.HTTPException, TimeoutError) as error:
        raise WarehouseError(f"the warehouse at {target.url} broke the connection during a load; see its log") from error
    finally:
        connection.close()
    if reply.status != http.client.OK or reply.getheader("X-ClickHouse-Exception-Code"):
        raise StatementError(text)
