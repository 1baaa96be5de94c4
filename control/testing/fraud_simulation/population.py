"""Who the customers of the simulation are and what each does: a pure function of the seed.

The honest are made hard to tell apart on purpose: they live where their card is not from, mistype cards, share one in a family,
train on GPUs from the first day, run one server day and night, grow fast, have dear days.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS_OF_MONTH = 30
# Part of the accounts that are somebody's who means to pay for nothing; more than any cloud has, so that figures are no accident.
FRAUD_SHARE = 0.15

_COUNTRIES = ("DE", "FR", "NL", "ES", "PL", "IT")
_FOREIGN = ("US", "BR", "VN", "NG", "ID", "GB")
_TRIAL_DAYS = 30


class Behaviour(StrEnum):
    """What a customer is like."""

    STEADY = "steady company"
    STARTUP = "startup that grows fast"
    MANY_CARDS = "company with many cards"
    SEASONAL = "dear days each month"
    AI_LAB = "GPUs from the first day"
    API_SERVER = "one server day and night"
    HOBBY = "trial of a hobbyist"
    FAMILY = "family with one card"
    CARD_TESTER = "card tester"
    TRIAL_FARMER = "trial farmer"
    MINER = "miner"
    STOLEN_CARD = "stolen card"
    GPU_THIEF = "GPU burst thief"
    TAKEOVER = "account taken over"

    @property
    def is_fraud(self) -> bool:
        """Whether it should be caught."""
        return self in _FRAUDS


_FRAUDS = {
    Behaviour.CARD_TESTER: 0.22,
    Behaviour.TRIAL_FARMER: 0.28,
    Behaviour.MINER: 0.17,
    Behaviour.STOLEN_CARD: 0.13,
    Behaviour.GPU_THIEF: 0.12,
    Behaviour.TAKEOVER: 0.08,
}
_HONEST = {
    Behaviour.STEADY: 0.34,
    Behaviour.STARTUP: 0.12,
    Behaviour.MANY_CARDS: 0.06,
    Behaviour.SEASONAL: 0.10,
    Behaviour.AI_LAB: 0.08,
    Behaviour.API_SERVER: 0.10,
    Behaviour.HOBBY: 0.15,
    Behaviour.FAMILY: 0.05,
}


@dataclass(frozen=True, kw_only=True)
class Try:
    """A try to bind a card. `code` empty: it was saved."""

    at: datetime
    fingerprint: str
    country: str
    funding: str = "credit"
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Spell:
    """Days of usage of one kind. Each day costs base * growth^day * (1 ± noise); shares say of what."""

    start: datetime
    days: int
    base: float  # EUR a day: figures of a simulation, never money
    growth: float = 1.0
    noise: float = 0.15
    gpu_share: float = 0.0
    data_share: float = 0.35  # storage and network; what is left is plain compute
    resources: int = 3


@dataclass(kw_only=True)
class Person:
    """One account and its life. Charges fall due on the first of each month from the second one on."""

    account_id: str
    behaviour: Behaviour
    registered_at: datetime
    country: str
    email: str
    is_trial: bool = False
    fraud_begins_at: datetime | None = None
    tries: list[Try] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    pays: bool = True
    refusal: str = ""  # why its charges are declined, where it does not pay
    disputed_at: datetime | None = None


def populate(seed: int, *, accounts: int, months: int) -> list[Person]:
    """The customers, in the order of their ids."""
    chance = random.Random(seed)  # noqa: S311 - a seed that repeats is the point
    people: list[Person] = []
    days = months * DAYS_OF_MONTH
    wanted = _shuffled(chance, accounts)
    while len(people) < accounts:
        behaviour = wanted[len(people)]
        registered = START + timedelta(days=chance.uniform(0, max(days - 2 * DAYS_OF_MONTH, days / 2)))
        group = _MAKERS[behaviour](chance, behaviour, registered, days, len(people))
        people += group[: accounts - len(people)]
    return people


def _shuffled(chance: random.Random, accounts: int) -> list[Behaviour]:
    """A behaviour for each place, in the wanted shares. Groups take the places after them, too."""
    frauds = round(accounts * FRAUD_SHARE)
    chosen = [*_shares(_FRAUDS, frauds), *_shares(_HONEST, accounts - frauds)]
    chance.shuffle(chosen)
    return chosen


def _shares(shares: dict[Behaviour, float], count: int) -> list[Behaviour]:
    listed = [behaviour for behaviour, share in shares.items() for _ in range(max(1, round(count * share)))]
    return (listed + [next(iter(shares))] * count)[:count]


def _person(chance: random.Random, behaviour: Behaviour, registered: datetime, number: int) -> Person:
    return Person(
        account_id=f"acc-{number:05d}",
        behaviour=behaviour,
        registered_at=registered,
        country=chance.choice(_COUNTRIES),
        email=f"owner@company-{number}.example",
    )


def _saved(chance: random.Random, person: Person, *, foreign: float, hours: float = 1) -> Try:
    country = chance.choice(_FOREIGN) if chance.random() < foreign else person.country
    return Try(at=person.registered_at + timedelta(hours=hours), fingerprint=f"fp-{person.account_id}", country=country)


def _honest(chance: random.Random, behaviour: Behaviour, registered: datetime, days: int, number: int) -> list[Person]:
    person = _person(chance, behaviour, registered, number)
    left = int(days - (registered - START).days)
    begins = person.registered_at.replace(hour=0, minute=0, second=0, microsecond=0)
    # Mistakes that anybody makes.
    for mistake in range(chance.choice([0] * 9 + [1, 2, 3])):
        wrong = Try(at=registered + timedelta(minutes=10 + mistake), fingerprint="", country="", code="incorrect_cvc")
        person.tries.append(wrong)
    person.tries.append(_saved(chance, person, foreign=0.06))
    if chance.random() < 0.015:
        person.email = f"me{number}@mailinator.com"
    if chance.random() < 0.01 and left > 150:
        person.disputed_at = registered + timedelta(days=chance.uniform(100, 140))
    size = min(400.0, chance.lognormvariate(3.3, 1.0))
    person.spells.append(_usage_of(chance, behaviour, begins, left, size))
    match behaviour:
        case Behaviour.MANY_CARDS:
            for card in range(chance.randint(3, 7)):
                at = registered + timedelta(days=chance.uniform(0, 20 + 25 * card), hours=2)
                person.tries.append(Try(at=at, fingerprint=f"fp-{person.account_id}-{card}", country=person.country))
        case Behaviour.SEASONAL:
            person.spells += [
                Spell(start=begins + timedelta(days=day), days=2, base=size * chance.uniform(3, 9), noise=0.2, resources=20)
                for day in range(20, max(left - 2, 20), 30)
            ]
        case Behaviour.HOBBY:
            person.is_trial = True
            if chance.random() < 0.06:
                person.tries[-1] = Try(
                    at=person.tries[-1].at, fingerprint=f"fp-{person.account_id}", country=person.country, funding="prepaid"
                )
    return [person]


def _usage_of(chance: random.Random, behaviour: Behaviour, begins: datetime, left: int, size: float) -> Spell:
    match behaviour:
        case Behaviour.STARTUP:
            return Spell(start=begins, days=left, base=chance.uniform(5, 20), growth=1 + chance.uniform(0.008, 0.016), noise=0.25)
        case Behaviour.AI_LAB:
            return Spell(start=begins, days=left, base=chance.uniform(200, 1800), noise=0.3, gpu_share=0.85, data_share=0.1, resources=16)
        case Behaviour.API_SERVER:
            return Spell(start=begins, days=left, base=chance.uniform(10, 120), noise=0.01, data_share=0.005, resources=1)
        case Behaviour.HOBBY:
            return Spell(start=begins, days=min(left, chance.choice([_TRIAL_DAYS, left])), base=chance.uniform(0.3, 3), noise=0.6)
    return Spell(start=begins, days=left, base=size, noise=0.15)


def _family(chance: random.Random, behaviour: Behaviour, registered: datetime, days: int, number: int) -> list[Person]:
    members = []
    for place in range(2):
        person = _person(chance, behaviour, registered + timedelta(days=place * chance.uniform(1, 30)), number + place)
        person.is_trial, person.country = True, "DE"
        person.tries.append(Try(at=person.registered_at + timedelta(hours=1), fingerprint=f"fp-family-{number}", country="DE"))
        left = int(days - (person.registered_at - START).days)
        person.spells.append(_usage_of(chance, Behaviour.HOBBY, _midnight(person.registered_at), max(left, 1), 1))
        members.append(person)
    return members


def _card_tester(chance: random.Random, behaviour: Behaviour, registered: datetime, _days: int, number: int) -> list[Person]:
    person = _person(chance, behaviour, registered, number)
    person.fraud_begins_at, person.pays = registered, False
    at = registered
    for card in range(chance.randint(6, 25)):
        at += timedelta(minutes=chance.uniform(0.3, 25))
        code = chance.choice(["generic_decline", "generic_decline", "incorrect_cvc", "insufficient_funds", "stolen_card", ""])
        saved = not code
        person.tries.append(
            Try(at=at, fingerprint=f"fp-{number}-{card}" if saved else "", country=chance.choice(_FOREIGN) if saved else "", code=code)
        )
    person.spells.append(Spell(start=_midnight(registered), days=5, base=1))
    return [person]


def _trial_farm(chance: random.Random, behaviour: Behaviour, registered: datetime, _days: int, number: int) -> list[Person]:
    people = []
    is_prepaid, is_disposable = chance.random() < 0.4, chance.random() < 0.5
    for place in range(chance.randint(3, 8)):
        person = _person(chance, behaviour, registered + timedelta(days=place * chance.uniform(0.2, 6)), number + place)
        person.is_trial, person.pays, person.fraud_begins_at = True, False, person.registered_at
        funding = "prepaid" if is_prepaid else "credit"
        person.tries.append(
            Try(at=person.registered_at + timedelta(minutes=20), fingerprint=f"fp-farm-{number}", country=person.country, funding=funding)
        )
        if is_disposable:
            person.email = f"u{number + place}@guerrillamail.com"
        person.spells.append(Spell(start=_midnight(person.registered_at), days=_TRIAL_DAYS, base=chance.uniform(3, 9), noise=0.3))
        people.append(person)
    return people


def _thief(chance: random.Random, behaviour: Behaviour, registered: datetime, _days: int, number: int) -> list[Person]:
    """Somebody else's card: its holder finds out, and disputes, or the bank knows before."""
    person = _person(chance, behaviour, registered, number)
    person.fraud_begins_at = registered
    person.tries.append(_saved(chance, person, foreign=0.6, hours=0.2))
    begins = _midnight(registered) + timedelta(days=1)
    match behaviour:
        case Behaviour.MINER:
            gpu_share = chance.choice([0.0, 0.9])
            spell = Spell(
                start=begins, days=80, base=chance.uniform(40, 400), noise=0.008, gpu_share=gpu_share, data_share=0.0, resources=12
            )
        case Behaviour.GPU_THIEF:
            spell = Spell(start=begins, days=12, base=chance.uniform(500, 9000), noise=0.2, gpu_share=0.95, data_share=0.02, resources=40)
        case _:
            spell = Spell(start=begins, days=70, base=chance.uniform(60, 500), noise=0.2)
    person.spells.append(spell)
    if chance.random() < 0.45:
        person.pays, person.refusal = False, chance.choice(["stolen_card", "fraudulent", "generic_decline", "insufficient_funds"])
    else:
        person.disputed_at = registered + timedelta(days=chance.uniform(35, 60))
    return [person]


def _taken_over(chance: random.Random, behaviour: Behaviour, registered: datetime, days: int, number: int) -> list[Person]:
    (person,) = _honest(chance, Behaviour.STEADY, START + (registered - START) / 4, days, number)
    person.behaviour = behaviour
    begins = _midnight(person.registered_at) + timedelta(days=int(chance.uniform(100, max(110, days / 2))))
    person.fraud_begins_at = begins
    base = person.spells[0].base
    person.spells.append(Spell(start=begins, days=10, base=max(base * chance.uniform(6, 30), 300), gpu_share=0.8, data_share=0.02))
    person.disputed_at = begins + timedelta(days=40)
    return [person]


def _midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0)


Maker = Callable[[random.Random, Behaviour, datetime, int, int], Sequence[Person]]
_MAKERS: dict[Behaviour, Maker] = {
    **dict.fromkeys(_HONEST, _honest),
    Behaviour.FAMILY: _family,
    Behaviour.CARD_TESTER: _card_tester,
    Behaviour.TRIAL_FARMER: _trial_farm,
    Behaviour.MINER: _thief,
    Behaviour.STOLEN_CARD: _thief,
    Behaviour.GPU_THIEF: _thief,
    Behaviour.TAKEOVER: _taken_over,
}
