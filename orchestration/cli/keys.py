"""`key create|list|revoke`: who may use the HTTP doors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.domain.api_keys import EVENTS_WRITE, SCOPES
from control.services.api_keys import create_key, list_keys, revoke_key
from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit

if TYPE_CHECKING:
    from control.domain.api_keys import ApiKey

COLUMNS = ("key_id", "name", "scopes", "created_at", "revoked_at")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="API keys of event producers and programs.", no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(show)
    group.command("revoke")(revoke)
    app.add_typer(group, name="key")


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the producer or program that will hold the key.")],
    scope: Annotated[list[str] | None, typer.Option("--scope", help=f"What it may do: {', '.join(SCOPES)}. Repeatable.")] = None,
    output: FormatOption = None,
) -> None:
    """Make a key and print it, this once: only a hash of it is kept."""
    here = deployment()
    with here.control() as control:
        key, token = create_key(control, name, scopes=scope or [EVENTS_WRITE], now=here.settings.now())
    emit([_row(key) | {"key": token}], ("key", *COLUMNS), output)


def show(output: FormatOption = None) -> None:
    """All keys by id; none can be read back."""
    with deployment().control() as control:
        keys = list_keys(control)
    emit([_row(key) for key in keys], COLUMNS, output)


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As `key list` shows it.")],
    output: FormatOption = None,
) -> None:
    """End a key. Running doors refuse it within seconds."""
    here = deployment()
    with here.control() as control:
        key = revoke_key(control, key_id, now=here.settings.now())
    emit([_row(key)], COLUMNS, output)


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": " ".join(key.scopes),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }
