"""Policies: what a look decides, for any history; retries by code; and files that would hurt by mistake are refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from control.domain.ageing import ageing
from control.domain.debt import AccountDebt, DebtDocument, Hold, LedgerLine, Promise, start_of
from control.domain.documents import Kind
from control.domain.dunning import ENTER, Decision, Policy, StepKind, decide
from control.domain.dunning_policy import parse_policy
from control.domain.dunning_replay import ReplayedStep, Standing, compare, replay
from control.domain.ledger import LedgerAccount, Source
from control.domain.money import Money
from control.domain.retries import DeclinedTry, next_retry
from control.mail import templates
from control.services.dunning_policy import STANDARD, read_policy
from warehouse.errors import InputError

POLICY = read_policy(STANDARD)
FIRST = date(2025, 1, 1)
DAYS = 260


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def a_line(invoice_id: str, minor: int, at: datetime, source: Source = Source.PAYMENT) -> LedgerLine:
    return LedgerLine(
        posted_at=at,
        account_id="acc-1",
        invoice_id=invoice_id,
        ledger_account=LedgerAccount.RECEIVABLE,
        source=source,
        amount=usd(minor),
    )


def a_debt(bills: Sequence[tuple[str, date, int]], paid: Sequence[tuple[str, datetime, int]], **values: Sequence[object]) -> AccountDebt:
    """An account with bills (id, due date, amount; issued 14 days before) and payments."""
    documents = {
        name: DebtDocument(invoice_id=name, invoice_number=name, account_id="acc-1", kind=Kind.INVOICE, due_date=due, currency_code="USD")
        for name, due, _ in bills
    }
    lines = [a_line(name, minor, start_of(due - timedelta(days=14)), Source.DOCUMENT) for name, due, minor in bills]
    lines += [a_line(name, -minor, at) for name, at, minor in paid]
    return AccountDebt(account_id="acc-1", currency_code="USD", documents=documents, lines=lines, **values)  # type: ignore[arg-type]


@st.composite
def debts(draw: st.DrawFn) -> AccountDebt:
    """Some bills, each paid in no, one or two parts at any hour, some disputed, some promised."""
    bills, paid, holds, promises = [], [], [], []
    for number in range(draw(st.integers(1, 4))):
        name, due = f"b{number}", FIRST + timedelta(days=draw(st.integers(0, 90)))
        minor = draw(st.sampled_from([400, 3_000, 12_000]))
        bills.append((name, due, minor))
        rest = minor
        for _ in range(draw(st.integers(0, 2))):
            part = draw(st.sampled_from([rest, rest // 2]))
            at = start_of(due) + timedelta(hours=draw(st.integers(-200, 24 * 120)))
            if part:
                paid.append((name, at, part))
                rest -= part
        if draw(st.integers(0, 4)) == 0:
            placed = start_of(due) + timedelta(hours=draw(st.integers(0, 24 * 60)))
            holds.append(Hold(invoice_id=name, placed_at=placed, lifted_at=placed + timedelta(hours=draw(st.integers(1, 24 * 60)))))
    if draw(st.booleans()):
        made = start_of(FIRST) + timedelta(hours=draw(st.integers(24 * 5, 24 * 120)))
        day = made.date() + timedelta(days=draw(st.integers(0, 14)))
        promises.append(Promise(promise_id="p", account_id="acc-1", amount=usd(1_000), promised_for=day, made_at=made, actor="x"))
    return a_debt(bills, paid, holds=holds, promises=promises)


def look(debt: AccountDebt, hours: Sequence[int], *, policy: Policy = POLICY) -> tuple[list[ReplayedStep], list[Decision]]:
    """Look at these hours of each day."""
    standing, steps, decisions = Standing(progress={}), [], []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        for hour in hours:
            decision = decide(
                policy,
                start=debt.position(before=start_of(day), today=day),
                now=debt.position(before=start_of(day) + timedelta(hours=hour), today=day),
                progress=standing.progress,
                today=day,
            )
            decisions.append(decision)
            steps += standing.take("acc-1", decision)
    return steps, decisions


@hypothesis_settings(max_examples=400, deadline=None)
@given(debts())
def test_no_step_comes_before_its_day_and_none_without_overdue_debt(debt: AccountDebt) -> None:
    steps, _ = look(debt, [0])
    days = {state.name: state.days for state in POLICY.states}
    for step in steps:
        if step.step in ("resume", "unrestrict"):
            continue
        assert step.anchor is not None
        assert (step.day - step.anchor).days >= days[step.state]
        held = {
            hold.invoice_id
            for hold in debt.holds
            if hold.placed_at < start_of(step.day) and (hold.lifted_at or hold.placed_at) >= start_of(step.day)
        }
        open_minor = {
            name: sum(line.amount.minor for line in debt.lines if line.invoice_id == name and line.posted_at < start_of(step.day))
            for name, document in debt.documents.items()
            if document.due_date < step.day and name not in held
        }
        assert sum(minor for minor in open_minor.values() if minor > 0) == step.amount.minor > 0
        assert min(debt.documents[name].due_date for name, minor in open_minor.items() if minor > 0) == step.anchor


@hypothesis_settings(max_examples=400, deadline=None)
@given(debts())
def test_looking_hourly_takes_the_same_steps_on_the_same_days_as_looking_daily(debt: AccountDebt) -> None:
    def taken(hours: Sequence[int]) -> list[tuple[date, str, str]]:
        return [(step.day, step.state, step.step) for step in look(debt, hours)[0] if step.step not in ("resume", "unrestrict")]

    assert taken([0, 5, 9, 13, 18, 23]) == taken([0])


@hypothesis_settings(max_examples=400, deadline=None)
@given(debts())
def test_a_payment_in_full_ends_everything_at_the_next_look(debt: AccountDebt) -> None:
    end = start_of(FIRST + timedelta(days=150))
    open_minor = {name: sum(line.amount.minor for line in debt.lines if line.invoice_id == name) for name in debt.documents}
    before = [line for line in debt.lines if line.posted_at < end]
    rest = {name: sum(line.amount.minor for line in before if line.invoice_id == name) for name in open_minor}
    lines = [*before, *(a_line(name, -minor, end) for name, minor in rest.items() if minor)]
    paid = AccountDebt(
        account_id="acc-1", currency_code="USD", documents=debt.documents, lines=lines, promises=debt.promises, holds=debt.holds
    )
    steps = replay(POLICY, paid, first=FIRST, last=FIRST + timedelta(days=DAYS))
    after = [step for step in steps if step.day > end.date()]
    assert all(step.step in ("resume", "unrestrict") for step in after)
    for imposed, lifted in ((StepKind.SUSPEND, "resume"), (StepKind.RESTRICT, "unrestrict")):
        kinds = [step.step for step in steps if step.step in (imposed, lifted)]
        assert kinds.count(imposed) >= kinds.count(lifted)
        assert not kinds or kinds[-1] == lifted


def test_a_partial_payment_neither_stops_nor_restarts_the_clock_and_the_next_due_date_takes_over_when_the_oldest_is_paid() -> None:
    """Killbill #2297: the next step is computed from the earliest unpaid due date."""
    second_due = FIRST + timedelta(days=25)
    bills = [("a", FIRST, 10_000), ("b", second_due, 10_000)]
    partly = a_debt(bills, [("a", start_of(FIRST + timedelta(days=12)), 5_000)])
    unpaid = a_debt(bills, [])
    last = FIRST + timedelta(days=40)
    assert [(step.day, step.step) for step in replay(POLICY, partly, first=FIRST, last=last)] == [
        (step.day, step.step) for step in replay(POLICY, unpaid, first=FIRST, last=last)
    ]
    oldest_paid = a_debt(bills, [("a", start_of(FIRST + timedelta(days=32)), 10_000)])
    steps = replay(POLICY, oldest_paid, first=FIRST, last=FIRST + timedelta(days=60))
    later = [
        (step.step, step.anchor, (step.day - second_due).days)
        for step in steps
        if step.day > FIRST + timedelta(days=31) and step.step != ENTER
    ]
    assert later == [
        ("resume", second_due, 8),
        ("unrestrict", second_due, 8),
        ("mail:reminder", second_due, 8),
        ("mail:second_reminder", second_due, 10),
        ("restrict", second_due, 21),
        ("mail:last_warning", second_due, 21),
        ("suspend", second_due, 30),
        ("mail:suspended", second_due, 30),
    ]


