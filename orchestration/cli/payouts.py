"""`payout list|export|paid|cancel`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.domain.payouts import PayoutStatus
from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse
from warehouse.errors import InputError

if TYPE_CHECKING:
    from control.domain.payouts import Payout

PAYOUT_COLUMNS = (
    "payout_id", "status", "currency_code", "amount", "payee", "iban", "bank_account", "remittance", "export_id", "entry_id", "message",
)  # fmt: skip

PayoutId = Annotated[str, typer.Argument(metavar="PAYOUT", help="A payout_id: that of its refund.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Refunds of bank transfers, which we transfer ourselves.", no_args_is_help=True)
    for name, verb in (("list", list_payouts), ("export", export), ("paid", paid), ("cancel", cancel)):
        group.command(name)(verb)
    app.add_typer(group, name="payout")


def list_payouts(
    status: Annotated[PayoutStatus | None, typer.Option("--status", help="Only those that stand so.")] = None, output: FormatOption = None
) -> None:
    """All pay-outs, oldest first."""
    from control.services.payouts import list_payouts as service

    with deployment().control() as control:
        found = service(control, status)
    _show(found, output)


def export(
    out: Annotated[Path, typer.Option("--out", help="File for online banking: ISO 20022 pain.001.001.09.")],
    again: Annotated[str, typer.Option("--again", metavar="EXPORT", help="Write an earlier export once more.")] = "",
    output: FormatOption = None,
) -> None:
    """Write all pay-outs that wait into one message for the bank. None of them is ever in another one."""
    from control.services.payouts import export_again, export_payouts

    here = deployment()
    with here.control() as control:
        made = export_again(control, again) if again else export_payouts(control, now=here.settings.now())
    if made is None:
        print("meterhouse: no pay-out waits; nothing was written", file=sys.stderr)
        _show([], output)
        return
    try:
        out.write_bytes(made.content)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}; repeat with --again {made.export_id}") from None
    _show(made.payouts, output)


def paid(
    payout_id: PayoutId,
    reference: Annotated[str, typer.Option("--reference", help="The bank's reference of the transfer.")],
    output: FormatOption = None,
) -> None:
    """Say that the money left, where no statement will show it: the refund note is issued."""
    from control.services.payouts import mark_paid
    from control.services.publish import publish

    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        mark_paid(control, payout_id, reference=reference, now=here.settings.now())
        publish(control, client, here.settings)
    _show_one(payout_id, output)


def cancel(
    payout_id: PayoutId,
    reason: Annotated[str, typer.Option("--reason", help="Stands on the refund.")],
    is_rejected: Annotated[bool, typer.Option("--rejected", help="The bank rejected the exported transfer.")] = False,
    output: FormatOption = None,
) -> None:
    """Give a pay-out up: its refund fails, and no note is issued."""
    from control.services.payouts import cancel as service
    from control.services.publish import publish

    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        service(control, payout_id, reason=reason, is_rejected=is_rejected, now=here.settings.now())
        publish(control, client, here.settings)
    _show_one(payout_id, output)


def _show_one(payout_id: str, output: FormatOption) -> None:
    from control.services.payouts import list_payouts as service

    with deployment().control() as control:
        _show([payout for payout in service(control) if payout.payout_id == payout_id], output)


def _show(found: Sequence[Payout], output: FormatOption) -> None:
    rows = [
        {
            "payout_id": payout.payout_id,
            "status": payout.status,
            "currency_code": payout.amount.currency_code,
            "amount": payout.amount.amount,
            "payee": payout.payee.name,
            "iban": payout.payee.account,
            "bank_account": payout.bank_account,
            "remittance": payout.remittance,
            "export_id": payout.export_id,
            "entry_id": payout.entry_id,
            "message": payout.message,
        }
        for payout in found
    ]
    emit(rows, PAYOUT_COLUMNS, output)
