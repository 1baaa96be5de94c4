"""A process that can die: a control plane whose store and gateways stop acting at the planned point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, delete

from control.bootstrap import Control
from control.ports import InvoicingGateway, PaymentGateway
from control.settings import ControlSettings
from control.store.engine import Store, open_engine
from control.store.tables import leases
from warehouse.errors import InputError

T = TypeVar("T")

# What a gateway may be asked: the methods of its port, of the larger one where it has them.
_METHODS = tuple(name for name in dir(InvoicingGateway) if not name.startswith("_") and name not in ("name", "refusal"))


@cache
def engine_of(url: str) -> Engine:
    """Thousands of processes say the same statements; each with an engine of its own, compiling them would be most of a schedule."""
    return open_engine(url)


class Killed(BaseException):
    """The process is dead. Nothing of the product may catch it, or act after it."""


@dataclass(kw_only=True)
class Life:
    """One process: when it dies, and what it did until then."""

    die_after_effect: int = 0  # counted from 1; 0: at no effect
    die_at_step: str = ""  # as the registry names it; empty: at no step
    is_dead: bool = False
    effects: int = 0
    steps: list[str] = field(default_factory=list)
    killed_at: str = ""

    def effect(self, name: str) -> None:
        """One effect happened."""
        self.effects += 1
        if self.effects == self.die_after_effect:
            self.die(name)

    def reached(self, step: str) -> None:
        """One step of a flow is done."""
        self.steps.append(step)
        if step == self.die_at_step:
            self.die(step)

    def die(self, where: str) -> None:
        """End here."""
        self.is_dead, self.killed_at = True, where
        raise Killed(where)

    def check(self) -> None:
        """A dead process acts no more, not in its `finally` either."""
        if self.is_dead:
            raise Killed(self.killed_at)


class MortalStore(Store):
    """A store whose transactions count as effects."""

    def __init__(self, url: str, life: Life) -> None:
        super().__init__(engine_of(url))
        self._life = life

    def transact(self, work: Callable[[Connection], T]) -> T:
        """The store's transact, while the process lives."""
        self._life.check()
        result = super().transact(work)
        self._life.effect("transaction")
        return result


def mortal(gateway: PaymentGateway, life: Life) -> PaymentGateway:
    """The gateway as one process sees it: each call counts as an effect, and a dead process calls nothing."""
    seen: Any = type("MortalGateway", (), {})()
    seen.name, seen.refusal = gateway.name, gateway.refusal
    for name in _METHODS:
        if hasattr(gateway, name):
            setattr(seen, name, _counted(getattr(gateway, name), f"{gateway.name}.{name}", life))
    return cast("PaymentGateway", seen)


def _counted(method: Callable[..., Any], name: str, life: Life) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the method's own
        life.check()
        result = method(*arguments, **named)
        life.effect(name)
        return result

    return call


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What outlives processes: the store's database and the gateways."""

    url: str
    settings: ControlSettings
    gateways: dict[str, PaymentGateway]

    def process(self, command: Callable[[Control], object], life: Life) -> bool:
        """Run a command in a process of its own; whether it lived to its end."""
        store = MortalStore(self.url, life)
        seen = {name: mortal(gateway, life) for name, gateway in self.gateways.items()}

        def gateway(name: str) -> PaymentGateway:
            if name not in seen:
                raise InputError(f"there is no payment gateway {name!r}")
            return seen[name]

        try:
            command(Control(store=store, settings=self.settings, gateway=gateway, reached=life.reached))
        except Killed:
            self._bury()
            return False
        return True

    def _bury(self) -> None:
        """A lease of a dead process passes on at once; here all processes share one pid, so it is taken away instead."""
        Store(engine_of(self.url)).transact(lambda connection: connection.execute(delete(leases)))
