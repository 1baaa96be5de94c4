"""Runs the antifraud day by day over the simulation, and counts what it caught, missed and held by mistake.

Cards are screened when they are tried and a scan runs each morning, as in a deployment. A person looks at the queue a day later and
is always right: what this measures is the rules and the policy, not the person.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control
from control.domain.fraud import Action, Decision, Verdict
from control.ports import SavedCard
from control.services.fraud import check_may_bind, policy_of, scan, screen_card
from control.services.fraud_review import confirm, queue, release
from control.services.publish import publish
from control.store import fraud
from control.store.fraud import CardAttempt
from control.testing.fraud_simulation.population import DAYS_OF_MONTH, START, Behaviour, Person, Try, populate
from control.testing.fraud_simulation.world import GATEWAY, spent, write_charges, write_control
from warehouse.errors import RefusedError
from warehouse.settings import Settings

SCAN_HOUR = 6
_REVIEW_AFTER = timedelta(hours=23)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of the accounts of one behaviour. Counts are of accounts, by what the antifraud did by itself."""

    behaviour: Behaviour
    accounts: int
    challenged: int
    reviewed: int
    limited: int
    suspended: int
    caught: int  # of fraud: held or confirmed; of honest ones: wrongly confirmed
    missed: int
    median_days: Decimal | None  # from the first dishonest act to a hold
    cost: Decimal  # EUR used by fraud before it was caught
    prevented: Decimal  # EUR that fraud would have used after


@dataclass(kw_only=True)
class Figures:
    """The result of a simulation."""

    policy_version: str
    days: int
    rows: list[Row] = field(default_factory=list)
    hits: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # rule: accounts it was counted for
    fraudulent: set[str] = field(default_factory=set)

    @property
    def wrongly_suspended(self) -> int:
        """Honest accounts that were suspended."""
        return sum(row.suspended for row in self.rows if not row.behaviour.is_fraud)


def simulate(
    control: Control,
    client: Client,
    settings: Settings,
    *,
    seed: int,
    accounts: int,
    months: int,
    scan_every: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Figures:
    """Play it in an empty deployment whose tables are there.

    Args:
        control: an empty control store.
        client: of an empty warehouse, with the tables of rating.
        settings: name its databases.
        seed: the same seed gives the same figures.
        accounts: how many.
        months: of thirty days each.
        scan_every: days from one scan to the next.
        say: shows a line of progress.
    """
    people = populate(seed, accounts=accounts, months=months)
    write_control(control, people, months=months)
    write_charges(client, settings, people)
    publish(control, client, settings)
    policy = policy_of(control)
    tries = sorted(((card, person, place) for person in people for place, card in enumerate(person.tries)), key=lambda one: one[0].at)
    figures = Figures(policy_version=policy.version, days=months * DAYS_OF_MONTH)
    figures.fraudulent = {person.account_id for person in people if person.behaviour.is_fraud}
    honest = {person.account_id: not person.behaviour.is_fraud for person in people}
    say(f"{len(people)} accounts, {len(tries)} tries to bind a card")
    for day in range(scan_every, figures.days + 1, scan_every):
        as_of = START + timedelta(days=day, hours=SCAN_HOUR)
        while tries and tries[0][0].at <= as_of:
            _try_card(control, *tries.pop(0))
        report = scan(control, client, settings, as_of=as_of, now=as_of, policy=policy)
        _look_through(control, honest, now=as_of)
        if day // 180 > (day - scan_every) // 180:
            say(f"day {day}: {report.accounts_named} accounts named today")
    _count(figures, control, people, spent(client, settings))
    return figures


def _try_card(control: Control, card: Try, person: Person, place: int) -> None:
    try:
        check_may_bind(control, person.account_id, now=card.at)
    except RefusedError:
        return
    payment_method_id = f"pm-{person.account_id}-{place}"
    saved = SavedCard(
        payment_method_id=payment_method_id,
        brand="visa",
        last4="4242",
        expires="2031-12",
        fingerprint=card.fingerprint,
        funding=card.funding,
        country_code=card.country,
    )
    attempt = CardAttempt(
        attempt_id=payment_method_id,
        account_id=person.account_id,
        gateway=GATEWAY,
        tried_at=card.at,
        code=card.code,
        card=None if card.code else saved,
    )
    screen_card(control, attempt)


def _look_through(control: Control, honest: dict[str, bool], *, now: datetime) -> None:
    """A person looks at what waits since yesterday."""
    for item in queue(control):
        if now - item.decisions[-1].decided_at < _REVIEW_AFTER:
            continue
        verdict = release if honest[item.account_id] else confirm
        verdict(control, item.account_id, reason="looked at", actor="reviewer", now=now)


def _count(
    figures: Figures,
    control: Control,
    people: Sequence[Person],
    costs: dict[str, list[tuple[datetime, Decimal]]],
) -> None:
    with control.store.reading() as connection:
        decided: dict[str, list[Decision]] = defaultdict(list)
        for decision in fraud.decisions(connection):
            decided[decision.account_id].append(decision)
    for decisions in decided.values():
        for decision in decisions:
            for finding in decision.findings:
                figures.hits[finding.rule].add(decision.account_id)
    for behaviour in Behaviour:
        mine = [person for person in people if person.behaviour is behaviour]
        if mine:
            figures.rows.append(_row(behaviour, mine, decided, costs))


def _row(
    behaviour: Behaviour, people: Sequence[Person], decided: dict[str, list[Decision]], costs: dict[str, list[tuple[datetime, Decimal]]]
) -> Row:
    hardest = [max((one.action for one in decided.get(person.account_id, [])), key=lambda a: a.severity, default=None) for person in people]
    held = {person.account_id: caught_at(decided.get(person.account_id, []), person) for person in people}
    caught = [at for at in held.values() if at is not None]
    cost, prevented = Decimal(0), Decimal(0)
    waits = []
    for person in people:
        begins, at = person.fraud_begins_at, held[person.account_id]
        if begins is None:
            continue
        if at is not None:
            waits.append(max((at - begins).total_seconds(), 0) / 86_400)
        for day, amount in costs.get(person.account_id, []):
            if day >= begins.replace(hour=0, minute=0, second=0, microsecond=0):
                cost, prevented = (cost + amount, prevented) if at is None or day < at else (cost, prevented + amount)
    return Row(
        behaviour=behaviour,
        accounts=len(people),
        challenged=hardest.count(Action.CHALLENGE),
        reviewed=hardest.count(Action.REVIEW),
        limited=hardest.count(Action.LIMIT),
        suspended=hardest.count(Action.SUSPEND),
        caught=len(caught),
        missed=len(people) - len(caught) if behaviour.is_fraud else 0,
        median_days=Decimal(statistics.median(waits)).quantize(Decimal("0.1")) if waits else None,
        cost=cost.quantize(Decimal("0.01")),
        prevented=prevented.quantize(Decimal("0.01")),
    )


def caught_at(decisions: Sequence[Decision], person: Person) -> datetime | None:
    """When fraud was first limited or suspended, or confirmed by a person after a review; None where it went on."""
    begins = person.fraud_begins_at
    instants = []
    for decision in decisions:
        if begins is None or decision.decided_at < begins:
            continue
        if decision.action in (Action.LIMIT, Action.SUSPEND):
            instants.append(decision.decided_at)
        if decision.review is not None and decision.review.verdict is Verdict.CONFIRMED:
            instants.append(decision.review.given_at)
    return min(instants, default=None)
