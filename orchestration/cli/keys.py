"""`key create|list|rotate|revoke`: who may use the HTTP doors."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.domain.api_keys import ACCOUNT_SCOPES, EVENTS_WRITE, SCOPES, WHOLE_DEPLOYMENT
from control.services.api_keys import create_key, list_keys, revoke_key, rotate_key
from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit

if TYPE_CHECKING:
    from control.domain.api_keys import ApiKey

COLUMNS = ("key_id", "name", "account_id", "scopes", "created_at", "last_used_at", "previous_until", "revoked_at")

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="As `key list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="API keys of event producers and programs.", no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(show)
    group.command("rotate")(rotate)
    group.command("revoke")(revoke)
    app.add_typer(group, name="key")


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the producer or program that will hold the key.")],
    scope: Annotated[list[str] | None, typer.Option("--scope", help=f"What it may do: {', '.join(SCOPES)}. Repeatable.")] = None,
    account_id: Annotated[str, typer.Option("--account", help="The only account that it reaches; default: all.")] = WHOLE_DEPLOYMENT,
    output: FormatOption = None,
) -> None:
    """Make a key and print it, this once: only a hash of it is kept. Without --scope: for events, or all that an account's key may."""
    here = deployment()
    with here.control() as control:
        scopes = scope or ([EVENTS_WRITE] if account_id == WHOLE_DEPLOYMENT else ACCOUNT_SCOPES)
        key, token = create_key(control, name, scopes=scopes, now=here.settings.now(), account_id=account_id)
    emit([_row(key) | {"key": token}], ("key", *COLUMNS), output)


def show(output: FormatOption = None) -> None:
    """All keys by id; none can be read back."""
    with deployment().control() as control:
        keys = list_keys(control)
    emit([_row(key) for key in keys], COLUMNS, output)


def rotate(
    key_id: KeyId,
    grace_hours: Annotated[int, typer.Option("--grace-hours", min=0, max=720, help="How long the old secret is still good.")] = 24,
    output: FormatOption = None,
) -> None:
    """Give a key a new secret and print it, this once."""
    here = deployment()
    with here.control() as control:
        key, token = rotate_key(control, key_id, now=here.settings.now(), grace=timedelta(hours=grace_hours))
    emit([_row(key) | {"key": token}], ("key", *COLUMNS), output)


def revoke(
    key_id: KeyId,
    output: FormatOption = None,
) -> None:
    """End a key and the access tokens made from it. The door for events refuses it within seconds, everything else at once."""
    here = deployment()
    with here.control() as control:
        key = revoke_key(control, key_id, now=here.settings.now())
    emit([_row(key)], COLUMNS, output)


def _row(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in COLUMNS} | {"scopes": " ".join(key.scopes)}
