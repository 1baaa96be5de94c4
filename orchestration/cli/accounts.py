"""`account list|show|register|suspend|resume|close|history`, and an account's cards, members, contacts and projects."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.domain.accounts import AccountRow
from control.domain.lifecycle import AccountState, AccountType
from control.domain.members import Contact, ContactPurpose, Role
from control.domain.money import Money
from ingestion.catalog.cells import CellError, country, currency
from orchestration.cli.arguments import deployment
from orchestration.cli.output import Format, FormatOption, emit
from warehouse.errors import RefusedError

if TYPE_CHECKING:
    from control.domain.lifecycle import AccountChange
    from control.services.lifecycle import AccountView

ACCOUNT_COLUMNS = (
    "account_id", "name", "state", "account_type", "currency_code", "country_code", "tax_id", "email", "gateway", "payment_terms_days",
    "changed_at",
)  # fmt: skip
CHANGE_COLUMNS = ("account_id", "number", "from_state", "to_state", "reason", "actor", "changed_at")
CARD_COLUMNS = ("account_id", "gateway", "payment_method_id", "brand", "last4", "expires", "is_default")
MEMBER_COLUMNS = ("account_id", "email", "role", "added_by", "added_at")
CONTACT_COLUMNS = ("email", "name", "purpose")
PROJECT_COLUMNS = ("project_id", "account_id", "name", "created_at")

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="An account_id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; the account's history keeps it.")]
Actor = Annotated[str, typer.Option("--actor", help="Who does it; the account's history keeps it.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Billing accounts: their lives, cards, members and projects.", no_args_is_help=True)
    for name, verb in (
        ("list", list_accounts), ("show", show), ("register", register_account), ("suspend", suspend), ("resume", resume),
        ("close", close), ("history", history), ("cards", cards), ("save-card", save_card), ("default-card", default_card),
        ("remove-card", remove_card), ("members", members), ("set-member", set_member), ("remove-member", remove_member),
        ("contacts", contacts), ("set-contact", set_contact), ("remove-contact", remove_contact),
        ("projects", projects), ("create-project", create_project),
    ):  # fmt: skip
        group.command(name)(verb)
    app.add_typer(group, name="account")


def list_accounts(
    state: Annotated[AccountState | None, typer.Option("--state", help="Only accounts in this state.")] = None,
    output: FormatOption = None,
) -> None:
    """All accounts with their states."""
    from control.services import lifecycle  # noqa: PLC0415 - verbs import what they need when they run

    with deployment().control() as control:
        found = lifecycle.list_accounts(control, state)
    emit([_account_row(view) for view in found], ACCOUNT_COLUMNS, output)


def show(account_id: AccountId, output: FormatOption = None) -> None:
    """One account."""
    from control.services import lifecycle  # noqa: PLC0415

    with deployment().control() as control:
        view = lifecycle.show_account(control, account_id)
    emit([_account_row(view)], ACCOUNT_COLUMNS, output)


def register_account(
    account_id: AccountId,
    *,
    name: Annotated[str, typer.Option("--name", help="As the customer is called.")],
    currency_code: Annotated[str, typer.Option("--currency", help="ISO 4217; never changes.", parser=lambda text: _cell(currency, text))],
    country_code: Annotated[str, typer.Option("--country", help="ISO 3166, two letters.", parser=lambda text: _cell(country, text))],
    owner: Annotated[str, typer.Option("--owner", help="Email address of the first owner.")],
    actor: Actor = "operator",
    account_type: Annotated[AccountType, typer.Option("--type", help="Who the customer is before the law.")] = AccountType.INDIVIDUAL,
    tax_id: Annotated[str, typer.Option("--tax-id", help="Of a company; form and check digits are checked.")] = "",
    legal_name: Annotated[str, typer.Option("--legal-name", help="As it stands on invoices, where it differs.")] = "",
    address: Annotated[str, typer.Option("--address")] = "",
    postal_code: Annotated[str, typer.Option("--postal-code")] = "",
    city: Annotated[str, typer.Option("--city")] = "",
    gateway: Annotated[str, typer.Option("--gateway", help="stripe or adyen; empty: pays by bank transfer.")] = "",
    card: Annotated[str, typer.Option("--card", help="A gateway's token of a card.")] = "",
    payment_terms_days: Annotated[int, typer.Option("--payment-terms-days", min=0)] = 14,
    trial: Annotated[str, typer.Option("--trial", help="Amount of a trial's credit.")] = "",
    trial_days: Annotated[int, typer.Option("--trial-days", min=1)] = 30,
    output: FormatOption = None,
) -> None:
    """Register a customer: account, customer and card at the gateway, first state. Repeating it goes on where it stood."""
    from control.services import lifecycle  # noqa: PLC0415
    from control.services import register as service  # noqa: PLC0415

    account = AccountRow(
        account_id=account_id,
        name=name,
        currency_code=currency_code,
        country_code=country_code,
        tax_id=tax_id,
        email=owner,
        gateway=gateway,
        payment_terms_days=payment_terms_days,
        legal_name=legal_name,
        address=address,
        postal_code=postal_code,
        city=city,
    )
    given = service.Trial(amount=parse_money(trial, currency_code), days=trial_days) if trial else None
    wanted = service.Registration(account=account, account_type=account_type, owner_email=owner, card_token=card, trial=given)
    here = deployment()
    with here.control() as control:
        saga = service.register(control, wanted, actor=actor, now=here.settings.now())
        view = lifecycle.show_account(control, account_id)
    emit([_account_row(view)], ACCOUNT_COLUMNS, output)
    if saga.message:
        raise RefusedError(f"account {account_id} is {view.standing.state}, since its registration is {saga.status}: {saga.message}")


def suspend(account_id: AccountId, reason: Reason, actor: Actor = "operator", output: FormatOption = None) -> None:
    """Suspend an account; the cloud's services hear of it."""
    from control.services import lifecycle  # noqa: PLC0415

    here = deployment()
    with here.control() as control:
        change = lifecycle.suspend(control, account_id, reason=reason, actor=actor, now=here.settings.now())
    _show_change(change, output)


