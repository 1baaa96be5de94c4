"""`/v1/accounts`: accounts through their lives, with members and projects."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query

from control.domain.accounts import AccountRow
from control.domain.lifecycle import AccountState
from control.services import lifecycle, members
from control.services.leave import close_account
from control.services.parts import page_of_accounts
from control.services.register import Registration, register
from orchestration.api.v1.gate import CallOf, Resource
from orchestration.api.v1.paging import Page, PagingOf
from orchestration.api.v1.problems import NotFoundError
from orchestration.api.v1.schemas.accounts import (
    Account,
    AccountMember,
    AccountProject,
    Because,
    MemberRole,
    NewAccount,
    NewProject,
    StateChange,
)
from orchestration.api.v1.schemas.fields import Email

router = Resource("accounts")

AccountId = Annotated[str, Path(description="The account.")]


@router.reads("/accounts", scope="accounts:read")
def list_accounts(
    call: CallOf,
    paging: PagingOf,
    account_id: Annotated[str | None, Query(description="Only this account.")] = None,
    state: AccountState | None = None,
) -> Page[Account]:
    """The accounts that the key reaches, by id."""
    question = ["accounts", account_id, state]
    (after,) = paging.after(question, width=1) or [""]
    found = page_of_accounts(call.control, account_id=account_id or call.grant.account_id, state=state, after=after, limit=paging.limit + 1)
    items = [Account.of(view) for view in found]
    return Page(**paging.page(items, [[item.account_id] for item in items], question))


@router.writes("POST", "/accounts", scope="accounts:admin", staff_only=True, status_code=201)
def register_account(call: CallOf, body: NewAccount) -> Account:
    """Register a customer. Where the gateway does not answer, it stays `new` until the next `meterhouse work`."""
    call.about(body.account_id)
    values = body.model_dump(exclude={"account_type", "owner_email", "card_token"})
    wanted = Registration(
        account=AccountRow(**values), account_type=body.account_type, owner_email=body.owner_email, card_token=body.card_token
    )
    register(call.control, wanted, actor=call.actor, now=call.now)
    return Account.of(lifecycle.show_account(call.control, body.account_id))


@router.reads("/accounts/{account_id}", scope="accounts:read")
def show_account(call: CallOf, account_id: AccountId) -> Account:
    """One account."""
    return Account.of(lifecycle.show_account(call.control, account_id))


@router.reads("/accounts/{account_id}/history", scope="accounts:read")
def account_history(call: CallOf, account_id: AccountId, paging: PagingOf) -> Page[StateChange]:
    """All changes of an account's state, oldest first."""
    question = ["history", account_id]
    found = lifecycle.account_history(call.control, account_id)
    return Page(**_numbered(paging, [StateChange.of(change) for change in found], question))


@router.writes("POST", "/accounts/{account_id}/suspend", scope="accounts:admin", staff_only=True)
def suspend_account(call: CallOf, account_id: AccountId, body: Because) -> Account:
    """Suspend an account: the cloud's services stop what it runs when they hear of it."""
    lifecycle.suspend(call.control, account_id, reason=body.reason, actor=call.actor, now=call.now)
    return Account.of(lifecycle.show_account(call.control, account_id))


@router.writes("POST", "/accounts/{account_id}/resume", scope="accounts:admin", staff_only=True)
def resume_account(call: CallOf, account_id: AccountId, body: Because) -> Account:
    """Take a suspension back."""
    lifecycle.resume(call.control, account_id, reason=body.reason, actor=call.actor, now=call.now)
    return Account.of(lifecycle.show_account(call.control, account_id))


@router.writes("POST", "/accounts/{account_id}/close", scope="accounts:write")
def close(call: CallOf, account_id: AccountId, body: Because) -> Account:
    """Begin to close an account. It is closed when its last month is, and all its documents are settled."""
    close_account(call.control, account_id, reason=body.reason, actor=call.actor, now=call.now)
    return Account.of(lifecycle.show_account(call.control, account_id))


@router.reads("/accounts/{account_id}/members", scope="accounts:read")
def list_members(call: CallOf, account_id: AccountId, paging: PagingOf) -> Page[AccountMember]:
    """The members of an account by address."""
    items = [AccountMember.of(member) for member in members.list_members(call.control, account_id)]
    return Page(**_named(paging, items, "email", ["members", account_id]))


@router.writes("PUT", "/accounts/{account_id}/members/{email}", scope="accounts:write")
def set_member(call: CallOf, account_id: AccountId, email: Email, body: MemberRole) -> AccountMember:
    """Add a member, or give one another role. An account that has members always has an owner."""
    return AccountMember.of(members.set_member(call.control, account_id, email, body.role, actor=call.actor, now=call.now))


@router.writes("DELETE", "/accounts/{account_id}/members/{email}", scope="accounts:write", status_code=204)
def remove_member(call: CallOf, account_id: AccountId, email: Email) -> None:
    """Take a member out."""
    if all(member.email != email.lower() for member in members.list_members(call.control, account_id)):
        raise NotFoundError("such member")
    members.remove_member(call.control, account_id, email)


@router.reads("/accounts/{account_id}/projects", scope="accounts:read")
def list_projects(call: CallOf, account_id: AccountId, paging: PagingOf) -> Page[AccountProject]:
    """The projects of an account by id."""
    items = [AccountProject.of(project) for project in members.list_projects(call.control, account_id)]
    return Page(**_named(paging, items, "project_id", ["projects", account_id]))


@router.writes("POST", "/accounts/{account_id}/projects", scope="accounts:write", status_code=201)
def create_project(call: CallOf, account_id: AccountId, body: NewProject) -> AccountProject:
    """Make a project. One that the account has already stays as it is."""
    return AccountProject.of(members.create_project(call.control, account_id, body.project_id, name=body.name, now=call.now))


def _named(paging: PagingOf, items: list[Any], key: str, question: object) -> dict[str, Any]:
    """A page of a short list that is in the order of a text."""
    (after,) = paging.after(question, width=1) or [""]
    left = [item for item in items if getattr(item, key) > after]
    return paging.page(left, [[getattr(item, key)] for item in left], question)


def _numbered(paging: PagingOf, items: list[StateChange], question: object) -> dict[str, Any]:
    (after,) = paging.after(question, width=1) or ["0"]
    left = [item for item in items if str(item.number).rjust(10) > after.rjust(10)]
    return paging.page(left, [[str(item.number)] for item in left], question)