def test_a_promise_stops_the_steps_and_a_broken_one_takes_up_where_they_were() -> None:
    made = start_of(FIRST + timedelta(days=31)) + timedelta(hours=12)
    until = FIRST + timedelta(days=40)
    promise = Promise(promise_id="p", account_id="acc-1", amount=usd(10_000), promised_for=until, made_at=made, actor="x")
    bills = [("a", FIRST, 10_000)]
    broken = replay(POLICY, a_debt(bills, [], promises=[promise]), first=FIRST, last=FIRST + timedelta(days=50))
    after = [((step.day - FIRST).days, step.step) for step in broken if step.day > FIRST + timedelta(days=31)]
    assert after == [(32, "resume"), (32, "unrestrict"), (41, ENTER), (41, "suspend"), (41, "mail:suspended")]
    in_time = a_debt(bills, [("a", start_of(until) + timedelta(hours=20), 10_000)], promises=[promise])
    assert [step.step for step in replay(POLICY, in_time, first=FIRST + timedelta(days=33), last=FIRST + timedelta(days=90))] == []


def test_grace_days_put_everything_off() -> None:
    debt = a_debt([("a", FIRST, 10_000)], [])
    plain = replay(POLICY, debt, first=FIRST, last=FIRST + timedelta(days=100))
    later = replay(POLICY, debt, first=FIRST, last=FIRST + timedelta(days=105), grace_days=5)
    assert [(step.day + timedelta(days=5), step.step) for step in plain] == [(step.day, step.step) for step in later]


