"""Saves the card that push charges. Card data never comes here: only a gateway's token goes in, only its ids are kept."""

from __future__ import annotations

from sqlalchemy import Connection, update

from control.bootstrap import Control
from control.ports import Declined, Refused, SavedCard
from control.services.customers import ensure_customer, load_account, short_hash, with_new_key_after_fault
from control.store.tables import gateway_customers
from warehouse.errors import RefusedError


def save_card(control: Control, account_id: str, token: str) -> SavedCard:
    """Attach the card behind a gateway's token to the account; later pushes charge it. Replaces the card before it.

    Args:
        control: knows the account and its gateway.
        account_id: of an account with a gateway.
        token: from the gateway's own form; at Stripe a payment method such as `pm_card_visa`.

    Raises:
        InputError: no such account.
        RefusedError: the account has no gateway, or the card was declined.
        GatewayUnavailableError, GatewayFaultError, GatewayRefusedError: as of the gateway; repeat it.
    """
    with control.store.reading() as connection:
        account = load_account(connection, account_id)
    if not account.gateway:
        raise RefusedError(f"account {account_id} has no gateway; name one in its catalog row before saving a card")
    gateway = control.gateway(account.gateway)
    customer = ensure_customer(control, gateway, account)
    saved = with_new_key_after_fault(
        lambda key: gateway.save_card(customer.customer_id, token, key=key), key=f"card-{short_hash(customer.customer_id, token)}"
    )
    match saved:
        case Declined(code=code, message=message):
            raise RefusedError(f"the card of account {account_id} was declined ({code}): {message}")
        case Refused(reason=reason):
            raise RefusedError(f"the card of account {account_id} was refused: {reason}")
    _store(control, account_id, gateway.name, saved)
    return saved


def _store(control: Control, account_id: str, gateway: str, card: SavedCard) -> None:
    def work(connection: Connection) -> None:
        mine = update(gateway_customers).where(gateway_customers.c.account_id == account_id, gateway_customers.c.gateway == gateway)
        connection.execute(
            mine.values(
                payment_method_id=card.payment_method_id,
                card_brand=card.brand,
                card_last4=card.last4,
                card_expires=card.expires,
            )
        )

    control.store.transact(work)
