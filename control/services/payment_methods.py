"""The cards of an account: saved, chosen, forgotten, and reminded of before they expire.

Card data never comes here: only a gateway's token goes in, only its ids are kept. The default is the card that push charges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, insert, select, update

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.domain.periods import Period
from control.ports import BindingRequest, Declined, PaymentGateway, Refused, SavedCard, StartedBinding
from control.services.customers import ensure_customer, load_account, short_hash, with_new_key_after_fault
from control.services.fraud import check_may_bind, new_attempt_id, screen_card
from control.store import outbox, payments
from control.store.fraud import CardAttempt, add_attempt
from control.store.outbox import Message
from control.store.payments import GatewayCustomer
from control.store.tables import gateway_customers, payment_methods
from warehouse.errors import InputError, RefusedError

SAVED, REMOVED = "saved", "removed"


@dataclass(frozen=True, kw_only=True)
class PaymentMethod:
    """A card that is kept for an account at its gateway."""

    account_id: str
    gateway: str
    card: SavedCard
    is_default: bool


def save_card(control: Control, account_id: str, token: str, *, now: datetime | None = None) -> SavedCard:
    """Attach the card behind a gateway's token to the account and make it the default.

    Args:
        control: knows the account and its gateway.
        account_id: of an account with a gateway.
        token: from the gateway's own form; at Stripe a payment method such as `pm_card_visa`.
        now: when it was saved; default: the wall clock.

    Raises:
        InputError: no such account.
        RefusedError: the account has no gateway, the card was declined, or the account is held for suspected fraud.
        GatewayUnavailableError, GatewayFaultError, GatewayRefusedError: as of the gateway; repeat it.
    """
    account, gateway = _account_with_gateway(control, account_id)
    tried_at = now or datetime.now(UTC)
    check_may_bind(control, account_id, now=tried_at)
    customer = ensure_customer(control, gateway, account)
    attempt = CardAttempt(attempt_id=new_attempt_id(), account_id=account_id, gateway=gateway.name, tried_at=tried_at)
    saved = with_new_key_after_fault(
        lambda key: gateway.save_card(customer.customer_id, token, key=key), key=f"card-{short_hash(customer.customer_id, token)}"
    )
    match saved:
        case Declined(code=code, message=message):
            screen_card(control, replace(attempt, code=code))
            raise RefusedError(f"the card of account {account_id} was declined ({code}): {message}")
        case Refused(reason=reason):
            raise RefusedError(f"the card of account {account_id} was refused: {reason}")
    control.store.transact(lambda connection: keep(connection, account_id, gateway.name, saved, now=tried_at))
    screen_card(control, replace(attempt, attempt_id=attempt_id_of(gateway.name, saved), card=saved))
    return saved


def start_binding(control: Control, account_id: str, *, binding_id: str, return_url: str) -> StartedBinding:
    """Begin to bind a card in the browser, where its holder authenticates (3-D Secure). Its end comes as an event.

    Args:
        control: knows the account and its gateway.
        account_id: of an account with a gateway.
        binding_id: ours; repeating it gives the same binding.
        return_url: page of ours where the holder comes back to.

    Raises:
        InputError, RefusedError, GatewayUnavailableError, GatewayFaultError, GatewayRefusedError: as save_card.
    """
    account, gateway = _account_with_gateway(control, account_id)
    check_may_bind(control, account_id, now=datetime.now(UTC))
    customer = ensure_customer(control, gateway, account)
    request = BindingRequest(
        binding_id=binding_id, customer_id=customer.customer_id, return_url=return_url, country_code=account.country_code
    )
    return gateway.start_binding(request, key=f"bind-{short_hash(customer.customer_id, binding_id)}")


def list_methods(control: Control, account_id: str) -> list[PaymentMethod]:
    """The cards of an account, the latest first."""
    with control.store.reading() as connection:
        load_account(connection, account_id)
        return _methods(connection, account_id)


def set_default(control: Control, account_id: str, payment_method_id: str) -> PaymentMethod:
    """Let push charge another of the saved cards.

    Raises:
        InputError: it is no saved card of the account.
    """

    def work(connection: Connection) -> PaymentMethod:
        method = _method(connection, account_id, payment_method_id)
        _make_default(connection, account_id, method.gateway, method.card)
        return _method(connection, account_id, payment_method_id)

    return control.store.transact(work)


def remove_card(control: Control, account_id: str, payment_method_id: str) -> None:
    """Forget a card here and at its gateway. Where it was the default, the card saved before it is, or none.

    Raises:
        InputError: it is no saved card of the account.
        GatewayUnavailableError, GatewayFaultError, GatewayRefusedError: as of the gateway; repeat it.
    """
    with control.store.reading() as connection:
        method = _method(connection, account_id, payment_method_id)
        customer = payments.find_customer(connection, account_id, method.gateway)
    if customer is None:
        raise InputError(f"account {account_id} is unknown at {method.gateway}")
    detach(control.gateway(method.gateway), customer, payment_method_id)
    control.store.transact(lambda connection: forget(connection, account_id, method.gateway, payment_method_id))


def detach(gateway: PaymentGateway, customer: GatewayCustomer, payment_method_id: str) -> None:
    """Let the gateway forget a card; one that is gone already is gone."""
    with_new_key_after_fault(
        lambda key: gateway.detach_card(customer.customer_id, payment_method_id, key=key),
        key=f"detach-{short_hash(customer.customer_id, payment_method_id)}",
    )


def remind_of_expiry(control: Control, *, now: datetime) -> int:
    """Publish `payment_method.expiring` for default cards that end this month or next, once for each; how many."""
    month = Period(now.year, now.month)

    def work(connection: Connection) -> int:
        is_ending = payment_methods.c.expires.in_([str(month), str(month.next)]) & (payment_methods.c.status == SAVED)
        wanted = select(payment_methods).where(is_ending, payment_methods.c.reminded_for != payment_methods.c.expires)
        default = gateway_customers.c.payment_method_id == payment_methods.c.payment_method_id
        of_account = (gateway_customers.c.account_id == payment_methods.c.account_id) & default
        rows = connection.execute(wanted.join(gateway_customers, of_account).order_by(payment_methods.c.account_id)).all()
        for row in rows:
            mine = update(payment_methods).where(
                payment_methods.c.account_id == row.account_id,
                payment_methods.c.gateway == row.gateway,
                payment_methods.c.payment_method_id == row.payment_method_id,
            )
            connection.execute(mine.values(reminded_for=row.expires))
        outbox.publish(connection, [_reminder(row) for row in rows], now=now)
        return len(rows)

    return control.store.transact(work)


def ending_methods(control: Control, *, now: datetime) -> list[PaymentMethod]:
    """Default cards that have ended, or end this month or next, soonest first: what the next pushes may not be able to charge."""
    month = Period(now.year, now.month)
    is_default = payment_methods.c.payment_method_id == gateway_customers.c.payment_method_id
    same = (payment_methods.c.account_id == gateway_customers.c.account_id) & (payment_methods.c.gateway == gateway_customers.c.gateway)
    is_ending = (payment_methods.c.expires != "") & (payment_methods.c.expires <= str(month.next)) & (payment_methods.c.status == SAVED)
    wanted = select(payment_methods).join(gateway_customers, same & is_default).where(is_ending)
    with control.store.reading() as connection:
        rows = connection.execute(wanted.order_by(payment_methods.c.expires, payment_methods.c.account_id)).all()
    return [
        PaymentMethod(
            account_id=row.account_id,
            gateway=row.gateway,
            card=SavedCard(payment_method_id=row.payment_method_id, brand=row.brand, last4=row.last4, expires=row.expires),
            is_default=True,
        )
        for row in rows
    ]


def keep(connection: Connection, account_id: str, gateway: str, card: SavedCard, *, now: datetime) -> None:
    """Write down a card that the gateway keeps, and make it the default. Repeating it changes nothing."""
    values = {"brand": card.brand, "last4": card.last4, "expires": card.expires, "status": SAVED}
    values |= {"fingerprint": card.fingerprint, "funding": card.funding, "country_code": card.country_code}
    mine = (
        payment_methods.c.account_id == account_id,
        payment_methods.c.gateway == gateway,
        payment_methods.c.payment_method_id == card.payment_method_id,
    )
    if connection.execute(select(payment_methods.c.status).where(*mine)).first() is None:
        key = {"account_id": account_id, "gateway": gateway, "payment_method_id": card.payment_method_id}
        connection.execute(insert(payment_methods), key | values | {"reminded_for": "", "saved_at": now})
    else:
        connection.execute(update(payment_methods).where(*mine).values(values))
    attempt = CardAttempt(attempt_id=attempt_id_of(gateway, card), account_id=account_id, gateway=gateway, tried_at=now, card=card)
    add_attempt(connection, attempt)
    _make_default(connection, account_id, gateway, card)


def attempt_id_of(gateway: str, card: SavedCard) -> str:
    """The id of the try that saved a card: one that is repeated is the same."""
    return short_hash(gateway, card.payment_method_id)


def forget(connection: Connection, account_id: str, gateway: str, payment_method_id: str) -> None:
    """Write down that a card is gone."""
    mine = update(payment_methods).where(
        payment_methods.c.account_id == account_id,
        payment_methods.c.gateway == gateway,
        payment_methods.c.payment_method_id == payment_method_id,
    )
    connection.execute(mine.values(status=REMOVED))
    left = [method.card for method in _methods(connection, account_id) if method.gateway == gateway]
    customer = payments.find_customer(connection, account_id, gateway)
    if customer is not None and customer.payment_method_id == payment_method_id:
        none = SavedCard(payment_method_id="", brand="", last4="", expires="")
        _make_default(connection, account_id, gateway, left[0] if left else none)


def _account_with_gateway(control: Control, account_id: str) -> tuple[AccountRow, PaymentGateway]:
    with control.store.reading() as connection:
        account = load_account(connection, account_id)
    if not account.gateway:
        raise RefusedError(f"account {account_id} has no gateway; name one in its catalog row before saving a card")
    return account, control.gateway(account.gateway)


def _make_default(connection: Connection, account_id: str, gateway: str, card: SavedCard) -> None:
    mine = update(gateway_customers).where(gateway_customers.c.account_id == account_id, gateway_customers.c.gateway == gateway)
    connection.execute(
        mine.values(
            payment_method_id=card.payment_method_id,
            card_brand=card.brand,
            card_last4=card.last4,
            card_expires=card.expires,
        )
    )


def _methods(connection: Connection, account_id: str) -> list[PaymentMethod]:
    mine = select(gateway_customers.c.gateway, gateway_customers.c.payment_method_id).where(gateway_customers.c.account_id == account_id)
    defaults = {(str(row.gateway), str(row.payment_method_id)) for row in connection.execute(mine)}
    saved = select(payment_methods).where(payment_methods.c.account_id == account_id, payment_methods.c.status == SAVED)
    rows = connection.execute(saved.order_by(payment_methods.c.saved_at.desc(), payment_methods.c.payment_method_id))
    return [
        PaymentMethod(
            account_id=account_id,
            gateway=row.gateway,
            card=SavedCard(payment_method_id=row.payment_method_id, brand=row.brand, last4=row.last4, expires=row.expires),
            is_default=(row.gateway, row.payment_method_id) in defaults,
        )
        for row in rows
    ]


def _method(connection: Connection, account_id: str, payment_method_id: str) -> PaymentMethod:
    found = [method for method in _methods(connection, account_id) if method.card.payment_method_id == payment_method_id]
    if not found:
        raise InputError(f"account {account_id!r} has no saved card {payment_method_id!r}")
    return found[0]


def _reminder(row: Row[tuple[object, ...]]) -> Message:
    data = {"account_id": row.account_id, "payment_method_id": row.payment_method_id, "last4": row.last4, "expires": row.expires}
    return Message(event_type="payment_method.expiring", subject=row.account_id, data=data)
