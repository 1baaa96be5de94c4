"""The rules, one SQL file each: read, described, and run as of an instant.

A file begins with a header of comments: `rule`, `version`, `field`, `runs_on`, `needs`, one `parameter NAME KIND: meaning` each,
then words. It runs over the control store (SQL that SQLite and PostgreSQL read alike, instants as text) where `runs_on` is
`control`, over the warehouse where it is `warehouse`; `${raw}` and the like stand for databases there.

It returns account_id, score (0 to 100), reason, evidence; every further column is kept as an input of the decision. It may look at
nothing later than `as_of`. A parameter NAME_hours or NAME_days is also there as the instant NAME_start, that long before;
one of kind `amounts` is there as two lists: NAME_currencies, and NAME_amounts, which begins with the one of every other currency.
Add a rule by adding a file and its section in the policy.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData
from sqlalchemy import BindParameter, Connection, bindparam, text

from control.domain.fraud import Field, Finding
from control.store.types import Instant
from warehouse.errors import RefusedError
from warehouse.settings import LAYERS, Settings

FOLDER = Path(__file__).parent / "rules"
DISPOSABLE = "disposable_domains"
# A currency that a table of amounts does not name.
OTHER = "other"
FIXED_COLUMNS = ("account_id", "score", "reason", "evidence")
HIGHEST_SCORE = 100

_HEADER = re.compile(r"^-- (rule|version|field|runs_on|needs): (.+)$")
_PARAMETER = re.compile(r"^-- parameter (\w+) (count|number|share|text|texts|amounts): (.+)$")
_INSTANT = Instant()
_UNKNOWN_TABLE = 60  # the server's code
# Each scan has constants of its own, so that machine code made for one is never used again, and costs more than it saves.
_QUERY_SETTINGS = {"compile_expressions": 0}

Values = dict[str, Any]


class Place(StrEnum):
    """Where a rule runs."""

    CONTROL = "control"
    WAREHOUSE = "warehouse"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A value that the policy gives a rule."""

    name: str
    kind: str  # count, number, share, text, texts or amounts
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule as its file says. `version` holds the number of the file and the beginning of its hash: an audit tells them apart."""

    name: str
    version: str
    field: Field
    place: Place
    needs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    description: str
    sql: str


class RuleError(Exception):
    """A rule's file, or what it returned, is not as this module says: a defect of the rule."""


@lru_cache(maxsize=1)
def all_rules() -> tuple[Rule, ...]:
    """Every rule, by name.

    Raises:
        RuleError: a file is not as it should be.
    """
    return tuple(parse(path.read_text(), path.stem) for path in sorted(FOLDER.glob("*.sql")))


def parse(sql: str, name: str) -> Rule:
    """A rule from the text of its file.

    Raises:
        RuleError: the header lacks something, or names another rule than the file.
    """
    lines = sql.splitlines()
    head = {found[1]: found[2].strip() for line in lines if (found := _HEADER.match(line))}
    lacking = [word for word in ("rule", "version", "field", "runs_on", "needs") if word not in head]
    if lacking or head["rule"] != name:
        raise RuleError(f"{name}.sql needs a header with {', '.join(lacking) or f'`-- rule: {name}`'}")
    parameters = tuple(
        Parameter(name=found[1], kind=found[2], meaning=found[3].strip()) for line in lines if (found := _PARAMETER.match(line))
    )
    comment = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    return Rule(
        name=name,
        version=f"{head['version']}-{hashlib.sha256(sql.encode()).hexdigest()[:8]}",
        field=Field(head["field"]),
        place=Place(head["runs_on"]),
        needs=tuple(word.strip() for word in head["needs"].split(",")),
        parameters=parameters,
        description=" ".join(comment[comment.index("") + 1 :]) if "" in comment else "",
        sql=sql,
    )


def run_on_control(connection: Connection, rule: Rule, values: Values, *, as_of: datetime, account_id: str | None = None) -> list[Finding]:
    """What a rule finds in the control store, in all accounts or in one."""
    named = _named(values, as_of, lambda instant: _INSTANT.process_bind_param(instant, connection.dialect))
    statement = f"SELECT * FROM ({rule.sql}) AS found"
    if account_id is not None:
        statement += " WHERE account_id = :only_account"
        named["only_account"] = account_id
    used = {name: value for name, value in named.items() if re.search(rf"(?<![:\w]):{name}\b", statement)}
    lists: list[BindParameter[Any]] = [bindparam(name, expanding=True) for name, value in used.items() if isinstance(value, list)]
    rows = connection.execute(text(statement).bindparams(*lists), used).mappings()
    return [_finding(rule, dict(row)) for row in rows]