def resume(account_id: AccountId, reason: Reason, actor: Actor = "operator", output: FormatOption = None) -> None:
    """Let a suspended account go on, or keep one that was closing."""
    from control.services import lifecycle  # noqa: PLC0415

    here = deployment()
    with here.control() as control:
        change = lifecycle.resume(control, account_id, reason=reason, actor=actor, now=here.settings.now())
    _show_change(change, output)


def close(account_id: AccountId, reason: Reason, actor: Actor = "operator", output: FormatOption = None) -> None:
    """Close an account: closing at once, closed when its last documents are settled (`meterhouse work` goes on with it)."""
    from control.services import leave, lifecycle  # noqa: PLC0415

    here = deployment()
    with here.control() as control:
        leave.close_account(control, account_id, reason=reason, actor=actor, now=here.settings.now())
        changes = lifecycle.account_history(control, account_id)
    _show_change(changes[-1], output)


def history(account_id: AccountId, output: FormatOption = None) -> None:
    """All changes of an account's state: when, why, by whom."""
    from control.services import lifecycle  # noqa: PLC0415

    with deployment().control() as control:
        changes = lifecycle.account_history(control, account_id)
    emit([asdict(change) for change in changes], CHANGE_COLUMNS, output)


def cards(account_id: AccountId, output: FormatOption = None) -> None:
    """The saved cards of an account; `push` charges the default."""
    from control.services import payment_methods  # noqa: PLC0415

    with deployment().control() as control:
        found = payment_methods.list_methods(control, account_id)
    emit([asdict(method.card) | asdict(method) for method in found], CARD_COLUMNS, output)


def save_card(
    account_id: AccountId, token: Annotated[str, typer.Argument(help="A gateway's token of a card.")], output: FormatOption = None
) -> None:
    """Save a card and make it the default."""
    from control.services import payment_methods  # noqa: PLC0415

    here = deployment()
    with here.control() as control:
        payment_methods.save_card(control, account_id, token, now=here.settings.now())
    cards(account_id, output)


def default_card(account_id: AccountId, payment_method_id: str, output: FormatOption = None) -> None:
    """Let `push` charge another of the saved cards."""
    from control.services import payment_methods  # noqa: PLC0415

    with deployment().control() as control:
        payment_methods.set_default(control, account_id, payment_method_id)
    cards(account_id, output)


