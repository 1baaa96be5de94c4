"""API keys: shown once, kept as a hash, recognised until they are revoked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from control.bootstrap import Control
from control.domain.api_keys import EVENTS_WRITE, key_id_of
from control.services.api_keys import create_key, list_keys, recognise, revoke_key
from control.store.tables import api_keys
from warehouse.errors import InputError

NOW = datetime(2026, 1, 15, tzinfo=UTC)


def test_a_key_is_recognised_and_what_is_kept_does_not_tell_it(control: Control) -> None:
    key, token = create_key(control, "storage eu-north1", scopes=[EVENTS_WRITE], now=NOW)

    assert recognise(control, token, now=NOW) == key
    assert key.allows(EVENTS_WRITE)
    with control.store.reading() as connection:
        kept = connection.execute(select(api_keys)).one()
    assert token not in tuple(kept)
    assert token.split("_", 2)[2] not in f"{tuple(kept)}{key!r}"


def test_nothing_else_is_recognised(control: Control) -> None:
    key, token = create_key(control, "storage", scopes=[EVENTS_WRITE], now=NOW)
    other = f"mh_{key.key_id}_{'x' * 43}"
    assert key_id_of(other) == key.key_id
    for text in ("", "mh_", token[:-1], token + "x", token.upper(), other, f"mh_{'0' * 16}_{token[-43:]}", "é" * 60):
        assert recognise(control, text, now=NOW) is None, text


def test_a_revoked_key_allows_nothing_and_stays_in_the_list(control: Control) -> None:
    key, token = create_key(control, "storage", scopes=[EVENTS_WRITE], now=NOW)
    later = datetime(2026, 2, 1, tzinfo=UTC)

    ended = revoke_key(control, key.key_id, now=later)

    assert revoke_key(control, key.key_id, now=datetime(2026, 3, 1, tzinfo=UTC)) == ended
    assert ended.revoked_at == later
    found = recognise(control, token, now=NOW)
    assert found is not None
    assert not found.allows(EVENTS_WRITE)
    assert list_keys(control) == [ended]


def test_a_key_of_no_id_cannot_be_revoked(control: Control) -> None:
    with pytest.raises(InputError, match="meterhouse key list"):
        revoke_key(control, "nobody", now=NOW)


@pytest.mark.parametrize(("name", "scopes"), [("", [EVENTS_WRITE]), ("a\nb", [EVENTS_WRITE]), ("a", []), ("a", ["everything"])])
def test_names_and_scopes_are_checked(control: Control, name: str, scopes: list[str]) -> None:
    with pytest.raises(InputError):
        create_key(control, name, scopes=scopes, now=NOW)
    assert list_keys(control) == []