def run_on_warehouse(client: Client, settings: Settings, rule: Rule, values: Values, *, as_of: datetime) -> list[Finding]:
    """What a rule finds in the warehouse.

    Raises:
        RefusedError: no tick has run yet.
    """
    sql = Template(rule.sql).substitute({layer: settings.database(layer) for layer in LAYERS})
    named = _named(values, as_of, lambda instant: instant)
    used = {name: value for name, value in named.items() if f"{{{name}:" in sql}
    external = None
    if DISPOSABLE in rule.needs:
        external = ExternalData(file_name=DISPOSABLE, data=_disposable(), fmt="TSV", structure="domain String")
    try:
        found = client.query(sql, parameters=used, external_data=external, settings=_QUERY_SETTINGS)
    except DatabaseError as error:
        if error.code != _UNKNOWN_TABLE:
            raise
        needed = ", ".join(name for name in rule.needs if "." in name)
        raise RefusedError(f"rule {rule.name} needs {needed}, and no tick has run yet; start with `meterhouse run`") from None
    return [_finding(rule, row) for row in found.named_results()]


def run_all(
    connection: Connection,
    client: Client,
    settings: Settings,
    rules: Sequence[tuple[Rule, Values]],
    *,
    as_of: datetime,
) -> list[Finding]:
    """What several rules find, in the order of the rules and then of the accounts."""
    found: list[Finding] = []
    for rule, values in rules:
        if rule.place is Place.CONTROL:
            findings = run_on_control(connection, rule, values, as_of=as_of)
        else:
            findings = run_on_warehouse(client, settings, rule, values, as_of=as_of)
        found += sorted(findings, key=lambda finding: finding.account_id)
    return found


def by_account(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings of each account, accounts in order."""
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.account_id, []).append(finding)
    return dict(sorted(grouped.items()))


def _named(values: Values, as_of: datetime, shape: Any) -> Values:  # noqa: ANN401 - instant to what the database compares
    named: Values = {**values, "as_of": shape(as_of)}
    for name, value in values.items():
        stem, _, unit = name.rpartition("_")
        if isinstance(value, dict):
            currencies = [currency for currency in value if currency != OTHER]
            named[f"{name}_currencies"] = currencies
            named[f"{name}_amounts"] = [value[OTHER], *(value[currency] for currency in currencies)]
        if unit in ("hours", "days") and isinstance(value, int):
            named[f"{stem}_start"] = shape(as_of - timedelta(**{unit: value}))
    return named


def _finding(rule: Rule, row: dict[str, Any]) -> Finding:
    lacking = [name for name in FIXED_COLUMNS if name not in row]
    if lacking:
        raise RuleError(f"rule {rule.name} does not return {', '.join(lacking)}")
    score = int(row["score"])
    if not 0 <= score <= HIGHEST_SCORE:
        raise RuleError(f"rule {rule.name} scored {score} for {row['account_id']}; scores are 0 to {HIGHEST_SCORE}")
    return Finding(
        account_id=row["account_id"],
        rule=rule.name,
        version=rule.version,
        field=rule.field,
        score=score,
        reason=str(row["reason"]),
        evidence=str(row["evidence"]),
        inputs={name: _plain(value) for name, value in row.items() if name not in FIXED_COLUMNS},
    )


def _plain(value: object) -> object:
    """An input as JSON holds it without loss."""
    match value:
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Decimal():
            return format(value, "f")
        case str() | int() | None:
            return value
    raise RuleError(f"an input is {type(value).__name__}; return a text, a whole number or an instant")


@lru_cache(maxsize=1)
def _disposable() -> bytes:
    """The domains of disposable addresses that the package knows, one a line."""
    from disposable_email_domains import blocklist  # noqa: PLC0415 - ten thousand names, which most commands never need

    return "".join(f"{domain}\n" for domain in sorted(blocklist)).encode()
