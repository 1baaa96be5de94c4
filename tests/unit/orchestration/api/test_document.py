"""The document that is committed is the one that the server serves, and a typed client can be made of it that works."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.api.app import create_app
from orchestration.api.v1.document import document, text
from orchestration.api.v1.reference import page
from orchestration.deployment import Deployment
from tests.api_bench.generated import DOCUMENT, TypedClient, generated_package
from tests.conftest import make_settings
from tests.control_bench.stores import control_settings
from tests.unit.orchestration.api.conftest import Server


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypedClient]:
    package = generated_package(tmp_path_factory.mktemp("client"))
    typed = TypedClient(package, str(server.http.base_url), server.key())
    yield typed
    typed.close()


def test_the_committed_document_is_current(tmp_path: Path) -> None:
    app = create_app(Deployment(settings=make_settings(home=tmp_path), control_settings=control_settings()))
    assert DOCUMENT.read_text() == text(app), "run: python -m orchestration.api.v1.document > docs/openapi.json"


def test_every_operation_says_its_scope_and_how_it_is_refused() -> None:
    found = json.loads(DOCUMENT.read_text())
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            described = f"{method} {path}"
            assert {"401", "403", "404", "422", "429", "503"} <= operation["responses"].keys(), described
            assert operation["description"].endswith("."), described
            if operation["operationId"] != "issue_token":
                (scope,) = operation["security"][0]["apiKey"]
                assert scope in found["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"], described
            has_key = any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))
            assert has_key == (method != "get" and operation["operationId"] not in ("issue_token", "push_events")), described


def test_the_page_shows_every_operation_and_asks_no_other_site(server: Server) -> None:
    shown = server.http.get("/docs")
    assert shown.status_code == 200
    assert shown.headers["content-type"].startswith("text/html")
    served = server.http.get("/v1/openapi.json").json()
    assert served == json.loads(DOCUMENT.read_text())
    for path, operations in served["paths"].items():
        assert path in shown.text
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in shown.text
    assert page(served) == shown.text
    links = re.findall(r"(?:href|src)=\"([^\"]*)\"|url\(([^)]*)\)|@import", shown.text)
    assert {first or second for first, second in links} <= {"/v1/openapi.json", *(link for link, _ in links if link.startswith("#"))}


def test_the_typed_client_registers_an_account_and_reads_it_back(client: TypedClient) -> None:
    body = client.model(
        "NewAccount", account_id="typed", name="Typed Ltd", currency_code="EUR", country_code="DE", owner_email="ada@typed.example"
    )
    made = client.call("accounts", "register_account", body=body, idempotency_key="typed-1")
    assert (made.status_code, made.parsed.state.value) == (201, "active")

    shown = client.call("accounts", "show_account", "typed").parsed
    assert shown == made.parsed
    budget = client.model("BudgetTerms", amount="12.5", thresholds=["80", "100"])
    kept = client.call("credits_and_budgets", "set_budget", "typed", "b-1", body=budget).parsed
    assert (kept.amount, kept.currency_code, kept.thresholds) == ("12.5", "EUR", ["80", "100"])
    listed = client.call("credits_and_budgets", "list_budgets", "typed").parsed
    assert [each.amount for each in listed.items] == ["12.50"]
    members = client.call("accounts", "list_members", "typed").parsed
    assert [(each.email, each.role.value) for each in members.items] == [("ada@typed.example", "owner")]
    moved = client.call("accounts", "suspend_account", "typed", body=client.model("Because", reason="abuse")).parsed
    assert moved.state.value == "suspended"
    history = client.call("accounts", "account_history", "typed", limit=2).parsed
    assert [(each.to_state.value, each.reason) for each in history.items] == [("new", "registered"), ("active", "registration complete")]
    rest = client.call("accounts", "account_history", "typed", cursor=history.next_cursor).parsed
    assert [each.to_state.value for each in rest.items] == ["suspended"]


def test_the_typed_client_gets_problems_as_models(client: TypedClient) -> None:
    answer = client.call("accounts", "show_account", "nobody")
    assert (answer.status_code, answer.parsed.type_) == (404, "urn:meterhouse:problem:not-found")


def test_an_app_that_was_not_started_has_a_document(tmp_path: Path) -> None:
    app = create_app(Deployment(settings=make_settings(home=tmp_path / "none"), control_settings=control_settings()))
    assert document(app)["openapi"].startswith("3.1")
    assert not (tmp_path / "none").exists()
