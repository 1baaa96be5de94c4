"""Plays schedules and counts. A schedule is a function of its seed: the same seed dies at the same points."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from control.bootstrap import Control
from control.ports import GatewayDisputeStatus, GatewayEvent, GatewayPaymentStatus
from control.services.receive import receive
from control.services.registry import steps
from control.testing.crashes import story
from control.testing.crashes.audit import audit
from control.testing.crashes.process import Life
from control.testing.crashes.story import BEFORE, CALMING, COMMANDS, WORK, Command
from control.testing.crashes.world import World, fresh
from control.testing.memory_gateway import Fault
from warehouse.errors import MeterhouseError

# What dies is a process and not the machine: files that live in memory outlast it, and cost no waiting for a disk.
MEMORY = Path("/dev/shm")  # noqa: S108 - the files' folder has a name of its own
# Rounds of work in which everything must have calmed down once nothing goes wrong any more.
CALM_ROUNDS = 40
_OPERATIONS = (
    "ensure_customer", "save_card", "charge", "ensure_refund", "find_payment", "ensure_invoice", "find_invoice", "finalize_invoice",
    "pay_invoice", "ensure_balance_credit", "settle_outside", "detach_card", "state_of", "list_payments",
)  # fmt: skip


class CrashTestError(MeterhouseError):
    """A schedule ended wrong. The message names its seed and what was wrong."""


@dataclass(kw_only=True)
class Seen:
    """What a command did in the schedules so far: the points that it may be killed at."""

    steps: set[str] = field(default_factory=set)
    effects: int = 0


@dataclass(kw_only=True)
class Figures:
    """What the schedules did."""

    schedules: int = 0
    processes: int = 0
    kills: int = 0
    kills_at: Counter[str] = field(default_factory=Counter)  # a step, a call of a gateway, or a transaction
    seen: dict[str, Seen] = field(default_factory=dict)
    faults: int = 0
    webhooks: int = 0
    webhooks_repeated: int = 0
    commands_refused: int = 0
    invoices_charged: int = 0
    refunds: int = 0
    events_sent: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def steps_never_killed(self) -> list[str]:
        """Registered steps that no process died at."""
        return [step for step in steps() if not self.kills_at[step]]


def run(schedules: int, seed: int, *, world: Callable[[int], World] | None = None, say: Callable[[str], None] = lambda _: None) -> Figures:
    """Play `schedules` schedules, with the seeds from `seed` on.

    Args:
        schedules: how many.
        seed: of the first.
        world: makes the world of a seed; default: SQLite in a temporary folder.
        say: shows progress.

    Returns:
        The figures; `failures` has one sentence for each schedule that ended wrong.
    """
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="meterhouse-crash-test-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        make = world or (lambda _: fresh(Path(folder)))
        for own in range(seed, seed + schedules):
            play = _Play(world=make(own), chance=random.Random(own), figures=figures)  # noqa: S311 - a schedule, no secret
            wrong = play.play()
            figures.schedules += 1
            if wrong:
                figures.failures.append(f"seed {own}: {'; '.join(wrong)}")
            if figures.schedules % 50 == 0:
                say(f"{figures.schedules} schedules, {figures.kills} deaths, {len(figures.failures)} failures")
    return figures


@dataclass(kw_only=True)
class _Play:
    """One schedule."""

    world: World
    chance: random.Random
    figures: Figures
    delivered: set[str] = field(default_factory=set)

    def play(self) -> list[str]:
        """From the first card to the calm after the last death; what is wrong then."""
        self._set_moods()
        for command in BEFORE:
            self._insist(command)
        commands = [*COMMANDS, *self.chance.choices(COMMANDS, k=3)]
        self.chance.shuffle(commands)
        for command in commands:
            self._let_happen()
            self._insist(command)
            self.world.later(minutes=self.chance.randrange(1, 90))
            if self.chance.random() < 0.5:
                self._insist(WORK)
        return self._calm()

    def _set_moods(self) -> None:
        world, chance = self.world, self.chance
        world.billing.refunds_stay_pending = chance.random() < 0.4
        world.charging.refunds_stay_pending = chance.random() < 0.4
        world.charging.charges_stay_processing = chance.random() < 0.3
        world.receiver.is_down = lambda: chance.random() < 0.2

    def _insist(self, command: Command) -> None:
        """Give a command as somebody does who saw no answer: again, unless what was asked for is on its way."""
        for _ in range(5):
            self._plan_faults()
            if self._process(command.name, lambda control: command.run(control, self.world), may_die=True):
                return
            if self.chance.random() < 0.5:
                self._process(WORK.name, lambda control: WORK.run(control, self.world), may_die=True)
            if self._ask(lambda control: command.is_over(control, self.world)):
                return
        self._process(command.name, lambda control: command.run(control, self.world), may_die=False)

    def _life(self, name: str) -> Life:
        """Half of the processes live; of the others, half die at a step and half after an effect that this command had before.

        Of its steps, one that processes died at least often; so every step has its deaths after a few dozen schedules.
        """
        seen = self.figures.seen.get(name)
        if seen is None or self.chance.random() < 0.5:
            return Life()
        if seen.steps and self.chance.random() < 0.5:
            step = min(sorted(seen.steps), key=lambda step: (self.figures.kills_at[step], self.chance.random()))
            return Life(die_at_step=step)
        return Life(die_after_effect=self.chance.randint(1, max(seen.effects, 1)))

    def _process(self, name: str, command: Callable[[Control], object], *, may_die: bool) -> bool:
        """Whether the process got to an end of its own. A command that was refused has one."""
        self.figures.processes += 1
        life = self._life(name) if may_die else Life()
        try:
            is_alive = self.world.machine.process(command, life)
        except MeterhouseError:
            self.figures.commands_refused += 1
            is_alive = True
        if not is_alive:
            self.figures.kills += 1
            self.figures.kills_at[life.killed_at] += 1
        seen = self.figures.seen.setdefault(name, Seen())
        seen.steps.update(life.steps)
        seen.effects = max(seen.effects, life.effects)
        self.world.later(seconds=self.chance.randrange(1, 120))
        return is_alive

    def _ask(self, question: Callable[[Control], bool]) -> bool:
        answers: list[bool] = []
        self.world.machine.process(lambda control: answers.append(question(control)), Life())
        return answers[0]

    def _plan_faults(self) -> None:
        if self.chance.random() < 0.35:
            gateway = self.chance.choice([self.world.billing, self.world.charging])
            for _ in range(self.chance.randrange(1, 3)):
                gateway.plan(self.chance.choice(get_args(Fault)), self.chance.choice(_OPERATIONS))
                self.figures.faults += 1

    def _let_happen(self) -> None:
        """People, banks and gateways do something, or nothing."""
        chance, world = self.chance, self.world
        if chance.random() < 0.3:
            story.holder_authenticates(world)
        if chance.random() < 0.4:
            story.bank_ends_refunds(world, succeeds=chance.random() < 0.7)
        if chance.random() < 0.4:
            story.bank_ends_charges(world, succeeds=chance.random() < 0.8)
        if chance.random() < 0.05:
            story.bank_returns_a_refund(world)
        if chance.random() < 0.2:
            story.bank_ends_disputes(world, chance.choice([GatewayDisputeStatus.WON, GatewayDisputeStatus.LOST]))
        if chance.random() < 0.6:
            self._deliver(share=chance.random(), may_die=True)

    def _deliver(self, *, share: float, may_die: bool) -> None:
        """Webhooks: some late, some again, in any order."""
        for gateway in (self.world.billing, self.world.charging):
            events = [event for event in gateway.events if self.chance.random() < share]
            self.chance.shuffle(events)
            for group in _groups(events, self.chance, largest=2 if may_die else 20):
                body, headers = gateway.webhook(*group)
                now = self.world.later(seconds=1)
                name = gateway.name

                def take(control: Control, name: str = name, body: bytes = body, headers: dict[str, str] = headers) -> object:
                    return receive(control, name, body, headers, now=now)  # noqa: B023 - called at once

                if self._process("webhook", take, may_die=may_die):
                    ids = {event.event_id for event in group}
                    self.figures.webhooks += len(group)
                    self.figures.webhooks_repeated += len(ids & self.delivered)
                    self.delivered |= ids

    def _calm(self) -> list[str]:
        """Nothing goes wrong any more: everything must find its end within some rounds of work."""
        world = self.world
        for gateway in (world.billing, world.charging):
            gateway.forget_plans()
        world.charging.charges_stay_processing = world.billing.refunds_stay_pending = world.charging.refunds_stay_pending = False
        world.receiver.is_down = lambda: False
        for round_number in range(CALM_ROUNDS):
            story.holder_authenticates(world)
            story.bank_ends_refunds(world, succeeds=True)
            story.bank_ends_charges(world, succeeds=True)
            story.bank_ends_disputes(world, GatewayDisputeStatus.LOST)
            self._deliver(share=1.0, may_die=False)
            for command in (*((*BEFORE, *COMMANDS) if round_number == 0 else CALMING), WORK):
                if not self._ask(lambda control, one=command: one.is_over(control, world)):  # type: ignore[misc]  # a default binds it
                    self._process(command.name, lambda control, one=command: one.run(control, world), may_die=False)  # type: ignore[misc]
            world.later(hours=2)
            if round_number and self._is_calm():
                break
        wrong: list[str] = []
        world.machine.process(lambda control: wrong.extend(audit(control, world)), Life())
        self._count()
        return wrong

    def _is_calm(self) -> bool:
        found: list[str] = []
        self.world.machine.process(lambda control: found.extend(audit(control, self.world)), Life())
        return not found

    def _count(self) -> None:
        for gateway in (self.world.billing, self.world.charging):
            paid = [one for one in gateway.payments.values() if one.status is GatewayPaymentStatus.PAID]
            self.figures.invoices_charged += len(paid)
            self.figures.refunds += len(gateway.refunds)
        self.figures.events_sent += self.world.receiver.posts


def _groups(events: Sequence[GatewayEvent], chance: random.Random, *, largest: int) -> Iterator[list[GatewayEvent]]:
    """Events in messages of one to `largest`."""
    left = list(events)
    while left:
        size = chance.randint(1, largest)
        yield left[:size]
        left = left[size:]
