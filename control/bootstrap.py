"""Wires the control plane together: the store, the settings and the gateways that services act through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from control.ports import PaymentGateway
from control.server_key import read_server_key
from control.settings import ControlSettings, load_control_settings
from control.store import migrate
from control.store.engine import Store, open_engine, sqlite_url
from warehouse.errors import SettingsError
from warehouse.settings import Settings

Gateways = Callable[[str], PaymentGateway]


def _no_server_key() -> bytes:
    raise SettingsError("this control plane has no home, and so no server key; open it with open_control")


@dataclass(frozen=True, kw_only=True)
class Control:
    """What a service needs. `gateway` finds the adapter behind a name of accounts.csv, and raises a MeterhouseError without one.

    `reached` is told each step of a flow that crosses systems, `<flow>.<step>`, right after it: where a test may kill.
    `server_key` reads the key of server_key.py, made on first use.
    """

    store: Store
    settings: ControlSettings
    gateway: Gateways
    reached: Callable[[str], None] = lambda _: None
    server_key: Callable[[], bytes] = _no_server_key


@contextmanager
def open_control(
    settings: Settings, control_settings: ControlSettings | None = None, *, gateways: Gateways | None = None
) -> Iterator[Control]:
    """The control plane of a deployment, its store migrated to this version; closed at the end of the block.

    Args:
        settings: of the deployment; `control_url` names the store, else it is a file in the home.
        control_settings: default: from the environment.
        gateways: default: the adapters of control/gateways/.

    Raises:
        StoreError: the store does not answer, or a newer version wrote it.
        SettingsError: the store's URL or a control setting is wrong.
    """
    own = control_settings or load_control_settings()
    url = settings.control_url.get_secret_value() if settings.control_url else sqlite_url(default_store(settings))
    store = Store(open_engine(url))
    try:
        migrate.upgrade(store)
        server_key = partial(read_server_key, settings.home, own.server_key.get_secret_value())
        yield Control(store=store, settings=own, gateway=gateways or _adapters(own), server_key=server_key)
    finally:
        store.close()


def default_store(settings: Settings) -> Path:
    """`<home>/control.db`, or `<home>/<prefix>control.db`: environments that share a home must not share invoices and numbers."""
    return settings.home / f"{settings.database_prefix}control.db"


def _adapters(settings: ControlSettings) -> Gateways:
    def find(name: str) -> PaymentGateway:
        # Here and not above: the SDKs behind the adapters take a second to import, and most commands charge nobody.
        from control.gateways import gateway_for  # noqa: PLC0415

        return gateway_for(name, settings)

    return find
