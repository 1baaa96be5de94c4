"""Wires the control plane together: the store, the settings and the gateways that services act through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control.ports import PaymentGateway
from control.settings import ControlSettings, load_control_settings
from control.store import migrate
from control.store.engine import Store, open_engine, sqlite_url
from warehouse.settings import Settings

Gateways = Callable[[str], PaymentGateway]


@dataclass(frozen=True, kw_only=True)
class Control:
    """What a service needs. `gateway` finds the adapter behind a name of accounts.csv, and raises a MeterhouseError without one.

    `reached` is told each step of a flow that crosses systems, `<flow>.<step>`, right after it: where a test may kill.
    """

    store: Store
    settings: ControlSettings
    gateway: Gateways
    reached: Callable[[str], None] = lambda _: None


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
        yield Control(store=store, settings=own, gateway=gateways or _adapters(own))
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
