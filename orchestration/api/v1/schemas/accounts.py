"""Accounts, their members, projects, credits and budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from control.domain.accounts import BudgetRow
from control.domain.lifecycle import AccountChange, AccountState, AccountType
from control.domain.members import Member, Project, Role
from control.services.lifecycle import AccountView
from control.services.parts import AccountCredit
from orchestration.api.v1.schemas.fields import (
    CurrencyCode,
    DecimalText,
    Email,
    Identifier,
    Instant,
    PositiveText,
    Reason,
    Schema,
    Words,
    decimal_text,
)

CountryCode = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
Percent = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}(\.[0-9]{1,2})?$")]
Gateway = Literal["stripe", "adyen", ""]


class Account(Schema):
    """A billing account and where it stands."""

    account_id: str
    name: str
    state: AccountState
    account_type: AccountType
    currency_code: str
    country_code: str
    tax_id: str
    is_tax_exempt: bool
    email: str
    gateway: str = Field(description="Who charges its cards; empty: it pays by bank transfer.")
    payment_terms_days: int
    legal_name: str
    address: str
    postal_code: str
    city: str
    changed_at: Instant = Field(description="When its state last changed.")

    @classmethod
    def of(cls, view: AccountView) -> Account:
        """As shown."""
        standing = view.standing
        return cls(**vars(view.account), state=standing.state, account_type=standing.account_type, changed_at=standing.changed_at)


class NewAccount(Schema):
    """Who wants to become a customer."""

    account_id: Identifier
    name: Reason
    account_type: AccountType = AccountType.COMPANY
    currency_code: CurrencyCode
    country_code: CountryCode
    owner_email: Email
    tax_id: Annotated[str, StringConstraints(pattern="^[A-Za-z0-9 .-]{0,30}$")] = ""
    email: Email | Literal[""] = ""
    gateway: Gateway = ""
    payment_terms_days: Annotated[int, Field(ge=0, le=365)] = 14
    legal_name: Words = ""
    address: Words = ""
    postal_code: Words = ""
    city: Words = ""
    card_token: Annotated[str, StringConstraints(pattern="^[\\x21-\\x7e]{0,255}$")] = Field(
        default="", description="From the gateway's own form; card numbers never come here."
    )


class StateChange(Schema):
    """A change of an account's state."""

    account_id: str
    number: int
    from_state: str
    to_state: AccountState
    reason: str
    actor: str
    changed_at: Instant

    @classmethod
    def of(cls, change: AccountChange) -> StateChange:
        """As shown."""
        return cls(**vars(change))


class Because(Schema):
    """Why an account is moved; its history keeps it."""

    reason: Reason


class AccountMember(Schema):
    """A person with a role in an account."""

    account_id: str
    email: str
    role: Role
    added_by: str
    added_at: Instant

    @classmethod
    def of(cls, member: Member) -> AccountMember:
        """As shown."""
        return cls(**vars(member))


class MemberRole(Schema):
    """What a member may do."""

    role: Role


class AccountProject(Schema):
    """A part of an account that usage is told apart by."""

    project_id: str
    account_id: str
    name: str
    created_at: Instant

    @classmethod
    def of(cls, project: Project) -> AccountProject:
        """As shown."""
        return cls(**vars(project))


class NewProject(Schema):
    """A project to be made."""

    project_id: Identifier
    name: Words = ""


class Credit(Schema):
    """Money an account may use up instead of paying, on months that overlap `[valid_from, valid_to)`."""

    credit_id: str
    account_id: str
    amount: DecimalText
    used_amount: DecimalText
    currency_code: str
    valid_from: Instant
    valid_to: Instant

    @classmethod
    def of(cls, credit: AccountCredit) -> Credit:
        """As shown."""
        return cls(
            credit_id=credit.credit_id,
            account_id=credit.account_id,
            amount=f"{credit.amount.amount:f}",
            used_amount=f"{credit.used.amount:f}",
            currency_code=credit.amount.currency_code,
            valid_from=credit.valid_from,
            valid_to=credit.valid_to,
        )


class NewCredit(Schema):
    """A credit to be given, in the account's currency."""

    credit_id: Identifier
    amount: PositiveText
    valid_from: Instant | None = None
    valid_to: Instant | None = Field(default=None, description="It never ends where not given.")


class Budget(Schema):
    """What an account wants to be warned about. It never stops usage or changes an amount."""

    budget_id: str
    account_id: str
    scope_type: str
    scope_value: str
    amount: DecimalText
    currency_code: str
    thresholds: list[DecimalText] = Field(description="Percents of the amount.")

    @classmethod
    def of(cls, budget: BudgetRow) -> Budget:
        """As shown."""
        texts = {"amount": f"{budget.amount:f}", "thresholds": [decimal_text(each) for each in budget.thresholds]}
        return cls(**(vars(budget) | texts))


class BudgetTerms(Schema):
    """What a budget is about."""

    scope_type: Literal["sku", "service", "project", "all"] = "all"
    scope_value: Words = Field(default="", description="The sku_id, service or project_id; empty for all.")
    amount: PositiveText
    thresholds: Annotated[tuple[Percent, ...], Field(max_length=20)] = ()

    def row(self, budget_id: str, account_id: str, currency_code: str) -> BudgetRow:
        """As it is kept, in the account's currency."""
        return BudgetRow(
            budget_id=budget_id,
            account_id=account_id,
            scope_type=self.scope_type,
            scope_value=self.scope_value,
            amount=Decimal(self.amount),
            currency_code=currency_code,
            thresholds=tuple(sorted({Decimal(each) for each in self.thresholds})),
        )
