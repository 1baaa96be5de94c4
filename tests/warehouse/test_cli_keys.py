"""`key create|list|revoke` as a person uses them."""

from __future__ import annotations

from pathlib import Path

from tests.command_line import Home


def test_a_key_is_printed_once_listed_without_it_and_revoked(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", {"METERHOUSE_NOW": "2026-02-01T00:00:00Z"})
    (made,) = home.rows("key", "create", "storage eu-north1")
    assert made["key"].startswith(f"mh_{made['key_id']}_")
    (listed,) = home.rows("key", "list")
    assert listed == {
        "key_id": made["key_id"], "name": "storage eu-north1", "account_id": "", "scopes": "events:write",
        "created_at": "2026-02-01T00:00:00Z", "last_used_at": None, "previous_until": None, "revoked_at": None,
    }  # fmt: skip
    (revoked,) = home.rows("key", "revoke", made["key_id"])
    assert revoked == listed | {"revoked_at": "2026-02-01T00:00:00Z"}

    assert "meterhouse key list" in home.refusal("key", "revoke", "nobody")
    assert "events:write" in home.refusal("key", "create", "x", "--scope", "everything")
    assert made["key"].encode() not in b"".join(path.read_bytes() for path in home.path.rglob("*") if path.is_file())