def test_a_what_if_says_which_steps_come_earlier_later_or_not_at_all() -> None:
    text = STANDARD.read_text().replace("days = 10\n", "days = 7\n").replace('"mail:last_warning", ', "")
    other = parse_policy(text.encode(), source="mine.toml", templates=templates())
    debt = a_debt([("a", FIRST, 10_000)], [])
    last = FIRST + timedelta(days=40)
    found = compare(replay(POLICY, debt, first=FIRST, last=last), replay(other, debt, first=FIRST, last=last))
    changes = {difference.step: difference.change for difference in found}
    assert changes == {
        "mail:last_warning": "only_active",
        "mail:reminder": "same",
        "mail:second_reminder": "earlier",
        "mail:suspended": "same",
        "restrict": "same",
        "suspend": "same",
    }
    assert other.content_hash != POLICY.content_hash


@hypothesis_settings(max_examples=400, deadline=None)
@given(debts(), st.integers(0, DAYS))
def test_ageing_adds_up_to_the_receivable(debt: AccountDebt, day: int) -> None:
    today = FIRST + timedelta(days=day)
    lines = [line for line in debt.lines if line.posted_at < start_of(today)]
    found = ageing(debt.documents, lines, today=today)
    assert sum(one.receivable.minor for one in found) == sum(line.amount.minor for line in lines)
    for one in found:
        assert one.buckets["credit"].minor <= 0 <= one.buckets["over_90"].minor


def a_try(code: str, at: datetime, card: str = "card") -> DeclinedTry:
    return DeclinedTry(at=at, code=code, payment_method_id=card)


