"""The decision as a pure function, and the policy's file: what is wrong in it is said with its key."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.domain.fraud import Action, Field, Finding, Known, assess
from control.fraud.policy import DEFAULT, load_policy, parse_policy
from control.fraud.rules import RuleError, all_rules, parse
from warehouse.errors import InputError

POLICY = load_policy()
RULES = sorted(POLICY.weights)
FIELDS = {rule.name: rule.field for rule in all_rules()}
scores = st.dictionaries(st.sampled_from(RULES), st.integers(0, 100), max_size=len(RULES))
accounts = st.builds(Known, account_id=st.just("acc-1"), paid_invoices=st.integers(0, 5), has_dispute=st.booleans())


def findings(found: dict[str, int], evidence: str = "seen") -> list[Finding]:
    return [
        Finding(account_id="acc-1", rule=rule, version="1", field=FIELDS[rule], score=score, reason="", evidence=evidence, inputs={})
        for rule, score in found.items()
    ]


def action(known: Known, found: dict[str, int], **values: Any) -> Action:  # noqa: ANN401 - of assess
    return assess(known, findings(found), thresholds=POLICY.thresholds, weights=POLICY.weights, **values).action


def document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any section
    return tomllib.loads(DEFAULT.read_text(), parse_float=Decimal) | changes


@given(known=accounts, fewer=scores, more=scores)
def test_more_evidence_never_gives_a_milder_action(known: Known, fewer: dict[str, int], more: dict[str, int]) -> None:
    both = {rule: max(fewer.get(rule, 0), more.get(rule, 0)) for rule in {*fewer, *more}}
    assert action(known, both).severity >= action(known, fewer).severity


@given(known=accounts, found=scores)
def test_a_trusted_account_is_never_held(known: Known, found: dict[str, int]) -> None:
    trusted = Known(account_id="acc-1", is_trusted=True, paid_invoices=known.paid_invoices, has_dispute=known.has_dispute)
    assert action(trusted, found) is Action.ALLOW


@given(paid=st.integers(POLICY.thresholds.paid_invoices, 50), found=scores)
def test_who_paid_and_disputed_nothing_is_reviewed_at_most(paid: int, found: dict[str, int]) -> None:
    assert action(Known(account_id="acc-1", paid_invoices=paid), found).severity <= Action.REVIEW.severity


@given(found=scores, field=st.sampled_from(Field))
def test_one_kind_of_evidence_suspends_nobody(found: dict[str, int], field: Field) -> None:
    one_kind = {rule: score for rule, score in found.items() if FIELDS[rule] is field}
    assert action(Known(account_id="acc-1"), one_kind) is not Action.SUSPEND


@given(known=accounts, found=scores)
def test_released_evidence_counts_for_nothing(known: Known, found: dict[str, int]) -> None:
    assert action(known, found, released=[(rule, "seen") for rule in found]) is Action.ALLOW
    assert action(known, found, released=[(rule, "other") for rule in found]) is action(known, found)


def test_a_rule_counts_once_by_its_highest_score() -> None:
    found = [*findings({"gpu_burst": 40}), *findings({"gpu_burst": 70}, evidence="more")]
    assessment = assess(Known(account_id="acc-1"), found, thresholds=POLICY.thresholds, weights=POLICY.weights)
    assert (assessment.score, assessment.action) == (Decimal(70), Action.REVIEW)


def test_trust_ends_on_its_day() -> None:
    policy = parse_policy(document(trusted=[{"account_id": "acc-1", "reason": "a contract", "until": date(2026, 3, 1)}]), version="1")
    assert policy.trusts("acc-1", datetime(2026, 2, 28, 23, tzinfo=UTC))
    assert not policy.trusts("acc-1", datetime(2026, 3, 1, tzinfo=UTC))
    assert not policy.trusts("acc-2", datetime(2026, 2, 1, tzinfo=UTC))


def test_the_version_of_a_policy_is_its_content(tmp_path: Path) -> None:
    copy = tmp_path / "fraud.toml"
    copy.write_text(DEFAULT.read_text())
    assert load_policy(copy).version == POLICY.version
    copy.write_text(DEFAULT.read_text() + "# a word\n")
    assert load_policy(copy).version != POLICY.version


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        ({"treshold": {}}, "treshold", "is not known"),
        ({"thresholds": {"challenge": 1, "review": 2, "limit": 2, "suspend": 4}}, "thresholds.limit", "must be above thresholds.review, 2"),
        ({"thresholds": {"challenge": 1, "review": 2, "limit": 3}}, "thresholds.suspend", "is missing"),
        ({"safeguards": {"strong_score": True}}, "safeguards.strong_score", "must be a number"),
        ({"trusted": [{"account_id": "a", "reason": "b", "until": "soon"}]}, "trusted[0].until", "must be a date"),
        ({"trusted": {"account_id": "a"}}, "trusted", "must be a list"),
    ],
)
def test_what_is_wrong_in_a_policy_is_said_with_its_key(change: dict[str, Any], key: str, problem: str) -> None:
    with pytest.raises(InputError, match="fraud policy") as caught:
        parse_policy(document(**change), version="1")
    assert f"{key} {problem}" in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "change", "problem"),
    [
        ("gpu_burst", {"min_gpu_hours": 0}, "rules.gpu_burst.min_gpu_hours must be a whole number from 1"),
        ("gpu_burst", {"is_on": "yes"}, "rules.gpu_burst.is_on must be true or false"),
        ("mining_usage", {"min_share": Decimal("1.5")}, "rules.mining_usage.min_share must be a share from 0 to 1"),
        ("mining_usage", {"services": []}, "rules.mining_usage.services must be a list of texts"),
        ("mining_usage", {"min_amount": {"EUR": 5}}, "rules.mining_usage.min_amount must also say the amount of every `other` currency"),
        ("mining_usage", {"min_amount": {"euro": 5, "other": 5}}, "rules.mining_usage.min_amount.euro must be a currency code"),
        ("spend_spike", {"speed": 3}, "rules.spend_spike.speed is not known"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_with_its_key(rule: str, change: dict[str, Any], problem: str) -> None:
    rules = document()["rules"]
    with pytest.raises(InputError) as caught:
        parse_policy(document(rules=rules | {rule: rules[rule] | change}), version="1")
    assert problem in str(caught.value)


def test_a_policy_that_cannot_be_read_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_policy(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[thresholds")
    with pytest.raises(InputError, match="is no TOML"):
        load_policy(tmp_path / "bad.toml")


def test_every_rule_says_what_it_needs_and_its_version_changes_with_its_text() -> None:
    for rule in all_rules():
        assert rule.description
        assert rule.needs
        assert parse(rule.sql + "\n", rule.name).version != rule.version
    with pytest.raises(RuleError, match="needs a header"):
        parse("SELECT 1", "empty")
