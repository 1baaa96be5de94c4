"""Reads a dunning policy from TOML and refuses one that would hurt by mistake. The form is explained in policies/dunning.toml.

Errors name the file, the key and the way out. Nothing is guessed: an unknown key is an error, since a misspelt condition
would silently not hold.
"""

from __future__ import annotations

import hashlib
import itertools
import tomllib
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from control.domain.dunning import HARD, LimitTerms, Policy, PromiseTerms, State, Step, StepKind
from control.domain.money import Money
from control.domain.retries import ANY_CODE, WEEKDAYS, RetryPolicy, RetryRule
from warehouse.errors import InputError

_STATE_KEYS = frozenset({"name", "days", "amount", "count", "notice_days", "do"})
_RULE_KEYS = frozenset({"codes", "after_hours", "on", "hour", "never"})
_TOP_KEYS = frozenset({"name", "state", "retry", "promises", "limits"})
LONGEST_DAYS = 3_650


def parse_policy(data: bytes, *, source: str, templates: Collection[str]) -> Policy:
    """A policy from a file's bytes.

    Args:
        data: TOML, UTF-8.
        source: the file's name, for errors.
        templates: the mails there are.

    Raises:
        InputError: it is no TOML, or no policy; the message names file and key.
    """
    try:
        table = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{source}: not readable as TOML: {error}") from None
    reader = _Reader(source, frozenset(templates))
    reader.check_keys("", table, _TOP_KEYS)
    states = [reader.state(place, row) for place, row in enumerate(reader.rows("state", table))]
    reader.check_states(states)
    return Policy(
        name=reader.text("name", table),
        content_hash=hashlib.sha256(data).hexdigest()[:16],
        states=tuple(states),
        retry=reader.retry(table.get("retry", {})),
        promises=reader.promises(table.get("promises", {})),
        limits=reader.limits(table.get("limits", {})),
    )