def remove_card(account_id: AccountId, payment_method_id: str, output: FormatOption = None) -> None:
    """Forget a card, here and at its gateway."""
    from control.services import payment_methods  # noqa: PLC0415

    with deployment().control() as control:
        payment_methods.remove_card(control, account_id, payment_method_id)
    cards(account_id, output)


def members(account_id: AccountId, output: FormatOption = None) -> None:
    """Who may do what with an account."""
    from control.services import members as service  # noqa: PLC0415

    with deployment().control() as control:
        found = service.list_members(control, account_id)
    emit([asdict(member) for member in found], MEMBER_COLUMNS, output)


def set_member(account_id: AccountId, email: str, role: Role, actor: Actor = "operator", output: FormatOption = None) -> None:
    """Add a member, or give one another role."""
    from control.services import members as service  # noqa: PLC0415

    here = deployment()
    with here.control() as control:
        service.set_member(control, account_id, email, role, actor=actor, now=here.settings.now())
    members(account_id, output)


def remove_member(account_id: AccountId, email: str, output: FormatOption = None) -> None:
    """Take a member out; the last owner stays."""
    from control.services import members as service  # noqa: PLC0415

    with deployment().control() as control:
        service.remove_member(control, account_id, email)
    members(account_id, output)


def contacts(account_id: AccountId, output: FormatOption = None) -> None:
    """Whom to write to about an account, beside its own address."""
    from control.services import members as service  # noqa: PLC0415

    with deployment().control() as control:
        found = service.list_contacts(control, account_id)
    emit([asdict(contact) for contact in found], CONTACT_COLUMNS, output)


def set_contact(
    account_id: AccountId,
    email: str,
    purpose: Annotated[ContactPurpose, typer.Argument(help="What they are written to about.")] = ContactPurpose.BILLING,
    name: Annotated[str, typer.Option("--name", help="As the person is called.")] = "",
    output: FormatOption = None,
) -> None:
    """Add a contact, or change one. An address is written to about one purpose."""
    from control.services import members as service  # noqa: PLC0415

    with deployment().control() as control:
        service.set_contact(control, account_id, Contact(email=email, name=name, purpose=purpose))
    contacts(account_id, output)


def remove_contact(account_id: AccountId, email: str, output: FormatOption = None) -> None:
    """Write to an address no more."""
    from control.services import members as service  # noqa: PLC0415

    with deployment().control() as control:
        service.remove_contact(control, account_id, email)
    contacts(account_id, output)


def projects(account_id: AccountId, output: FormatOption = None) -> None:
    """The projects of an account."""
    from control.services import members as service  # noqa: PLC0415

    with deployment().control() as control:
        found = service.list_projects(control, account_id)
    emit([asdict(project) for project in found], PROJECT_COLUMNS, output)


def create_project(
    account_id: AccountId, project_id: str, name: Annotated[str, typer.Option("--name")] = "", output: FormatOption = None
) -> None:
    """Make a project."""
    from control.services import members as service  # noqa: PLC0415

    here = deployment()
    with here.control() as control:
        service.create_project(control, account_id, project_id, name=name, now=here.settings.now())
    projects(account_id, output)


def parse_money(text: str, currency_code: str) -> Money:
    """An amount in major units that the currency can hold."""
    try:
        return Money.from_decimal(Decimal(text), currency_code)
    except (InvalidOperation, ValueError) as error:
        raise typer.BadParameter(f"{text!r} is no amount of {currency_code}: {error}") from None


def _cell(parse: Any, text: str) -> str:  # noqa: ANN401 - a parser of catalog cells
    try:
        value: str = parse(text)
    except CellError as error:
        raise typer.BadParameter(str(error)) from None
    return value


def _show_change(change: AccountChange | None, output: Format | None) -> None:
    """One change, or nothing where the account was there already."""
    emit([asdict(change)] if change else [], CHANGE_COLUMNS, output)


def _account_row(view: AccountView) -> dict[str, Any]:
    changed_at: datetime = view.standing.changed_at
    return asdict(view.account) | {
        "state": view.standing.state,
        "account_type": view.standing.account_type,
        "changed_at": changed_at,
    }
