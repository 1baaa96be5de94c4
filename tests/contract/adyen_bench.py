"""The Adyen adapter over HTTP against the local double, with the hands that the contract tests need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import SecretStr

from control.domain.money import Money
from control.gateways.adyen import AdyenGateway
from control.gateways.adyen.units import from_units
from control.ports import ChargeRequest, PaymentGateway, RequiresAction, Tried
from control.testing.adyen_server import AdyenServer
from control.testing.adyen_server.notifications import body_of
from tests.conftest import SHARED_DATA
from tests.contract.fake_gateway import (
    DECLINES_WHEN_CHARGED,
    DECLINES_WHEN_SAVED,
    DISPUTED,
    NEEDS_HOLDER,
    NEEDS_HOLDER_ONCE,
    PAYS,
    Fault,
)

DOCUMENT = SHARED_DATA / "adyen" / "CheckoutService-v72.json"
API_KEY = SecretStr("AQE-test-key-of-the-contract")
REPORT_KEY = SecretStr("AQE-test-report-key")
SLOW_REFUND = "adyen_slow_refund"

_GOOD, _ASKS = "4111111111111111", "4917610000000000"
_CARDS = {
    PAYS: (_GOOD, "S. Hopper"),
    DECLINES_WHEN_CHARGED: (_GOOD, "LATER DECLINED"),
    DECLINES_WHEN_SAVED: (_GOOD, "NOT_ENOUGH_BALANCE"),
    NEEDS_HOLDER: (_ASKS, "LATER AUTHENTICATION_REQUIRED"),
    NEEDS_HOLDER_ONCE: (_ASKS, "S. Hopper"),
    DISPUTED: (_GOOD, "LATER CHARGEBACK"),
    SLOW_REFUND: (_GOOD, "LATER SLOW_REFUND"),
}


class AdyenBench:
    """Adyen, whose lists are made by day."""

    last4, no_funds, declined = "1111", "12", "2"

    _PATHS = {  # noqa: RUF012  # constant
        "save_card": ("POST", "/v72/payments"),
        "start_binding": ("POST", "/v72/sessions"),
        "charge": ("POST", "/v72/payments"),
        "ensure_refund": ("POST", "/v72/payments/*/refunds"),
        "find_payment": ("GET", "/reports/*"),
        "list_payments": ("GET", "/reports/*"),
    }

    def __init__(self, server: AdyenServer) -> None:
        self.server = server
        self.gateway: PaymentGateway = an_adapter(server)

    def token(self, name: str) -> str:
        return json.dumps(a_method(*_CARDS[name])) if name in _CARDS else name

    def plan(self, fault: Fault, operation: str) -> None:
        method, path = self._PATHS[operation]
        self.server.plan(fault, method=method, path=path)

    def charges(self) -> list[Money]:
        rows = reversed(self.server.gateway.objects("payment"))
        return [_money(row) for row in rows if row["status"] == "authorised" and row["amount"]["value"]]

    def given_back(self) -> Money:
        rows = self.server.gateway.objects("refund")
        return sum((_money(row) for row in rows if row["status"] == "done"), start=Money(0, "USD"))

    def enter_card(self, gateway_binding_id: str, token: str) -> None:
        self.server.gateway.enter_card(gateway_binding_id, a_method(*_CARDS[token]))

    def confirm_binding(self, gateway_binding_id: str, *, succeeds: bool) -> None:
        self.server.gateway.resolve(gateway_binding_id, succeeds=succeeds)

    def browser_result(self, gateway_binding_id: str) -> str:
        result: str = next(row["result"] for row in self.server.gateway.objects("session") if row["id"] == gateway_binding_id)
        return result

    def confirm_charge(self, request: ChargeRequest, action: RequiresAction, *, succeeds: bool) -> str:
        payment_id = urlsplit(action.url).path.rsplit("/", 1)[1]
        back, result = self.server.gateway.authenticate(payment_id, succeeds=succeeds)
        assert back == request.return_url
        return result

    def hold_charge(self) -> None:
        self.server.plan("processing", path="/v72/payments")

    def end_charge(self, request: ChargeRequest, *, succeeds: bool) -> None:
        rows = self.server.gateway.objects("payment")
        payment = next(row["id"] for row in rows if row["metadata"].get("payment_id") == request.payment_id)
        self.server.gateway.resolve(payment, succeeds=succeeds)

    def slow_refund_card(self) -> str:
        return SLOW_REFUND

    def end_refund(self, refund_id: str, *, succeeds: bool) -> None:
        rows = self.server.gateway.objects("refund")
        self.server.gateway.resolve(next(row["id"] for row in rows if row["reference"] == refund_id), succeeds=succeeds)

    def end_dispute(self, gateway_dispute_id: str, *, is_won: bool) -> None:
        self.server.gateway.resolve(gateway_dispute_id, succeeds=is_won)

    def webhooks(self) -> list[tuple[bytes, dict[str, str]]]:
        rows = reversed(self.server.gateway.objects("notification"))
        return [(body_of(row, self.server.hmac_key), {}) for row in rows]

    def forged(self, body: bytes) -> bytes:
        return body.replace(b'"success": "true"', b'"success": "false"')

    def stranger(self) -> PaymentGateway:
        return an_adapter(self.server, hmac_key="00" * 32)

    def now(self) -> datetime:
        return self.server.gateway.now()

    def tried(self) -> Tried:
        return Tried(first_at=self.now(), last_at=self.now())

    def end_of_day(self) -> None:
        self.server.gateway.ahead += timedelta(days=2)

    def end(self) -> datetime:
        return self.now().replace(hour=0, minute=0, second=0, microsecond=0)


def a_method(number: str, holder: str) -> dict[str, str]:
    """What Adyen's form gives in the test environment."""
    return {
        "type": "scheme",
        "encryptedCardNumber": f"test_{number}",
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": "test_737",
        "holderName": holder,
    }


def an_adapter(server: AdyenServer, *, hmac_key: str = "") -> AdyenGateway:
    """The adapter as the settings would make it."""
    return AdyenGateway(
        API_KEY,
        merchant_account=server.merchant_account,
        hmac_key=SecretStr(hmac_key or server.hmac_key),
        report_key=REPORT_KEY,
        api_base=server.url,
        sleep=lambda _: None,
    )


@contextmanager
def adyen_bench() -> Iterator[AdyenBench]:
    """A fresh double and its adapter; leaving it fails where the double answered what Adyen's document does not allow."""
    with AdyenServer(document=DOCUMENT) as server:
        yield AdyenBench(server)


def _money(row: dict[str, dict[str, int | str]]) -> Money:
    return from_units(int(row["amount"]["value"]), str(row["amount"]["currency"]))
