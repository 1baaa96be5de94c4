"""The antifraud policy: a TOML file that people read and change, checked as a whole. Its version is the hash of its content."""

from __future__ import annotations

import hashlib
import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from control.domain.fraud import Thresholds
from control.fraud.rules import OTHER, Place, Rule, Values, all_rules
from warehouse.errors import InputError

DEFAULT = Path(__file__).parent.parent / "policies" / "fraud.toml"

_SECTIONS = frozenset({"thresholds", "safeguards", "rules", "trusted"})
_THRESHOLDS = ("challenge", "review", "limit", "suspend")
_SAFEGUARDS = ("strong_score", "strong_fields", "paid_invoices", "challenge_days")
_OF_EVERY_RULE = ("is_on", "weight")


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """An account that is never held before the day `until`."""

    account_id: str
    reason: str
    until: date


@dataclass(frozen=True, kw_only=True)
class RulePolicy:
    """What the policy says of one rule."""

    rule: Rule
    is_on: bool
    weight: Decimal
    values: Values


@dataclass(frozen=True, kw_only=True)
class FraudPolicy:
    """A checked policy."""

    version: str
    thresholds: Thresholds
    challenge_days: int
    rules: tuple[RulePolicy, ...]
    trusted: tuple[Trusted, ...]

    @property
    def weights(self) -> dict[str, Decimal]:
        """Of every rule by name."""
        return {rule.rule.name: rule.weight for rule in self.rules}

    def switched_on(self, place: Place | None = None) -> list[tuple[Rule, Values]]:
        """The rules that run, with their values; only those of one place, if given."""
        return [(rule.rule, rule.values) for rule in self.rules if rule.is_on and place in (None, rule.rule.place)]

    def trusts(self, account_id: str, now: datetime) -> bool:
        """Whether an account is on the list of the trusted today."""
        return any(trusted.account_id == account_id and now.date() < trusted.until for trusted in self.trusted)


