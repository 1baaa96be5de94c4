"""What the double remembers: objects as JSON and saved replies, in SQLite, in memory or in a file.

Each request is one transaction, so a refused request leaves nothing behind. Fields that begin with `_` are the double's own
(a card's behaviour) and are taken off on the way out. Card numbers never come here.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.errors import InputError

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, sequence);
CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL);
"""


@dataclass(frozen=True, kw_only=True)
class SavedReply:
    """The answer an idempotency key has for ever after. `fingerprint` tells the request it belongs to."""

    fingerprint: str
    status: int
    body: Json


class Store:
    """Objects by (`object`, `id`), in order of creation, and replies by idempotency key. One transaction at a time."""

    def __init__(self, path: Path | None = None) -> None:
        """`path` is a file that outlives the process; None keeps everything in memory.

        Raises:
            InputError: the file cannot be opened, or is something else.
        """
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise InputError(f"{path} cannot hold the test gateway's state: {error}") from error

    def close(self) -> None:
        """Close the file. The store is of no use afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept together, or nothing where an exception leaves the block."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def put(self, body: Json) -> Json:
        """Add an object or replace the one with its id, which keeps its place in the order; returns it."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                (body["object"], body["id"], json.dumps(body)),
            )
        return body

    def get(self, kind: str, identifier: str) -> Json | None:
        """One object with the double's own fields, or None."""
        with self._lock:
            row = self._connection.execute("SELECT body FROM objects WHERE kind = ? AND id = ?", (kind, identifier)).fetchone()
        return None if row is None else json.loads(row[0])

    def newest_first(self, kind: str, **fields: object) -> list[Json]:
        """All objects of a kind whose top-level fields have these values, newest first."""
        with self._lock:
            rows = self._connection.execute("SELECT body FROM objects WHERE kind = ? ORDER BY sequence DESC", (kind,)).fetchall()
        bodies = (json.loads(body) for (body,) in rows)
        return [body for body in bodies if all(body.get(name) == value for name, value in fields.items())]

    def delete(self, identifier: str) -> None:
        """Forget an object."""
        with self._lock:
            self._connection.execute("DELETE FROM objects WHERE id = ?", (identifier,))

    def reply(self, key: str) -> SavedReply | None:
        """The saved answer of an idempotency key."""
        with self._lock:
            row = self._connection.execute("SELECT fingerprint, status, body FROM replies WHERE key = ?", (key,)).fetchone()
        return None if row is None else SavedReply(fingerprint=row[0], status=row[1], body=json.loads(row[2]))

    def save_reply(self, key: str, reply: SavedReply) -> None:
        """Answer every later request with this key like this."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO replies (key, fingerprint, status, body) VALUES (?, ?, ?, ?)",
                (key, reply.fingerprint, reply.status, json.dumps(reply.body)),
            )


def public(body: Json) -> Json:
    """An object as the API shows it, without the double's own fields."""
    return {name: value for name, value in body.items() if not name.startswith("_")}
