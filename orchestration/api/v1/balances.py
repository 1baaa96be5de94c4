"""`/v1/accounts/{account_id}/credits` and `/budgets`: what reduces an account's bills, and what it wants to be warned about."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import Path

from control.domain.accounts import UNBOUNDED_FROM, UNBOUNDED_TO, CreditRow
from control.services.accounts import upsert_budgets, upsert_credits
from control.services.lifecycle import show_account
from control.services.parts import AccountCredit, find_credit, owner_of_budget, page_of_budgets, page_of_credits
from orchestration.api.v1.accounts import AccountId
from orchestration.api.v1.gate import CallOf, Resource
from orchestration.api.v1.paging import Page, PagingOf
from orchestration.api.v1.schemas.accounts import Budget, BudgetTerms, Credit, NewCredit
from orchestration.api.v1.schemas.fields import Identifier
from warehouse.errors import RefusedError

router = Resource("credits and budgets")

BudgetId = Annotated[Identifier, Path(description="Of your own; one that is there already is changed.")]


@router.reads("/accounts/{account_id}/credits", scope="accounts:read")
def list_credits(call: CallOf, account_id: AccountId, paging: PagingOf) -> Page[Credit]:
    """The credits of an account by id, used up ones included."""
    question = ["credits", account_id]
    (after,) = paging.after(question, width=1) or [""]
    items = [Credit.of(each) for each in page_of_credits(call.control, account_id, after=after, limit=paging.limit + 1)]
    return Page(**paging.page(items, [[item.credit_id] for item in items], question))


@router.writes("POST", "/accounts/{account_id}/credits", scope="accounts:admin", staff_only=True, status_code=201)
def give_credit(call: CallOf, account_id: AccountId, body: NewCredit) -> Credit:
    """Give an account a credit. One of the same id and content changes nothing; of other content, it is refused."""
    account = show_account(call.control, account_id).account
    row = CreditRow(
        credit_id=body.credit_id,
        account_id=account_id,
        amount=Decimal(body.amount),
        currency_code=account.currency_code,
        valid_from=body.valid_from or UNBOUNDED_FROM,
        valid_to=body.valid_to or UNBOUNDED_TO,
    )
    if row.valid_from >= row.valid_to:
        raise RefusedError(f"credit {row.credit_id} would end before it begins")
    known = find_credit(call.control, row.credit_id)
    if known is not None and not _is_same(known, row):
        raise RefusedError(f"there is another credit {row.credit_id}; give this one an id of its own")
    upsert_credits(call.control, [row])
    given = find_credit(call.control, row.credit_id)
    if given is None:
        raise RefusedError(f"credit {row.credit_id} was taken away meanwhile")
    return Credit.of(given)


@router.reads("/accounts/{account_id}/budgets", scope="accounts:read")
def list_budgets(call: CallOf, account_id: AccountId, paging: PagingOf) -> Page[Budget]:
    """The budgets of an account by id."""
    question = ["budgets", account_id]
    (after,) = paging.after(question, width=1) or [""]
    items = [Budget.of(each) for each in page_of_budgets(call.control, account_id, after=after, limit=paging.limit + 1)]
    return Page(**paging.page(items, [[item.budget_id] for item in items], question))


@router.writes("PUT", "/accounts/{account_id}/budgets/{budget_id}", scope="accounts:write")
def set_budget(call: CallOf, account_id: AccountId, budget_id: BudgetId, body: BudgetTerms) -> Budget:
    """Make a budget in the account's currency, or change one."""
    account = show_account(call.control, account_id).account
    if owner_of_budget(call.control, budget_id) not in ("", account_id):
        raise RefusedError(f"the budget id {budget_id} is taken; choose another")
    row = body.row(budget_id, account_id, account.currency_code)
    upsert_budgets(call.control, [row])
    return Budget.of(row)


def _is_same(known: AccountCredit, row: CreditRow) -> bool:
    before = (known.account_id, known.amount.amount, known.valid_from, known.valid_to)
    return before == (row.account_id, row.amount, row.valid_from, row.valid_to)