def load_policy(path: Path | None = None) -> FraudPolicy:
    """The policy in a file; default: the one that comes with the product.

    Raises:
        InputError: it cannot be read, or a key is wrong; the message names the key and what it should be.
    """
    path = path or DEFAULT
    try:
        return _read(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"the fraud policy {path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=4)
def _read(content: bytes, name: str) -> FraudPolicy:
    """Each card that is tried asks for the policy: the file is read again, and parsed only where it changed."""
    try:
        document = tomllib.loads(content.decode(), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the fraud policy {name} is no TOML: {error}") from error
    return parse_policy(document, version=hashlib.sha256(content).hexdigest()[:12], name=name)


def parse_policy(document: Mapping[str, Any], *, version: str, name: str = "the fraud policy") -> FraudPolicy:
    """Check a policy. Raises as load_policy."""
    checked = _Checked(name)
    checked.only_keys("", document, _SECTIONS)
    thresholds = checked.table("thresholds", document)
    checked.only_keys("thresholds", thresholds, frozenset(_THRESHOLDS))
    begins = {action: checked.number(f"thresholds.{action}", thresholds) for action in _THRESHOLDS}
    for milder, harder in itertools.pairwise(_THRESHOLDS):
        if begins[milder] >= begins[harder]:
            checked.refuse(f"thresholds.{harder}", f"must be above thresholds.{milder}, {begins[milder]}")
    guards = checked.table("safeguards", document)
    checked.only_keys("safeguards", guards, frozenset(_SAFEGUARDS))
    return FraudPolicy(
        version=version,
        thresholds=Thresholds(
            **begins,
            strong_score=checked.number("safeguards.strong_score", guards),
            strong_fields=checked.count("safeguards.strong_fields", guards),
            paid_invoices=checked.count("safeguards.paid_invoices", guards),
        ),
        challenge_days=checked.count("safeguards.challenge_days", guards),
        rules=_rules(checked, checked.table("rules", document)),
        trusted=_trusted(checked, document.get("trusted", [])),
    )


def _rules(checked: _Checked, sections: Mapping[str, Any]) -> tuple[RulePolicy, ...]:
    known = all_rules()
    checked.only_keys("rules", sections, frozenset(rule.name for rule in known))
    found = []
    for rule in known:
        where = f"rules.{rule.name}"
        section = checked.table(where, sections)
        checked.only_keys(where, section, frozenset({*_OF_EVERY_RULE, *(parameter.name for parameter in rule.parameters)}))
        values = {parameter.name: checked.of_kind(parameter.kind, f"{where}.{parameter.name}", section) for parameter in rule.parameters}
        is_on, weight = checked.flag(f"{where}.is_on", section), checked.number(f"{where}.weight", section)
        found.append(RulePolicy(rule=rule, is_on=is_on, weight=weight, values=values))
    return tuple(found)


def _trusted(checked: _Checked, rows: object) -> tuple[Trusted, ...]:
    if not isinstance(rows, list):
        checked.refuse("trusted", "must be a list: write [[trusted]] above each account")
    found = []
    for place, row in enumerate(rows):
        where = f"trusted[{place}]"
        checked.only_keys(where, row, frozenset({"account_id", "reason", "until"}))
        until = row.get("until")
        if not isinstance(until, date) or isinstance(until, datetime):
            checked.refuse(f"{where}.until", "must be a date such as 2027-01-01, without quotes")
        found.append(Trusted(account_id=checked.text(f"{where}.account_id", row), reason=checked.text(f"{where}.reason", row), until=until))
    return tuple(found)


class _Checked:
    """Reads values of a document, and refuses what is none with the key and what it should be."""

    def __init__(self, name: str) -> None:
        self._name = name

    def refuse(self, key: str, problem: str) -> NoReturn:
        raise InputError(f"{self._name}: {key} {problem}")

    def only_keys(self, where: str, table: Any, known: frozenset[str]) -> None:  # noqa: ANN401 - whatever TOML holds
        if not isinstance(table, Mapping):
            self.refuse(where, "must be a table")
        for key in table:
            if key not in known:
                self.refuse(f"{where}.{key}".strip("."), f"is not known; take one of {', '.join(sorted(known))}")

    def table(self, key: str, parent: Mapping[str, Any]) -> Mapping[str, Any]:
        found = self._value(key, parent)
        if not isinstance(found, Mapping):
            self.refuse(key, f"must be a table: write [{key}]")
        return found

    def of_kind(self, kind: str, key: str, parent: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the kind says
        readers = {
            "count": self.count, "number": self.number, "share": self.share, "text": self.text, "texts": self.texts,
            "amounts": self.amounts,
        }  # fmt: skip
        return readers[kind](key, parent)

    def flag(self, key: str, parent: Mapping[str, Any]) -> bool:
        found = self._value(key, parent)
        if not isinstance(found, bool):
            self.refuse(key, "must be true or false")
        return found

    def count(self, key: str, parent: Mapping[str, Any]) -> int:
        found = self._value(key, parent)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            self.refuse(key, "must be a whole number from 1")
        return found

    def number(self, key: str, parent: Mapping[str, Any]) -> Decimal:
        found = self._value(key, parent)
        if not isinstance(found, int | Decimal) or isinstance(found, bool) or not Decimal(found).is_finite() or found < 0:
            self.refuse(key, "must be a number, zero or more")
        return Decimal(found)

    def share(self, key: str, parent: Mapping[str, Any]) -> Decimal:
        found = self.number(key, parent)
        if found > 1:
            self.refuse(key, "must be a share from 0 to 1")
        return found

    def text(self, key: str, parent: Mapping[str, Any]) -> str:
        found = self._value(key, parent)
        if not isinstance(found, str) or not found:
            self.refuse(key, "must be a text in quotes")
        return found

    def texts(self, key: str, parent: Mapping[str, Any]) -> list[str]:
        found = self._value(key, parent)
        if not isinstance(found, list) or not found or not all(isinstance(item, str) and item for item in found):
            self.refuse(key, 'must be a list of texts such as ["compute"]')
        return found

    def amounts(self, key: str, parent: Mapping[str, Any]) -> dict[str, Decimal]:
        found = self.table(key, parent)
        if OTHER not in found:
            self.refuse(key, f"must also say the amount of every `{OTHER}` currency")
        for currency in found:
            if currency != OTHER and not (len(currency) == 3 and currency.isascii() and currency.isupper()):
                self.refuse(f"{key}.{currency}", f"must be a currency code such as EUR, or `{OTHER}`")
        return {currency: self.number(f"{key}.{currency}", found) for currency in found}

    def _value(self, key: str, parent: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever TOML holds
        name = key.rpartition(".")[2]
        if name not in parent:
            self.refuse(key, "is missing")
        return parent[name]
