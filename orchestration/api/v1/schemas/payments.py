"""Payment methods, payments and refunds. Only a gateway's tokens and ids: card data never comes here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from control.domain.payments import PushOutcome
from control.services.parts import PaymentView, RefundView
from control.services.payment_methods import PaymentMethod
from orchestration.api.v1.schemas.fields import DecimalText, Instant, PositiveText, Reason, Schema

Token = Annotated[str, StringConstraints(pattern="^[\\x21-\\x7e]{1,255}$")]


class Card(Schema):
    """A card that is kept for an account at its gateway."""

    account_id: str
    gateway: str
    payment_method_id: str
    brand: str
    last4: str
    expires: str = Field(description="Its last month, `2027-04`.")
    is_default: bool = Field(description="Whether documents are charged to it.")

    @classmethod
    def of(cls, method: PaymentMethod) -> Card:
        """As shown."""
        return cls(account_id=method.account_id, gateway=method.gateway, is_default=method.is_default, **vars(method.card))


class NewCard(Schema):
    """A card to be saved."""

    token: Token = Field(description="From the gateway's own form, such as a payment method of Stripe.")


class NewBinding(Schema):
    """A card to be bound in the browser of its holder."""

    binding_id: Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{1,64}$")] = Field(
        description="Of your own; repeating it gives the same binding."
    )
    return_url: Annotated[str, StringConstraints(pattern="^https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[\\x21-\\x7e]{0,1500})?$")]


class Binding(Schema):
    """Where the holder of a card authenticates. Its end comes as an event."""

    binding_id: str
    gateway_binding_id: str
    client_data: str = Field(description="For the gateway's form in the holder's browser; shown once.")


class Payment(Schema):
    """An attempt to settle a document."""

    payment_id: str
    invoice_id: str
    invoice_number: str
    account_id: str
    attempt: int
    gateway: str
    status: Literal["pending", "paid", "declined", "requires_action", "refused", "failed"]
    currency_code: str
    amount: DecimalText = Field(description="What was open when it began; below zero where a credit note is given.")
    charged_amount: DecimalText
    balance_amount: DecimalText = Field(description="Taken from the customer's balance; below zero: given to it.")
    gateway_payment_id: str
    reason_code: str
    message: str
    started_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, view: PaymentView) -> Payment:
        """As shown."""
        values = {name: value for name, value in vars(view).items() if name not in ("amount", "charged", "from_balance")}
        return cls(
            **values,
            currency_code=view.amount.currency_code,
            amount=f"{view.amount.amount:f}",
            charged_amount=f"{view.charged.amount:f}",
            balance_amount=f"{view.from_balance.amount:f}",
        )


class Collection(Schema):
    """What became of the wish to settle a document now."""

    invoice_id: str
    invoice_number: str
    account_id: str
    gateway: str
    currency_code: str
    amount: DecimalText = Field(description="What was open before.")
    result: Literal["paid", "credited", "declined", "requires_action", "refused", "skipped", "unavailable"]
    reason_code: str
    message: str

    @classmethod
    def of(cls, outcome: PushOutcome) -> Collection:
        """As shown."""
        return cls(
            invoice_id=outcome.invoice_id,
            invoice_number=outcome.invoice_number,
            account_id=outcome.account_id,
            gateway=outcome.gateway,
            currency_code=outcome.amount.currency_code,
            amount=f"{outcome.amount.amount:f}",
            result=outcome.result.value,
            reason_code=outcome.reason_code,
            message=outcome.message,
        )


class Refund(Schema):
    """Money that goes back to who paid. It succeeds with the gateway, and then a refund note stands for it."""

    refund_id: str
    invoice_id: str
    invoice_number: str
    account_id: str
    payment_id: str
    gateway: str
    status: Literal["pending", "succeeded", "failed"]
    currency_code: str
    amount: DecimalText = Field(description="Tax included.")
    reason: str
    actor: str
    note_id: str = Field(description="The invoice_id of its refund note; empty until that is issued.")
    message: str
    asked_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, view: RefundView) -> Refund:
        """As shown."""
        values = {name: value for name, value in vars(view).items() if name != "amount"}
        return cls(**values, currency_code=view.amount.currency_code, amount=f"{view.amount.amount:f}")


class NewRefund(Schema):
    """Money to be given back."""

    amount: PositiveText | None = Field(default=None, description="Tax included; all that is left where not given.")
    reason: Reason
