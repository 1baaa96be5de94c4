"""Credentials over HTTP: tokens for keys, keys that rotate and end, and that a use is noted."""

from __future__ import annotations

import base64

import pytest

from control.domain.api_keys import key_id_of
from control.services.api_keys import find_key
from orchestration.api.v1.mount import write_uses
from tests.control_bench.builders import NOW
from tests.unit.orchestration.api.conftest import Server


def _token(server: Server, key: str, **form: str) -> tuple[int, dict[str, object]]:
    values = {"grant_type": "client_credentials", "client_id": str(key_id_of(key)), "client_secret": key} | form
    answer = server.http.post("/v1/oauth/token", data=values)
    return answer.status_code, answer.json()


def test_a_key_is_traded_for_a_token_that_does_less_and_ends_with_it(server: Server) -> None:
    key = server.key(account_id="acc-1")
    status, issued = _token(server, key, scope="accounts:read webhooks:read")
    assert (status, issued["token_type"], issued["expires_in"], issued["scope"]) == (200, "Bearer", 900, "accounts:read webhooks:read")
    token = str(issued["access_token"])

    assert server.ask("GET", "/v1/accounts/acc-1", token).status_code == 200
    assert server.ask("GET", "/v1/accounts/acc-2", token).status_code == 404
    refused = server.ask("POST", "/v1/accounts/acc-1/projects", token, body={"project_id": "p"})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:meterhouse:problem:missing-scope")

    revoked = server.ask("DELETE", f"/v1/api-keys/{key_id_of(key)}", server.key())
    assert revoked.json()["revoked_at"] == "2026-02-03T10:00:00Z"
    for credential in (token, key):
        assert server.ask("GET", "/v1/accounts/acc-1", credential).status_code == 401
    assert _token(server, key)[0] == 401


def test_a_client_may_show_itself_by_http_basic(server: Server) -> None:
    key = server.key()
    encoded = base64.b64encode(f"{key_id_of(key)}:{key}".encode()).decode()
    answer = server.http.post("/v1/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {encoded}"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "0" * 16}, 401, "invalid_client"),
        ({"scope": "everything"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 422, None),
    ],
)
def test_a_refused_trade_says_why_in_the_words_of_oauth(server: Server, form: dict[str, str], status: int, code: str | None) -> None:
    got, problem = _token(server, server.key(), **form)
    assert (got, problem.get("error")) == (status, code)
    assert str(problem["type"]).startswith("urn:meterhouse:problem:")


def test_a_rotated_key_changes_over_without_a_gap(server: Server) -> None:
    key, staff = server.key(account_id="acc-1"), server.key()
    fresh = server.ask("POST", f"/v1/api-keys/{key_id_of(key)}/rotate", staff, body={"grace_seconds": 60}).json()
    assert fresh["previous_until"] == "2026-02-03T10:01:00Z"
    assert [server.ask("GET", "/v1/accounts/acc-1", each).status_code for each in (key, fresh["key"])] == [200, 200]
    last = server.ask("POST", f"/v1/api-keys/{key_id_of(key)}/rotate", staff, body={"grace_seconds": 0}).json()
    assert [server.ask("GET", "/v1/accounts/acc-1", each).status_code for each in (key, fresh["key"], last["key"])] == [401, 401, 200]


def test_a_token_sends_events_where_its_key_may(server: Server) -> None:
    key = server.key(scopes=("events:write", "usage:read"))
    allowed, refused = (str(_token(server, key, scope=scope)[1]["access_token"]) for scope in ("events:write", "usage:read"))
    headers = {"Content-Type": "application/x-ndjson"}
    answers = [
        server.http.post("/v1/events", content=b"{}\n", headers=headers | {"Authorization": f"Bearer {token}"})
        for token in (allowed, refused)
    ]
    assert [answer.status_code for answer in answers] == [202, 403]


def test_a_key_that_was_used_is_noted_by_and_by(server: Server) -> None:
    key = server.key()
    server.ask("GET", "/v1/accounts/acc-1", key)
    write_uses(server.app.state.api)
    assert find_key(server.control, str(key_id_of(key))).last_used_at == NOW
