"""Stripe as a PaymentGateway: customers, saved cards, invoices that only we advance, off-session charges.

The only module that imports the SDK. Rules of money in Stripe's units are in stripe_units.py; when to push, retry and book
is for control/services. Every write carries a key derived from the caller's; only rate limits, lost connections and keys in
flight are tried again here, because Stripe repeats any other answer for the same key.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

import stripe
from pydantic import SecretStr

from control.domain.money import Money
from control.gateways import stripe_units
from control.ports import (
    Customer,
    Declined,
    GatewayFaultError,
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayMismatchError,
    GatewayRefusedError,
    GatewayUnavailableError,
    InvoiceRequest,
    InvoiceRequestLine,
    Paid,
    PaymentOutcome,
    Refused,
    RequiresAction,
    SavedCard,
)
from warehouse.errors import SettingsError

if TYPE_CHECKING:
    from stripe.params import CustomerCreateParams, InvoiceAddLinesParamsLine

_T = TypeVar("_T")

_SECRET_KEY = re.compile(r"(sk|rk)_(test|live)_\w+\Z", re.ASCII)

# Seconds to connect and to wait for an answer. Stripe takes up to some 30 s to hear from a bank; giving up earlier leaves
# more charges whose outcome is known only after a look.
_TIMEOUT_SECONDS = (5.0, 60.0)
# Waits before the second, third and fourth try of a call that was limited or lost. A push that gives up goes on next time.
_RETRY_SECONDS = (0.5, 1.0, 2.0)

# Stripe promises its search to know an object within a minute, outages aside; each new customer costs a list of those made
# in this time.
_SEARCH_LAG_SECONDS = 600

_PAGE = 100
# https://docs.stripe.com/changelog/2016-02-22/no-more-than-250-invoice-items
_MOST_LINES = 250
_LINES_A_CALL = 100
# Shows an invoice with what paid it, or is paying it, in one answer.
_WITH_PAYMENTS = ["payments.data.payment.payment_intent"]

# Names in Stripe's metadata. They are how a later run finds what an earlier one made: never rename them.
_REFERENCE = "reference"
_ACCOUNT = "account_id"
_INVOICE = "invoice_id"
_NUMBER = "invoice_number"
_TOTAL = "total_units"
_LINE = "line_number"

_NEEDS_HOLDER = frozenset({"invoice_payment_intent_requires_action", "authentication_required"})
_STATUS = {
    "draft": GatewayInvoiceStatus.DRAFT,
    "open": GatewayInvoiceStatus.OPEN,
    "paid": GatewayInvoiceStatus.PAID,
    "void": GatewayInvoiceStatus.VOID,
    "uncollectible": GatewayInvoiceStatus.VOID,
}


class RefusedKeyError(GatewayRefusedError, SettingsError):
    """Stripe does not take the API key of the settings, or it lacks a permission."""


class StripeGateway:
    """The port over Stripe's API, in the version the SDK is pinned to. May be called from several threads."""

    name = "stripe"

    def __init__(self, api_key: SecretStr, *, api_base: str | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        """`api_base` is the URL of a test gateway; None is Stripe itself.

        Raises:
            SettingsError: the key is missing or malformed, or a live key would go to a test gateway.
        """
        key = api_key.get_secret_value()
        if not _SECRET_KEY.match(key):
            raise SettingsError("set STRIPE_API_KEY to a secret or restricted key of Stripe, which begins with sk_ or rk_")
        if api_base is not None and "_live_" in key:
            raise SettingsError("STRIPE_API_BASE names a test gateway, but STRIPE_API_KEY is a live key; use a test key there")
        # The SDK reports timings of earlier calls in a header, and at level DEBUG logs bodies, which hold client secrets.
        stripe.enable_telemetry = False
        logging.getLogger("stripe").setLevel(logging.INFO)
        self._sleep = sleep
        self._address = api_base or "Stripe"
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=stripe.RequestsClient(timeout=_TIMEOUT_SECONDS),
            max_network_retries=0,
        ).v1

    def refusal(self, amount: Money) -> str | None:
        """Why this amount cannot be charged exactly (currency, last digit, smallest charge); None where it can."""
        return stripe_units.refusal(amount)

    def ensure_customer(self, customer: Customer, *, key: str) -> str:
        """Stripe's id of the customer with our reference, made if needed.

        Raises:
            GatewayRefusedError: Stripe does not take a value, such as the email.
        """
        if found := self._known_customer(customer.reference):
            return found
        address = _given(line1=customer.address, postal_code=customer.postal_code, city=customer.city, country=customer.country_code)
        params = {
            **_given(name=customer.name, email=customer.email),
            **({"address": address} if address else {}),
            "metadata": {_REFERENCE: customer.reference, _ACCOUNT: customer.account_id},
        }
        made = self._must(
            f"the customer of account {customer.account_id}",
            lambda: self._client.customers.create(cast("CustomerCreateParams", params), {"idempotency_key": f"{key}:customer"}),
        )
        return made.id

    def save_card(self, customer_id: str, token: str, *, key: str) -> SavedCard | Declined | Refused:
        """Attach the payment method to the customer and make it the default of its invoices."""
        try:
            method = self._send(
                lambda: self._client.payment_methods.attach(token, {"customer": customer_id}, {"idempotency_key": f"{key}:attach"})
            )
        except stripe.CardError as error:
            return _declined(error)
        except stripe.InvalidRequestError as error:
            attached = self._attached(customer_id, token)
            if attached is None:
                return Refused(reason=_reason(error))
            method = attached
        self._must(
            f"{method.id} as the default card",
            lambda: self._client.customers.update(
                customer_id,
                {"invoice_settings": {"default_payment_method": method.id}},
                {"idempotency_key": f"{key}:default"},
            ),
        )
        card = method.card
        if card is None:
            return SavedCard(payment_method_id=method.id, brand="", last4="", expires="")
        return SavedCard(
            payment_method_id=method.id,
            brand=card.brand,
            last4=card.last4 or "",
            expires=f"{card.exp_year:04d}-{card.exp_month:02d}",
        )

    def ensure_invoice(self, request: InvoiceRequest, *, key: str) -> GatewayInvoice:
        """Stripe's invoice of ours with all its lines; a draft that only we advance, unless it went on already.

        Raises:
            GatewayMismatchError: Stripe's has another total or currency. A draft like that is thrown away first.
            RefusedError: a line has no exact form in Stripe's units; nothing was made.
        """
        wanted = _wanted_lines(request)
        invoice = self._find(request.customer_id, request.invoice_id)
        try:
            if invoice is None:
                invoice = self._create(request, key=key)
            if invoice.status == "draft":
                invoice = self._complete(invoice, wanted, key=key)
        except stripe.InvalidRequestError as error:
            if invoice is not None and error.code == "resource_missing":
                # Thrown away before, and the key brings it back for a day.
                raise GatewayFaultError(f"Stripe's draft of {request.invoice_number} is gone; look, then use a new key") from None
            raise _refused(request.invoice_number, error) from None
        total = stripe_units.to_units(request.total)
        if (invoice.total, invoice.currency.upper()) != (total, request.total.currency_code):
            self._discard(invoice)
            shown = f"{invoice.total} {invoice.currency.upper()}"
            raise _mismatch(request.invoice_number, f"its total there is {shown} in minor units, not {total}")
        return self._look(invoice)

    def find_invoice(self, customer_id: str, invoice_id: str) -> GatewayInvoice | None:
        """The invoice with our id among the customer's, as it is now.

        Raises:
            GatewayMismatchError: several carry our id, or its amounts contradict each other.
        """
        invoice = self._find(customer_id, invoice_id)
        return None if invoice is None else self._look(invoice)

    def finalize_invoice(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice:
        """Make the draft payable; Stripe applies the customer's balance.

        Raises:
            GatewayMismatchError: lines were added or are missing, or the balance would leave less than Stripe charges.
        """
        try:
            invoice = self._retrieve(gateway_invoice_id)
            if invoice.status == "draft":
                self._check_final(invoice)
                invoice = self._send(
                    lambda: self._client.invoices.finalize_invoice(
                        gateway_invoice_id,
                        {"auto_advance": False, "expand": _WITH_PAYMENTS},
                        {"idempotency_key": f"{key}:finalize"},
                    )
                )
        except stripe.InvalidRequestError as error:
            raise _refused(f"to finalize {gateway_invoice_id}", error) from None
        return _seen(invoice)

    def pay_invoice(self, gateway_invoice_id: str, payment_method_id: str, *, key: str) -> PaymentOutcome:
        """Charge what is due, off-session, after a last look.

        Raises:
            GatewayUnavailableError: also where a payment of this invoice is under way already.
            GatewayMismatchError: the invoice's amounts contradict each other.
        """
        try:
            before = _seen(self._retrieve(gateway_invoice_id))
        except stripe.InvalidRequestError as error:
            return Refused(reason=_reason(error))
        if before.status is not GatewayInvoiceStatus.OPEN:
            return _settled(before)
        try:
            paid = self._send(
                lambda: self._client.invoices.pay(
                    gateway_invoice_id,
                    {"off_session": True, "payment_method": payment_method_id, "expand": _WITH_PAYMENTS},
                    {"idempotency_key": f"{key}:pay"},
                )
            )
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            return self._not_paid(before, error)
        after = _seen(paid)
        if after.status is GatewayInvoiceStatus.OPEN:
            raise GatewayUnavailableError(
                f"Stripe took the payment of {gateway_invoice_id} and does not tell its end yet; push again later"
            )
        return _settled(after)

    def ensure_balance_credit(self, customer_id: str, amount: Money, *, reference: str, description: str, key: str) -> str:
        """Credit the customer's balance once per reference; Stripe's id of the balance transaction.

        Raises:
            RefusedError: the amount has no exact form in Stripe's units.
            GatewayMismatchError: Stripe knows the reference with another amount.
        """
        units = -stripe_units.to_credit_units(amount)
        currency = amount.currency_code.lower()
        transactions = self._client.customers.balance_transactions
        try:
            rows = self._all(lambda: transactions.list(customer_id, {"limit": _PAGE}).auto_paging_iter())
            found = next((row for row in rows if _metadata(row).get(_REFERENCE) == reference), None)
            if found is None:
                found = self._send(
                    lambda: transactions.create(
                        customer_id,
                        {"amount": units, "currency": currency, "description": description, "metadata": {_REFERENCE: reference}},
                        {"idempotency_key": f"{key}:credit"},
                    )
                )
        except stripe.InvalidRequestError as error:
            raise _refused(f"the credit for {reference}", error) from None
        if (found.amount, found.currency) != (units, currency):
            raise _mismatch(reference, f"its credit there is {found.amount} {found.currency.upper()} in minor units, not {units}")
        return found.id

    def _known_customer(self, reference: str) -> str | None:
        """The oldest customer with our reference: Stripe's search knows those of a minute ago, the list all newer ones."""
        quoted = reference.replace("\\", "\\\\").replace("'", "\\'")
        query = f"metadata['{_REFERENCE}']:'{quoted}'"
        since = int(time.time()) - _SEARCH_LAG_SECONDS
        customers = self._client.customers

        def searched() -> list[stripe.Customer]:
            return customers.search({"query": query, "limit": _PAGE}).data

        def recent() -> list[stripe.Customer]:
            return list(customers.list({"created": {"gte": since}, "limit": _PAGE}).auto_paging_iter())

        for source in (searched, recent):
            rows = self._must("a search for customers", source)
            found = [row for row in rows if _metadata(row).get(_REFERENCE) == reference]
            if found:
                return min(found, key=lambda row: (row.created, row.id)).id
        return None

    def _not_paid(self, before: GatewayInvoice, error: stripe.CardError | stripe.InvalidRequestError) -> PaymentOutcome:
        """What a refused payment means. Stripe also refuses to pay what is paid, so an invalid request needs a look."""
        if _codes(error) & _NEEDS_HOLDER:
            return RequiresAction(url=before.url)
        if isinstance(error, stripe.CardError):
            return _declined(error)
        after = _seen(self._must("a look at the invoice", lambda: self._retrieve(before.gateway_invoice_id)))
        if after.status is not GatewayInvoiceStatus.OPEN:
            return _settled(after)
        if error.param == "payment_method":
            return Declined(code=error.code or "payment_method_unusable", message=_reason(error))
        return Refused(reason=_reason(error))

    def _create(self, request: InvoiceRequest, *, key: str) -> stripe.Invoice:
        # due_date is refused for invoices that are charged automatically; `number` would have to be unique over all
        # deployments that share the Stripe account. Both stand in the text instead.
        return self._send(
            lambda: self._client.invoices.create(
                {
                    "customer": request.customer_id,
                    "currency": request.total.currency_code.lower(),
                    "auto_advance": False,
                    "collection_method": "charge_automatically",
                    "pending_invoice_items_behavior": "exclude",
                    "description": f"Invoice {request.invoice_number}, due {request.due_date.isoformat()}",
                    "metadata": {
                        _INVOICE: request.invoice_id,
                        _NUMBER: request.invoice_number,
                        _TOTAL: str(stripe_units.to_units(request.total)),
                    },
                },
                {"idempotency_key": f"{key}:create"},
            )
        )

    def _complete(self, draft: stripe.Invoice, wanted: Sequence[InvoiceAddLinesParamsLine], *, key: str) -> stripe.Invoice:
        """The draft with the lines that an interrupted call left out."""
        is_new = draft.last_response is not None and "Idempotent-Replayed" not in draft.last_response.headers
        there = [] if is_new else self._all(lambda: self._client.invoices.line_items.list(draft.id, {"limit": _PAGE}).auto_paging_iter())
        numbers = {_metadata(line).get(_LINE) for line in there}
        missing = [(number, line) for number, line in enumerate(wanted, start=1) if str(number) not in numbers]
        invoice = draft
        for start in range(0, len(missing), _LINES_A_CALL):
            chunk = missing[start : start + _LINES_A_CALL]
            chunk_key = f"{key}:lines:{chunk[0][0]}-{chunk[-1][0]}"
            invoice = self._add(draft.id, [line for _, line in chunk], chunk_key)
        return invoice if missing else self._send(lambda: self._client.invoices.retrieve(draft.id))

    def _add(self, draft_id: str, lines: list[InvoiceAddLinesParamsLine], key: str) -> stripe.Invoice:
        return self._send(lambda: self._client.invoices.add_lines(draft_id, {"lines": lines}, {"idempotency_key": key}))

    def _discard(self, invoice: stripe.Invoice) -> None:
        if invoice.status == "draft":
            self._must(f"to delete the draft {invoice.id}", lambda: self._client.invoices.delete(invoice.id))

    def _check_final(self, draft: stripe.Invoice) -> None:
        """Refuse to finalize what is not our invoice, or what Stripe would carry forward instead of charging."""
        _check_total(draft)
        customer = self._send(lambda: self._client.customers.retrieve(_identifier(draft.customer)))
        balance = customer.balance or 0
        if balance > 0:
            raise _mismatch(draft.id, f"the customer owes {balance} there from elsewhere, which would be charged with it")
        left = draft.total + balance
        if left <= 0:
            return
        if reason := stripe_units.refusal(_money(left, draft.currency, draft.id)):
            raise _mismatch(draft.id, f"after the customer's balance something is left that cannot be charged: {reason}")

    def _find(self, customer_id: str, invoice_id: str) -> stripe.Invoice | None:
        """Our invoice among the customer's, a living one first. Lists are read from Stripe's master; searches lag."""
        try:
            rows = self._all(lambda: self._client.invoices.list({"customer": customer_id, "limit": _PAGE}).auto_paging_iter())
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                return None
            raise _refused("a look at the customer's invoices", error) from None
        found = [row for row in rows if _metadata(row).get(_INVOICE) == invoice_id]
        living = [row for row in found if row.status != "void"]
        if len(living) > 1:
            raise _mismatch(invoice_id, f"several invoices there carry its id: {', '.join(row.id for row in living)}")
        return next(iter(living + found), None)

    def _retrieve(self, gateway_invoice_id: str) -> stripe.Invoice:
        return self._send(lambda: self._client.invoices.retrieve(gateway_invoice_id, {"expand": _WITH_PAYMENTS}))

    def _look(self, invoice: stripe.Invoice) -> GatewayInvoice:
        """What an invoice from a list shows; only a draft needs no second call for its payments."""
        if invoice.status == "draft":
            return _seen(invoice)
        return _seen(self._must("a look at the invoice", lambda: self._retrieve(invoice.id)))

    def _attached(self, customer_id: str, token: str) -> stripe.PaymentMethod | None:
        """The payment method, where an earlier call has attached it to this customer already."""
        try:
            method = self._send(lambda: self._client.payment_methods.retrieve(token))
        except stripe.InvalidRequestError:
            return None
        return method if method.customer is not None and _identifier(method.customer) == customer_id else None

    def _all(self, call: Callable[[], Iterable[_T]]) -> list[_T]:
        """Every row of a list that is read page by page."""
        return self._send(lambda: list(call()))

    def _send(self, call: Callable[[], _T]) -> _T:
        """Call Stripe, again where that is safe and of use, and say what its errors mean to us.

        Raises:
            GatewayUnavailableError: limited, lost, or the key is in flight, also at the last try.
            GatewayFaultError: Stripe's own error, or the key belongs to another request.
            RefusedKeyError: Stripe refuses the API key.
            stripe.CardError, stripe.InvalidRequestError: for the caller, who knows what they mean there.
        """
        waits = iter(_RETRY_SECONDS)
        while True:
            try:
                return call()
            except stripe.IdempotencyError:
                raise GatewayFaultError("Stripe knows this idempotency key with other parameters; look, then use a new key") from None
            except (stripe.CardError, stripe.InvalidRequestError):
                raise
            except (stripe.AuthenticationError, stripe.PermissionError):
                raise RefusedKeyError(f"{self._address} refuses STRIPE_API_KEY; set it to a key that may write invoices") from None
            except stripe.StripeError as error:
                if not _may_repeat(error):
                    said = f"Stripe answered with an error of its own ({error.http_status})"
                    raise GatewayFaultError(f"{said}; look before you repeat the call") from None
                wait = next(waits, None)
                if wait is None:
                    raise GatewayUnavailableError(f"{self._address} gives no definite answer ({_kind(error)}); push again later") from None
            self._sleep(wait)

    def _must(self, what: str, call: Callable[[], _T]) -> _T:
        """Call Stripe where a refusal has no meaning but that somebody must look.

        Raises:
            GatewayRefusedError: Stripe refuses it.
        """
        try:
            return self._send(call)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise _refused(what, error) from None


def _seen(invoice: stripe.Invoice) -> GatewayInvoice:
    """What an invoice with its payments shows, if its amounts agree with each other.

    Raises:
        GatewayMismatchError: they do not.
    """

    def money(units: int) -> Money:
        return _money(units, invoice.currency, invoice.id)

    status, nothing = _STATUS[invoice.status or "draft"], money(0)
    if status is GatewayInvoiceStatus.DRAFT:
        total = money(invoice.total)
        return GatewayInvoice(
            gateway_invoice_id=invoice.id,
            status=status,
            total=total,
            paid=nothing,
            from_balance=nothing,
            credited=nothing,
            paid_outside=nothing,
            due=total,
        )
    _check_total(invoice)
    ending = invoice.ending_balance or 0
    rows = [(row, row.payment.payment_intent) for row in (invoice.payments.data if invoice.payments else ())]
    intents = [(row.status, intent) for row, intent in rows if isinstance(intent, stripe.PaymentIntent)]
    if status is GatewayInvoiceStatus.OPEN and any(intent.status == "processing" for _, intent in intents):
        status = GatewayInvoiceStatus.PROCESSING
    seen = GatewayInvoice(
        gateway_invoice_id=invoice.id,
        status=status,
        total=money(invoice.total),
        paid=money(invoice.amount_paid),
        from_balance=money(ending - invoice.starting_balance),
        credited=nothing,
        paid_outside=nothing,
        due=money(invoice.amount_remaining),
        gateway_payment_id=next((intent.id for row_status, intent in intents if row_status == "paid"), ""),
        url=invoice.hosted_invoice_url or "",
    )
    # A balance above zero is a debt that Stripe carried from, or to, another invoice.
    if ending > 0 or seen.from_balance.minor < 0 or seen.total != seen.paid + seen.from_balance + seen.due:
        said = f"total {seen.total}, paid {seen.paid}, from balance {seen.from_balance}, due {seen.due}"
        raise _mismatch(invoice.id, f"its amounts do not add up, or carry a debt of another invoice ({said})")
    return seen


def _check_total(invoice: stripe.Invoice) -> None:
    """Compare with the total that we wrote beside the invoice when we made it."""
    expected = _metadata(invoice).get(_TOTAL)
    if expected is not None and str(invoice.total) != expected:
        raise _mismatch(invoice.id, f"its total there is {invoice.total} in minor units, not {expected}")


def _wanted_lines(request: InvoiceRequest) -> list[InvoiceAddLinesParamsLine]:
    """The lines as Stripe takes them. Past its limit the last one sums up the rest, so that the total stays exact."""
    lines = list(request.lines)
    if len(lines) > _MOST_LINES:
        rest = lines[_MOST_LINES - 1 :]
        total = sum((line.amount for line in rest), start=Money(0, request.total.currency_code))
        text = f"{len(rest)} further lines, listed on invoice {request.invoice_number}"
        lines = [*lines[: _MOST_LINES - 1], InvoiceRequestLine(description=text, amount=total)]
    return [
        {"amount": stripe_units.to_units(line.amount), "description": line.description, "metadata": {_LINE: str(number)}}
        for number, line in enumerate(lines, start=1)
    ]


def _given(**texts: str) -> dict[str, str]:
    """The texts that are set: Stripe refuses an empty one."""
    return {name: text for name, text in texts.items() if text}


def _settled(seen: GatewayInvoice) -> PaymentOutcome:
    """The outcome for an invoice that is not open."""
    if seen.status is GatewayInvoiceStatus.PAID:
        return Paid(gateway_payment_id=seen.gateway_payment_id, charged=seen.paid, from_balance=seen.from_balance)
    if seen.status is GatewayInvoiceStatus.PROCESSING:
        raise GatewayUnavailableError(f"a payment of {seen.gateway_invoice_id} is under way at Stripe; push again later")
    if seen.status is GatewayInvoiceStatus.DRAFT:
        return Refused(reason=f"{seen.gateway_invoice_id} is a draft at Stripe; finalize it first")
    return Refused(reason=f"{seen.gateway_invoice_id} was voided or written off at Stripe")


def _declined(error: stripe.CardError) -> Declined:
    details = error.error
    code = (details.decline_code if details else None) or error.code or "card_declined"
    return Declined(code=code, message=_reason(error))


def _codes(error: stripe.StripeError) -> set[str | None]:
    return {error.code, error.error.decline_code if error.error else None}


def _reason(error: stripe.StripeError) -> str:
    """Stripe's own sentence. It names parameters and objects, never a key or a card number."""
    return error.user_message or "Stripe gives no reason"


def _may_repeat(error: stripe.StripeError) -> bool:
    """Whether the same call can have another answer. Stripe saves its own 5xx for the key; a proxy's is not from Stripe."""
    if isinstance(error, stripe.RateLimitError | stripe.APIConnectionError) or error.http_status == 409:
        return True
    return not isinstance(error.json_body, dict) or (error.headers or {}).get("stripe-should-retry") == "true"


def _kind(error: stripe.StripeError) -> str:
    return f"status {error.http_status}" if error.http_status else "connection lost or timed out"


def _refused(what: str, error: stripe.CardError | stripe.InvalidRequestError) -> GatewayRefusedError:
    return GatewayRefusedError(f"Stripe refuses {what}: {_reason(error)}")


def _mismatch(what: str, reason: str) -> GatewayMismatchError:
    return GatewayMismatchError(f"Stripe disagrees with us about {what}: {reason}; compare both before more is charged")


def _money(units: int, currency: str, identifier: str) -> Money:
    try:
        return stripe_units.from_units(units, currency)
    except ValueError as error:
        raise _mismatch(identifier, str(error)) from None


def _metadata(row: stripe.Customer | stripe.Invoice | stripe.InvoiceLineItem | stripe.CustomerBalanceTransaction) -> dict[str, str]:
    return dict(row.metadata.to_dict()) if row.metadata else {}


def _identifier(reference: object) -> str:
    """The id of a field that holds an id or the expanded object."""
    return reference if isinstance(reference, str) else str(reference.id)  # type: ignore[attr-defined]  # a StripeObject
