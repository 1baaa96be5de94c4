"""Access tokens: no stronger than their key, gone with it, and nobody else's; and keys that rotate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from control.bootstrap import Control
from control.domain.oauth import LIFETIME
from control.server_key import derived, read_server_key
from control.services.accounts import upsert_accounts
from control.services.api_keys import create_key, note_uses, recognise, revoke_key, rotate_key
from control.services.oauth import UnknownClientError, grant_of, issue_token
from tests.control_bench.builders import an_account
from warehouse.errors import InputError, RefusedError

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SCOPES = ["invoices:read", "usage:read"]


def test_a_token_allows_what_was_asked_for_until_it_ends(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1")])
    key, secret = create_key(control, "reports", scopes=SCOPES, now=NOW, account_id="acc-1")
    token = issue_token(control, key.key_id, secret, scopes=["usage:read"], now=NOW)
    whole = issue_token(control, key.key_id, secret, scopes=[], now=NOW)

    grant = grant_of(control, token.text, now=NOW + LIFETIME - timedelta(seconds=1))
    assert grant is not None
    assert (grant.key_id, grant.account_id, grant.scopes) == (key.key_id, "acc-1", ("usage:read",))
    assert whole.scopes == tuple(SCOPES)
    assert grant_of(control, token.text, now=NOW + LIFETIME) is None
    with pytest.raises(InputError, match="payments:write"):
        issue_token(control, key.key_id, secret, scopes=["payments:write"], now=NOW)


def test_a_token_ends_with_its_key(control: Control) -> None:
    key, secret = create_key(control, "reports", scopes=SCOPES, now=NOW)
    token = issue_token(control, key.key_id, secret, scopes=[], now=NOW).text
    revoke_key(control, key.key_id, now=NOW)
    assert grant_of(control, token, now=NOW) is None
    assert grant_of(control, secret, now=NOW) is None
    with pytest.raises(UnknownClientError):
        issue_token(control, key.key_id, secret, scopes=[], now=NOW)


def test_tokens_that_others_made_are_none(control: Control) -> None:
    key, secret = create_key(control, "reports", scopes=SCOPES, now=NOW)
    other, other_secret = create_key(control, "other", scopes=SCOPES, now=NOW)
    token = issue_token(control, key.key_id, secret, scopes=[], now=NOW).text
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, b"another key that is long enough for it", algorithm="HS256"),
        jwt.encode(claims | {"iss": "another deployment"}, derived(control.server_key(), "access-token"), algorithm="HS256"),
        jwt.encode(claims | {"aud": "another audience"}, derived(control.server_key(), "access-token"), algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
        token[:-4] + "AAAA",
        "a.b.c",
        "..",
    ]
    assert [grant_of(control, text, now=NOW) for text in forged] == [None] * len(forged)
    for client_id, shown in ((key.key_id, other_secret), (other.key_id, secret), ("", secret), (key.key_id, "")):
        with pytest.raises(UnknownClientError):
            issue_token(control, client_id, shown, scopes=[], now=NOW)


def test_a_rotated_key_has_its_old_secret_for_the_grace_and_the_one_before_no_longer(control: Control) -> None:
    key, first = create_key(control, "storage", scopes=SCOPES, now=NOW)
    _, second = rotate_key(control, key.key_id, now=NOW, grace=timedelta(hours=1))
    soon = NOW + timedelta(minutes=59)
    assert [recognise(control, text, now=soon) is not None for text in (first, second)] == [True, True]
    assert recognise(control, first, now=NOW + timedelta(hours=1)) is None
    _, third = rotate_key(control, key.key_id, now=soon, grace=timedelta(0))
    assert [recognise(control, text, now=soon) is not None for text in (first, second, third)] == [False, False, True]
    revoke_key(control, key.key_id, now=soon)
    with pytest.raises(RefusedError, match="revoked"):
        rotate_key(control, key.key_id, now=soon)
    with pytest.raises(InputError, match="30 days"):
        rotate_key(control, key.key_id, now=soon, grace=timedelta(days=31))


def test_a_key_remembers_its_latest_use(control: Control) -> None:
    key, token = create_key(control, "storage", scopes=SCOPES, now=NOW)
    note_uses(control, {key.key_id: NOW + timedelta(hours=2)})
    note_uses(control, {key.key_id: NOW + timedelta(hours=1)})
    found = recognise(control, token, now=NOW)
    assert found is not None
    assert found.last_used_at == NOW + timedelta(hours=2)


def test_a_key_of_an_account_gets_no_scope_that_reaches_others(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1")])
    with pytest.raises(InputError, match="events:write"):
        create_key(control, "producer", scopes=["events:write"], now=NOW, account_id="acc-1")
    with pytest.raises(InputError, match="does not exist"):
        create_key(control, "of nobody", scopes=SCOPES, now=NOW, account_id="acc-9")


def test_the_server_key_is_made_once_and_only_its_owner_reads_it(control: Control, tmp_path: Path) -> None:
    home = tmp_path / "keys"
    key = read_server_key(home, "")
    assert read_server_key(home, "") == key
    assert (home / "server.key").stat().st_mode & 0o777 == 0o600
    assert read_server_key(home, "configured") != key
    assert derived(key, "a", "b") != derived(key, "ab")
    assert control.server_key() != key
