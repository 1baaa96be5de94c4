"""The public API over a control store, without a warehouse: what changes something, and what needs no charges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from control.bootstrap import Control
from control.domain.api_keys import ACCOUNT_SCOPES, SCOPES
from control.services.accounts import upsert_accounts
from control.services.api_keys import create_key
from tests.api_bench.world import served
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.builders import NOW, an_account
from tests.control_bench.stores import fresh_sqlite, opened, settings_of
from warehouse.settings import Settings

REQUESTS_A_MINUTE = 60  # of one key; each test makes its own


@dataclass(kw_only=True)
class Server:
    """A running server over a store of its own."""

    app: FastAPI
    settings: Settings
    control: Control
    gateway: FakeGateway
    http: httpx.Client

    def key(self, *, account_id: str = "", scopes: tuple[str, ...] | None = None) -> str:
        wanted = scopes or (ACCOUNT_SCOPES if account_id else SCOPES)
        return create_key(self.control, "test", scopes=wanted, now=NOW, account_id=account_id)[1]

    def ask(self, method: str, path: str, key: str, *, body: Any = None, **headers: str) -> httpx.Response:  # noqa: ANN401 - JSON
        own = {"Authorization": f"Bearer {key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, path, json=body, headers=own)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the accounts acc-1 and acc-2."""
    home = tmp_path_factory.mktemp("api")
    url = fresh_sqlite(home)
    gateway = FakeGateway()
    now = {"now_text": NOW.isoformat(), "api_requests_a_minute": REQUESTS_A_MINUTE}
    settings = settings_of(url, home).model_copy(update=now)
    with opened(url, home, gateways=lambda _: gateway) as control:
        upsert_accounts(control, [an_account("acc-1"), an_account("acc-2")])
        with served(settings, gateway) as (app, http):
            yield Server(app=app, settings=settings, control=control, gateway=gateway, http=http)