MONDAY = datetime(2025, 6, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("codes", "hours"),
    [
        (["lost_card"], None),
        (["expired_card"], None),
        (["insufficient_funds"], 4 * 24),  # the Friday of that week
        (["processing_error"], 1),
        (["processing_error", "processing_error"], 6),
        (["processing_error"] * 6, None),
        (["generic_decline"], 24),
        (["generic_decline", "generic_decline"], 72),
        (["generic_decline"] * 8, None),
    ],
)
def test_the_next_try_depends_on_the_code(codes: list[str], hours: int | None) -> None:
    tries = [a_try(code, MONDAY) for code in codes]
    expected = None if hours is None else MONDAY + timedelta(hours=hours)
    assert next_retry(POLICY.retry, tries, payment_method_id="card") == expected


def test_another_card_is_charged_at_once_also_after_a_hard_decline() -> None:
    assert next_retry(POLICY.retry, [a_try("stolen_card", MONDAY)], payment_method_id="new") == MONDAY
    assert next_retry(POLICY.retry, [], payment_method_id="new") is None, "nobody tried to charge it: a push is a person's decision"


@given(st.integers(0, 800))
def test_a_smart_day_is_the_1st_the_15th_or_a_friday_and_never_right_after_the_last_try(hours: int) -> None:
    last = MONDAY + timedelta(hours=hours)
    at = next_retry(POLICY.retry, [a_try("insufficient_funds", last)], payment_method_id="card")
    assert at is not None
    assert timedelta(hours=36) <= at - last <= timedelta(days=9)
    assert at.weekday() == 4 or at.day in (1, 15)


GOOD = STANDARD.read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "standard"', "name = ", "mine.toml: not readable as TOML"),
        ('name = "standard"', "", "mine.toml: name: must be a text"),
        ('name = "standard"', 'name = "x"\ndelay = 3', "mine.toml: delay: unknown key"),
        ("\ndays = 30\n", "\ndais = 30\n", "state suspended: dais: unknown key"),
        ("\ndays = 30\n", "\ndays = 0\n", "state suspended: days: must be a whole number from 1"),
        ("\ndays = 30\n", "\ndays = 15\n", "state restricted: days: states stand worst first"),
        ('"suspend"', '"suspendd"', "state suspended: do: 'suspendd' is no step"),
        ("mail:suspended", "mail:sorry", "there is no mail template 'sorry'"),
        ("notice_days = 7", "notice_days = 0", "state suspended: notice_days: must be at least 1 where a state has suspend"),
        ('name = "warned"', 'name = "reminded"', "two states have one name"),
        ('EUR = "10.00"', "EUR = 10", "state suspended: amount.EUR: must be a currency and its amount"),
        ('EUR = "10.00"', 'EUR = "10.001"', "state suspended: amount.EUR"),
        ("never = true", "never = false", "retry rule 1: never: is true, or is left out"),
        ('on = [1, 15, "friday"]', 'on = [31, "friday"]', "retry rule 2: on: 31 is neither"),
        ("resumes = true", 'resumes = "yes"', "promises.resumes: is true or false"),
        ('limit_mail = "credit_limit"', 'limit_mail = "x"', "limits.limit_mail: there is no mail template"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_with_file_and_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        parse_policy(GOOD.replace(old, new, 1).encode(), source="mine.toml", templates=templates())
    assert message in str(caught.value)


def test_a_policy_that_suspends_unwarned_is_refused() -> None:
    states = ('name = "gone"\ndays = 2\nnotice_days = 1\ndo = ["suspend"]', 'name = "late"\ndays = 1\ndo = ["retry"]')
    text = 'name = "harsh"\n' + "".join(f"[[state]]\n{state}\n" for state in states)
    with pytest.raises(InputError, match="state gone: do: suspend needs a milder state with mail before it"):
        parse_policy(text.encode(), source="mine.toml", templates=templates())
