"""Requests that change something: done once under their key, on the record, by who may, no faster than allowed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from control.domain.api_keys import key_id_of
from control.services.audit import list_audit
from control.services.idempotency import ABANDONED
from control.services.members import list_projects
from control.store.audit import COMMITTED, REFUSED
from control.store.tables import audit_log, idempotency_keys, refunds
from tests.control_bench.builders import NOW, a_draft, given_account_with_card, given_invoices
from tests.unit.orchestration.api.conftest import REQUESTS_A_MINUTE, Server

PROJECTS = "/v1/accounts/acc-1/projects"


def test_a_request_that_comes_again_with_its_key_gets_the_first_answer_and_changes_nothing(server: Server) -> None:
    key = server.key(account_id="acc-1")
    body = {"project_id": "web", "name": "Web"}

    first, again = (server.ask("POST", PROJECTS, key, body=body, Idempotency_Key="k-1") for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = server.ask("POST", PROJECTS, key, body={"project_id": "other"}, Idempotency_Key="k-1")
    assert (other.status_code, other.json()["type"]) == (409, "urn:meterhouse:problem:idempotency-key-reused")
    elsewhere = server.ask("POST", "/v1/accounts/acc-1/close", key, body={"reason": "x"}, Idempotency_Key="k-1")
    assert elsewhere.status_code == 409
    assert {project.project_id for project in list_projects(server.control, "acc-1")} >= {"web"}
    callers = server.key(account_id="acc-2")
    of_another_caller = server.ask("POST", "/v1/accounts/acc-2/projects", callers, body={"project_id": "x"}, Idempotency_Key="k-1")
    assert of_another_caller.status_code == 201


def test_a_money_request_needs_a_key_and_refunds_once(server: Server) -> None:
    given_account_with_card(server.control, "acc-paid")
    (invoice,) = given_invoices(server.control, a_draft("acc-paid"))
    key = server.key()
    paths = [f"/v1/invoices/{invoice.invoice_number}/{what}" for what in ("payments", "refunds")]
    body = {"amount": "10.00", "reason": "goodwill"}
    for path in paths:
        missing = server.ask("POST", path, key, body=body)
        assert (missing.status_code, missing.json()["type"]) == (400, "urn:meterhouse:problem:idempotency-key")

    paid = server.ask("POST", paths[0], key, Idempotency_Key="pay-1")
    assert (paid.status_code, paid.json()["result"], paid.json()["amount"]) == (201, "paid", "100.00")
    answers = [server.ask("POST", paths[1], key, body=body, Idempotency_Key="refund-1") for _ in range(3)]

    assert {answer.json()["refund_id"] for answer in answers} == {answers[0].json()["refund_id"]}
    with server.control.store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(refunds)).scalar_one() == 1
    settled = server.ask("POST", paths[0], key, Idempotency_Key="pay-2")
    assert (settled.status_code, settled.json()["type"]) == (409, "urn:meterhouse:problem:refused")


def test_of_requests_that_come_at_once_with_one_key_one_is_done(server: Server) -> None:
    key = server.key()
    credits = "/v1/accounts/acc-1/credits"

    def give(_: int) -> Any:  # noqa: ANN401 - of a thread
        return server.ask("POST", credits, key, body={"credit_id": "at-once", "amount": "3.00"}, Idempotency_Key="at-once")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(give, range(8)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["type"] for answer in answers if answer.status_code == 409} <= {"urn:meterhouse:problem:request-in-flight"}
    assert len({answer.text for answer in answers if answer.status_code == 201}) == 1
    assert len([entry for entry in list_audit(server.control, limit=1000) if entry.idempotency_key == "at-once"]) == 1


def test_a_request_that_died_is_repeated_where_it_changed_nothing_and_never_where_it_did(server: Server) -> None:
    key = server.key(account_id="acc-1")
    key_id = key_id_of(key)
    for idempotency_key, dies_after_its_change in (("nothing", False), ("something", True)):
        body = {"project_id": idempotency_key}
        first = server.ask("POST", PROJECTS, key, body=body, Idempotency_Key=idempotency_key)
        request_id = first.headers["x-request-id"]
        mine = (idempotency_keys.c.key_id == key_id, idempotency_keys.c.idempotency_key == idempotency_key)

        died = [update(idempotency_keys).where(*mine).values(state="in_flight", status=0, body="")]
        before_its_change = [] if dies_after_its_change else [delete(audit_log).where(audit_log.c.request_id == request_id)]
        server.control.store.transact(
            lambda connection, statements=(*died, *before_its_change): [connection.execute(each) for each in statements]
        )
        waits = server.ask("POST", PROJECTS, key, body=body, Idempotency_Key=idempotency_key)
        assert (waits.status_code, waits.json()["type"]) == (409, "urn:meterhouse:problem:request-in-flight")
        long_ago = NOW - ABANDONED - timedelta(seconds=1)
        server.control.store.transact(
            lambda connection, mine=mine, at=long_ago: connection.execute(update(idempotency_keys).where(*mine).values(claimed_at=at))
        )
        answer = server.ask("POST", PROJECTS, key, body=body, Idempotency_Key=idempotency_key)
        if dies_after_its_change:
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:meterhouse:problem:outcome-unknown")
        else:
            assert answer.status_code == 201


def test_a_key_is_free_again_where_its_request_changed_nothing(server: Server) -> None:
    key = server.key()
    path = "/v1/accounts/acc-2/resume"
    refused = server.ask("POST", path, key, body={"reason": "x"}, Idempotency_Key="free")
    assert refused.status_code in (200, 409)
    assert server.ask("POST", "/v1/accounts/acc-2/projects", key, body={"project_id": "a b"}, Idempotency_Key="bad").status_code == 422
    assert server.ask("POST", "/v1/accounts/acc-2/projects", key, body={"project_id": "a"}, Idempotency_Key="bad").status_code == 201


def test_every_write_stands_in_the_audit_log_with_who_what_and_how_it_ended(server: Server) -> None:
    key = server.key(account_id="acc-2")
    done = server.ask("PUT", "/v1/accounts/acc-2/members/ada@acme.example", key, body={"role": "owner"}, Idempotency_Key="audit-1")
    refused = server.ask("PUT", "/v1/accounts/acc-2/members/ada@acme.example", key, body={"role": "viewer"})
    wrong = server.ask("PUT", "/v1/accounts/acc-2/members/ada@acme.example", key, body={"role": "king"})
    broken = server.ask("POST", "/v1/accounts/acc-2/payment-methods", key, body={"token": "pm_card_visa"})
    assert [each.status_code for each in (done, refused, wrong, broken)] == [200, 409, 422, 201]

    log = {entry.request_id: entry for entry in list_audit(server.control, account_id="acc-2", limit=1000)}
    entry = log[done.headers["x-request-id"]]
    assert (entry.key_id, entry.key_name, entry.asked_at) == (key_id_of(key), "test", NOW)
    assert (entry.action, entry.outcome, entry.status, entry.problem, entry.idempotency_key) == (
        "set_member",
        COMMITTED,
        200,
        "",
        "audit-1",
    )
    ended = [log[each.headers["x-request-id"]] for each in (refused, wrong)]
    assert [(each.outcome, each.status, each.problem) for each in ended] == [(REFUSED, 409, "refused"), (REFUSED, 422, "invalid-request")]
    read = server.ask("GET", "/v1/audit-log", key).json()["items"]
    assert {each["account_id"] for each in read} == {"acc-2"}
    assert len(read) == len(log)


def test_a_change_and_its_row_of_the_audit_log_are_one_transaction(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the log cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr("control.store.audit.add", fails)
        answer = server.ask("POST", PROJECTS, server.key(), body={"project_id": "unlogged"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "unlogged" not in {project.project_id for project in list_projects(server.control, "acc-1")}


def test_secrets_are_shown_once_also_to_who_repeats_a_request(server: Server) -> None:
    key = server.key()
    body = {"name": "shown once", "scopes": ["accounts:read"], "account_id": "acc-1"}
    first, again = (server.ask("POST", "/v1/api-keys", key, body=body, Idempotency_Key="secret").json() for _ in range(2))
    assert first["key"].startswith("mh_")
    assert again == first | {"key": ""}
    with server.control.store.reading() as connection:
        kept = str(connection.execute(select(idempotency_keys)).all())
    assert first["key"] not in kept


def test_a_key_cannot_make_a_stronger_one(server: Server) -> None:
    weak = server.key(scopes=("keys:admin",))
    answer = server.ask("POST", "/v1/api-keys", weak, body={"name": "strong", "scopes": ["refunds:write"]})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:meterhouse:problem:refused")
    bound = server.ask("POST", "/v1/api-keys", server.key(), body={"name": "b", "scopes": ["events:write"], "account_id": "acc-1"})
    assert bound.status_code == 409


def test_who_asks_too_often_is_told_when_to_come_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    key, other = server.key(), server.key()
    monkeypatch.setattr("orchestration.api.v1.rates.WINDOW_SECONDS", 60 * REQUESTS_A_MINUTE)  # so that nothing flows in meanwhile
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.ask("GET", "/v1/accounts/acc-1", key), range(REQUESTS_A_MINUTE + 3)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 3
    assert refused[0].json()["type"] == "urn:meterhouse:problem:too-many-requests"
    assert int(refused[0].headers["retry-after"]) > 0
    assert refused[0].headers["ratelimit"].startswith('"key";r=0;')
    assert server.ask("GET", "/v1/accounts/acc-1", other).status_code == 200


def test_what_no_route_takes_is_a_problem_too(server: Server) -> None:
    key = server.key()
    answers = {
        "no-such-path": server.ask("GET", "/v1/nothing", key),
        "method-not-allowed": server.ask("PATCH", "/v1/accounts", key),
        "invalid-request": server.ask("POST", PROJECTS, key, body={"project_id": "a", "surprise": 1}),
        "body-too-large": server.ask("POST", PROJECTS, key, body={"project_id": "a" * (1 << 20)}),
        "not-found": server.ask("GET", "/v1/accounts/nobody", key),
        "unavailable": server.ask("GET", "/v1/costs", key),
    }
    assert {kind: answer.json()["type"] for kind, answer in answers.items()} == {kind: f"urn:meterhouse:problem:{kind}" for kind in answers}
    assert {answer.headers["content-type"] for answer in answers.values()} == {"application/problem+json"}
    assert answers["invalid-request"].json()["errors"] == [
        {"pointer": "body/surprise", "detail": "Extra inputs are not permitted"},
    ]
    assert answers["unavailable"].headers["retry-after"]
    assert answers["unavailable"].json()["detail"] == "the warehouse does not answer; send it again later", "and not where it is"