class _Reader:
    """Takes values out of tables of one file."""

    def __init__(self, source: str, templates: frozenset[str]) -> None:
        self.source = source
        self.templates = templates

    def fail(self, key: str, problem: str) -> InputError:
        return InputError(f"{self.source}: {key}: {problem}")

    def check_keys(self, place: str, table: Mapping[str, Any], known: frozenset[str]) -> None:
        unknown = sorted(set(table) - known)
        if unknown:
            raise self.fail(f"{place}{unknown[0]}", f"unknown key; known are {', '.join(sorted(known))}")

    def rows(self, key: str, table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        found = table.get(key, [])
        if not isinstance(found, list) or not found or not all(isinstance(row, dict) for row in found):
            raise self.fail(key, f"write at least one table [[{key}]]")
        return found

    def table(self, key: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(key, f"must be a table [{key}]")
        return value

    def text(self, key: str, table: Mapping[str, Any], place: str = "") -> str:
        found = table.get(key)
        if not isinstance(found, str) or not found.strip() or not found.isprintable():
            raise self.fail(f"{place}{key}", 'must be a text such as "standard"')
        return found

    def number(self, key: str, table: Mapping[str, Any], place: str, *, least: int, most: int, default: int | None = None) -> int:
        found = table.get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise self.fail(f"{place}{key}", f"must be a whole number from {least} to {most}, not {found!r}")
        return found

    def state(self, index: int, row: Mapping[str, Any]) -> State:
        name = self.text("name", row, f"state {index + 1}: ")
        place = f"state {name}: "
        self.check_keys(place, row, _STATE_KEYS)
        do = row.get("do")
        if not isinstance(do, list) or not do:
            raise self.fail(f"{place}do", 'must list steps, such as ["mail:reminder", "retry"]')
        steps = tuple(self.step(f"{place}do", text) for text in do)
        if len(set(steps)) != len(steps):
            raise self.fail(f"{place}do", "names one step twice")
        return State(
            name=name,
            days=self.number("days", row, place, least=1, most=LONGEST_DAYS),
            amount=self.amounts(f"{place}amount", row.get("amount", {})),
            count=self.number("count", row, place, least=1, most=1_000, default=1),
            notice_days=self.number("notice_days", row, place, least=0, most=LONGEST_DAYS, default=0),
            steps=steps,
        )

    def step(self, key: str, text: object) -> Step:
        kind, _, template = str(text).partition(":")
        kinds = [one.value for one in StepKind]
        if kind not in kinds:
            raise self.fail(key, f"{text!r} is no step; steps are mail:TEMPLATE, {', '.join(kinds[1:])}")
        if (kind == StepKind.MAIL) != bool(template):
            raise self.fail(key, f"{text!r}: a mail names its template, such as mail:reminder, and no other step has one")
        return Step(kind=StepKind(kind), template=self.template(key, template))

    def template(self, key: str, name: object) -> str:
        if name == "" or name in self.templates:
            return str(name)
        raise self.fail(key, f"there is no mail template {name!r}; there are {', '.join(sorted(self.templates))}")

    def amounts(self, key: str, value: object) -> dict[str, Money]:
        amounts = {}
        for currency, text in self.table(key, value).items():
            try:
                if not isinstance(text, str):
                    raise InputError("an amount is a text")
                amounts[currency] = Money.from_decimal(Decimal(text), currency)
            except (InvalidOperation, ValueError, InputError):
                raise self.fail(f"{key}.{currency}", f'must be a currency and its amount, such as EUR = "10.00", not {text!r}') from None
        return amounts

    def check_states(self, states: list[State]) -> None:
        """Worst first, and nobody is hit unwarned."""
        names = [state.name for state in states]
        if len(set(names)) != len(names):
            raise self.fail("state", "two states have one name; it is what decisions are recorded under")
        for worse, milder in itertools.pairwise(states):
            if worse.days <= milder.days:
                raise self.fail(
                    f"state {milder.name}: days", f"states stand worst first, so it must be below the {worse.days} of {worse.name}"
                )
        for place, state in enumerate(states):
            milder_ones = states[place + 1 :]
            if state.notice_days and not milder_ones:
                raise self.fail(f"state {state.name}: notice_days", "the mildest state has no milder one that could have given notice")
            for kind, warned in (
                (StepKind.SUSPEND, StepKind.MAIL),
                (StepKind.HAND_OVER, StepKind.SUSPEND),
                (StepKind.WRITE_OFF, StepKind.SUSPEND),
            ):
                if not state.does(kind):
                    continue
                if not any(one.does(warned) for one in milder_ones):
                    raise self.fail(f"state {state.name}: do", f"{kind} needs a milder state with {warned} before it")
                if not state.notice_days:
                    raise self.fail(
                        f"state {state.name}: notice_days",
                        f"must be at least 1 where a state has {kind}: after an outage of ours the customer is warned first",
                    )
        if not any(step.kind not in HARD for state in states for step in state.steps):
            raise self.fail("state", "no state has a mail or a retry: nobody would hear that money is owed")

    def retry(self, value: object) -> RetryPolicy:
        table = self.table("retry", value)
        self.check_keys("retry.", table, frozenset({"max_tries", "rule"}))
        if not table:
            return RetryPolicy(max_tries=1, rules=())
        return RetryPolicy(
            max_tries=self.number("max_tries", table, "retry.", least=1, most=30),
            rules=tuple(self.rule(f"retry rule {place + 1}: ", row) for place, row in enumerate(self.rows("rule", table))),
        )

    def rule(self, place: str, row: Mapping[str, Any]) -> RetryRule:
        self.check_keys(place, row, _RULE_KEYS)
        codes = row.get("codes")
        if not isinstance(codes, list) or not codes or not all(isinstance(code, str) and code for code in codes):
            raise self.fail(f"{place}codes", f'must list decline codes of the gateway, or "{ANY_CODE}" for all others')
        if sum(key in row for key in ("after_hours", "on", "never")) != 1:
            raise self.fail(f"{place.rstrip(': ')}", "has exactly one of after_hours, on, never")
        hours = row.get("after_hours", [])
        if "never" in row and row["never"] is not True:
            raise self.fail(f"{place}never", "is true, or is left out")
        if not isinstance(hours, list) or not all(isinstance(hour, int) and 0 < hour <= 24 * 60 for hour in hours):
            raise self.fail(f"{place}after_hours", "must list hours from 1 to 1440, such as [1, 6, 24]")
        if ("after_hours" in row and not hours) or ("on" in row and not row["on"]):
            raise self.fail(place.rstrip(": "), "lists nothing; write never = true where nothing shall follow")
        weekdays, month_days = set(), set()
        for day in row.get("on", []):
            if isinstance(day, int) and not isinstance(day, bool) and 1 <= day <= 28:
                month_days.add(day)
            elif day in WEEKDAYS:
                weekdays.add(str(day))
            else:
                raise self.fail(f"{place}on", f"{day!r} is neither a day of each month (1 to 28) nor a weekday such as friday")
        return RetryRule(
            codes=frozenset(codes),
            after_hours=tuple(hours),
            weekdays=frozenset(weekdays),
            month_days=frozenset(month_days),
            hour=self.number("hour", row, place, least=0, most=23, default=6),
        )

    def promises(self, value: object) -> PromiseTerms:
        table = self.table("promises", value)
        self.check_keys("promises.", table, frozenset({"max_days", "max_ended", "resumes"}))
        resumes = table.get("resumes", False)
        if not isinstance(resumes, bool):
            raise self.fail("promises.resumes", "is true or false")
        return PromiseTerms(
            max_days=self.number("max_days", table, "promises.", least=0, most=365, default=14),
            max_ended=self.number("max_ended", table, "promises.", least=0, most=100, default=1),
            resumes=resumes,
        )

    def limits(self, value: object) -> LimitTerms:
        table = self.table("limits", value)
        keys = ("limit_mail", "prepaid_low_mail", "prepaid_empty_mail")
        self.check_keys("limits.", table, frozenset(keys))
        limit, low, empty = (self.template(f"limits.{key}", table.get(key, "")) for key in keys)
        return LimitTerms(limit_template=limit, prepaid_low_template=low, prepaid_empty_template=empty)
