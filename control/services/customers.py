"""Makes an account known to its gateway, once, and remembers who it is there."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, insert, select

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.ports import Customer, GatewayFaultError, PaymentGateway
from control.store.payments import GatewayCustomer, find_customer
from control.store.tables import accounts, deployment, gateway_customers
from warehouse.errors import InputError

T = TypeVar("T")


def load_account(connection: Connection, account_id: str) -> AccountRow:
    """One account.

    Raises:
        InputError: there is none of that id.
    """
    columns = [column for column in accounts.c if column.name != "revision"]
    row = connection.execute(select(*columns).where(accounts.c.account_id == account_id)).mappings().one_or_none()
    if row is None:
        raise InputError(f"account {account_id!r} does not exist; apply a catalog that has it")
    return AccountRow(**row)


def ensure_customer(control: Control, gateway: PaymentGateway, account: AccountRow) -> GatewayCustomer:
    """Who the account is at the gateway, made there if needed.

    Safe to repeat after a crash: the reference, and so the key, is the same each time, and differs between deployments that
    share the gateway account.

    Raises:
        GatewayUnavailableError, GatewayFaultError, GatewayRefusedError: as of the gateway.
    """
    with control.store.reading() as connection:
        known = find_customer(connection, account.account_id, gateway.name)
        deployment_id: str = connection.execute(select(deployment.c.deployment_id)).scalar_one()
    if known is not None:
        return known
    reference = f"{deployment_id}/{account.account_id}"
    customer = Customer(
        reference=reference,
        account_id=account.account_id,
        name=account.legal_name or account.name,
        email=account.email,
        country_code=account.country_code,
        address=account.address,
        postal_code=account.postal_code,
        city=account.city,
    )
    customer_id = with_new_key_after_fault(lambda key: gateway.ensure_customer(customer, key=key), key=f"customer-{short_hash(reference)}")

    def work(connection: Connection) -> GatewayCustomer:
        stored = find_customer(connection, account.account_id, gateway.name)
        if stored is not None:
            return stored
        row = {
            "account_id": account.account_id,
            "gateway": gateway.name,
            "gateway_customer_id": customer_id,
            "payment_method_id": "",
            "card_brand": "",
            "card_last4": "",
            "card_expires": "",
        }
        connection.execute(insert(gateway_customers), row)
        return GatewayCustomer(customer_id=customer_id, payment_method_id="")

    return control.store.transact(work)


def with_new_key_after_fault(call: Callable[[str], T], *, key: str) -> T:
    """Call with the key; where the gateway broke, once more with a new one, since it would repeat its error for a day.

    Only for calls that look before they make anything, or whose repetition costs nobody money.
    """
    try:
        return call(key)
    except GatewayFaultError:
        return call(f"{key}-{uuid.uuid4().hex[:8]}")


def short_hash(*parts: str) -> str:
    """32 hexadecimal digits that stand for any texts within a key's 64 characters."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
