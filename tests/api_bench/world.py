"""Two customers with a month that is issued and one in draft, built by the product itself, and the API that shows them.

Acme has everything that the API can show; Umbra is the other account whose keys must not see any of it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from control.bootstrap import Control, open_control
from control.domain.accounts import BudgetRow
from control.domain.api_keys import ACCOUNT_SCOPES, SCOPES
from control.domain.members import Role
from control.services.accounts import upsert_accounts, upsert_budgets, upsert_credits
from control.services.api_keys import create_key
from control.services.members import create_project, set_member
from control.services.parts import page_of_payments
from control.services.payment_methods import save_card
from control.services.publish import publish
from control.services.push import push_one
from control.services.refund import refund_invoice
from control.services.show import list_invoices
from control.services.webhook_subscriptions import list_deliveries, list_subscriptions, subscribe
from ingestion.catalog import apply_catalog, read_catalog
from ingestion.loader import load_file
from orchestration.api.app import create_app
from orchestration.deployment import Deployment
from tests.api_bench.folder import BUDGET, CREDIT, PROJECT, write_catalog, write_events
from tests.contract.fake_gateway import PAYS, FakeGateway
from tests.control_bench.builders import NOW, an_account, usd
from tests.control_bench.stores import control_settings
from tests.warehouse.engine.stage import Stage
from warehouse import embedded
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.secrets import passwords
from warehouse.settings import LAYERS, Settings

ACME, UMBRA = "acme", "umbra"
FEBRUARY_3 = 1_770_076_800_000  # 2026-02-03T00:00:00Z in milliseconds


@dataclass(kw_only=True)
class World:
    """The deployment, its application, and ids of what Acme has, by the names of path parameters."""

    settings: Settings
    control: Control
    gateway: FakeGateway
    app: FastAPI
    http: httpx.Client
    ids: dict[str, str] = field(default_factory=dict)

    def key(self, *, account_id: str = "", scopes: Sequence[str] | None = None) -> str:
        """The text of a new key; default: with all scopes that it can have."""
        wanted = scopes if scopes is not None else ACCOUNT_SCOPES if account_id else SCOPES
        return create_key(self.control, "test", scopes=wanted, now=self.settings.now(), account_id=account_id)[1]

    def bearer(self, key: str) -> dict[str, str]:
        """The header that shows a key."""
        return {"Authorization": f"Bearer {key}"}

    def value(self, statement: str) -> object:
        """The one value of a statement; `{layer}` stands for a layer's database."""
        databases = {layer: self.settings.database(layer) for layer in LAYERS}
        with contextlib.closing(connect(self.settings)) as client:
            return client.query(statement.format(**databases)).result_rows[0][0]

    def send(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request that was made for no server in particular."""
        moved = request.url.copy_with(scheme=self.http.base_url.scheme, host=self.http.base_url.host, port=self.http.base_url.port)
        headers = {**request.headers, "host": self.http.base_url.netloc.decode()}
        return self.http.send(httpx.Request(request.method, moved, headers=headers, content=request.content))

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.http.base_url).rstrip("/")


def api_settings(settings: Settings, **values: object) -> Settings:
    """The same deployment on a configured server.

    The embedded analyst sees databases without a prefix only, so the pipeline's user stands in for the analyst.
    """
    secret = SecretStr(passwords(settings.home)["pipeline"])
    server = f"http://127.0.0.1:{embedded.http_port(settings.home)}"
    own = {"clickhouse_url": server, "clickhouse_user": "pipeline", "clickhouse_password": secret}
    analyst = {"analyst_user": "pipeline", "analyst_password": secret}
    now = {"now_text": NOW.isoformat(), "api_requests_a_minute": 1_000_000}
    return settings.model_copy(update=own | analyst | now | values)


@contextlib.contextmanager
def served(settings: Settings, gateway: FakeGateway) -> Iterator[tuple[FastAPI, httpx.Client]]:
    """The application of a deployment, served from a thread, and a client without a key."""
    deployment = Deployment(settings=settings, control_settings=control_settings())
    app = create_app(deployment, gateways=lambda _: gateway)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as http:
                yield app, http
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def built_world(server: Settings, folder: Path) -> Iterator[World]:
    """The world, on databases of its own that are dropped at the end."""
    prefix = f"t{uuid.uuid4().hex[:12]}_"
    own = server.model_copy(update={"database_prefix": prefix, "control_url": SecretStr(f"sqlite:///{folder}/control.db")})
    gateway = FakeGateway()
    with (
        contextlib.closing(connect(own)) as client,
        open_control(own, control_settings(), gateways=lambda _: gateway) as control,
    ):
        migrate(client, own)
        try:
            upsert_accounts(control, [an_account(ACME, tax_id="DE123456788"), an_account(UMBRA)])
            stage = Stage(settings=own, client=client, control=control, folder=folder)
            apply_catalog(client, own, read_catalog(write_catalog(folder / "catalog", (ACME, UMBRA))))
            load_file(client, own, write_events(folder / "events.jsonl", (ACME, UMBRA)))
            ids = _given(control)
            stage.tick(FEBRUARY_3)
            stage.close("2026-01", FEBRUARY_3)
            ids |= _paid(control)
            publish(control, client, own)
            with served(api_settings(own, home=folder), gateway) as (app, http):
                yield World(settings=api_settings(own), control=control, gateway=gateway, app=app, http=http, ids=ids)
        finally:
            for layer in LAYERS:
                client.command(f"DROP DATABASE IF EXISTS {own.database(layer)} SYNC")


def _given(control: Control) -> dict[str, str]:
    """Everything of Acme but documents."""
    card = save_card(control, ACME, PAYS, now=NOW)
    set_member(control, ACME, "ada@acme.example", Role.OWNER, actor="test", now=NOW)
    create_project(control, ACME, PROJECT, name="Web", now=NOW)
    upsert_credits(control, [CREDIT])
    upsert_budgets(control, [BudgetRow(**BUDGET)])
    subscription, _ = subscribe(control, ACME, "https://receiver.example/hook", ["*"], now=NOW)
    key, _ = create_key(control, "of acme", scopes=["accounts:read"], now=NOW, account_id=ACME)
    return {
        "account_id": ACME,
        "payment_method_id": card.payment_method_id,
        "email": "ada@acme.example",
        "project_id": PROJECT,
        "credit_id": CREDIT.credit_id,
        "budget_id": str(BUDGET["budget_id"]),
        "subscription_id": subscription.subscription_id,
        "key_id": key.key_id,
    }


def _paid(control: Control) -> dict[str, str]:
    """Acme's January is paid and partly given back; its webhook heard of it."""
    (invoice,) = [each for each in list_invoices(control, "2026-01") if each.content.account_id == ACME]
    push_one(control, invoice.invoice_number, now=NOW)
    (payment,) = page_of_payments(control, account_id=ACME, limit=2)
    refund, _ = refund_invoice(control, invoice.invoice_number, amount=usd(100), reason="goodwill", actor="test", now=NOW)
    (subscription,) = list_subscriptions(control, ACME)
    delivery = list_deliveries(control, subscription.subscription_id, limit=1)[0]
    return {
        "document": invoice.invoice_id,
        "invoice_number": invoice.invoice_number,
        "payment_id": payment.payment_id,
        "refund_id": refund.refund_id,
        "event_id": delivery.event_id,
    }
