"""The public API before a deployment that the product itself built: who may see what, and that what is shown is what is billed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings, strategies
from pypdf import PdfReader

from control.domain.api_keys import SCOPES, key_id_of
from control.services.api_keys import revoke_key
from control.services.oauth import Grant
from orchestration.api.v1.document import document
from orchestration.api.v1.reader import UnboundStatementError
from orchestration.api.v1.schemas.costs import COLUMNS, Granularity
from tests.api_bench.requests import operations
from tests.api_bench.world import ACME, UMBRA, World


@dataclass(frozen=True)
class Reads:
    """A caller who reads with one key."""

    world: World
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return self.world.bearer(self.key)

    def page(self, path: str, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - parameters of the path
        answer = self.world.http.get(path, params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - parameters of the path
        """All pages."""
        page = self.page(path, **query)
        items = list(page["items"])
        while page["next_cursor"] is not None:
            page = self.page(path, **query, cursor=page["next_cursor"])
            items += page["items"]
        return items


@pytest.fixture(scope="module")
def acme(world: World) -> Reads:
    return Reads(world, world.key(account_id=ACME))


def test_every_operation_is_refused_to_who_may_not_use_it(world: World) -> None:
    """The document says which there are, so that a new one is tried without being named here."""
    asked = list(operations(document(world.app)))
    revoked = world.key()
    revoke_key(world.control, str(key_id_of(revoked)), now=world.settings.now())
    nobody: dict[str, str] = {}
    wrong = []
    for operation in asked:
        others = world.key(scopes=[scope for scope in SCOPES if scope != operation.scope])
        callers = {
            "no key": (nobody, {401}),
            "a revoked key": (world.bearer(revoked), {401}),
            "an unknown key": (world.bearer(f"mh_{'0' * 16}_{'x' * 43}"), {401}),
            "too small a scope": (world.bearer(others), {403}),
            "another account's key": (world.bearer(world.key(account_id=UMBRA)), {403} if operation.is_staff_only else {404}),
        }
        for caller, (headers, allowed) in callers.items():
            answer = world.send(operation.request(world.ids, headers=headers, account_id=ACME))
            if answer.status_code not in allowed or answer.headers["content-type"] != "application/problem+json":
                wrong.append(f"{operation.name} answers {answer.status_code} to {caller}")
    assert len(asked) > 40
    assert wrong == []


def test_breakdowns_add_up_to_the_charges_whatever_they_are_divided_by(world: World, acme: Reads) -> None:
    january = {"start": "2026-01-01T00:00:00Z"}
    (total,) = acme.items("/v1/costs", **january)
    assert total["amount_unrounded"] == world.value(
        "SELECT toString(sum(amount_unrounded)) FROM {rating}.charges_hourly WHERE account_id = 'acme' AND hour_at < '2026-02-01'"
    )
    for dimension in [*COLUMNS, "label:team"]:
        for granularity in Granularity:
            rows = acme.items("/v1/costs", group_by=[dimension], granularity=granularity.value, **january)
            assert sum(Fraction(row["amount_unrounded"]) for row in rows) == Fraction(total["amount_unrounded"]), (dimension, granularity)
    lines = acme.items(f"/v1/invoices/{world.ids['invoice_number']}/lines")
    by_line = acme.items("/v1/costs", group_by=["sku_id", "price_id", "charge_type"], **january)
    shown = {(row["sku_id"], row["price_id"], row["charge_type"]): (row["quantity"], row["amount_unrounded"]) for row in by_line}
    assert {key: quantity for key, (quantity, _) in shown.items()} == {
        (line["sku_id"], line["price_id"], line["line_type"]): line["quantity"] for line in lines
    }
    rounded = {key: str(Decimal(amount).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)) for key, (_, amount) in shown.items()}
    assert rounded == {(line["sku_id"], line["price_id"], line["line_type"]): line["amount"] for line in lines}


def test_filters_and_labels_choose_rows(acme: Reads) -> None:
    machines = acme.items("/v1/costs", start="2026-01-01T00:00:00Z", group_by=["resource_id", "label:team"], service=["Compute"])
    assert [(row["resource_id"], row["labels"]) for row in machines] == [("acme-vm-1", {"team": "ml"}), ("acme-vm-2", {"team": "web"})]
    of_team = acme.items("/v1/costs", start="2026-01-01T00:00:00Z", group_by=["resource_id"], label=["team=ml"])
    assert [row["resource_id"] for row in of_team] == ["acme-vm-1"]
    used = acme.items("/v1/usage", start="2026-01-01T10:00:00Z", end="2026-01-01T12:00:00Z", granularity="hour")
    assert [(row["starts_at"], row["sku_id"], row["quantity"]) for row in used] == [
        ("2026-01-01T10:00:00Z", "vcpu", "2"), ("2026-01-01T11:00:00Z", "vcpu", "3"),
    ]  # fmt: skip


@given(
    limit=strategies.integers(1, 7),
    dimensions=strategies.lists(strategies.sampled_from([*COLUMNS, "label:team"]), max_size=3, unique=True),
    granularity=strategies.sampled_from(list(Granularity)),
)
@settings(max_examples=8, deadline=None)
def test_pages_of_any_size_hold_every_row_once(acme: Reads, limit: int, dimensions: list[str], granularity: Granularity) -> None:
    asked = {"start": "2026-01-01T00:00:00Z", "end": "2026-02-03T00:00:00Z", "group_by": dimensions, "granularity": granularity.value}
    whole = acme.page("/v1/costs", limit=1000, **asked)
    assert whole["next_cursor"] is None
    assert acme.items("/v1/costs", limit=limit, **asked) == whole["items"]


def test_every_list_goes_on_where_its_page_ended(world: World) -> None:
    """Which there are, the document says: whatever takes a cursor."""
    staff = Reads(world, world.key())
    lists = [operation for operation in operations(document(world.app)) if "cursor" in operation.names("query")]
    assert len(lists) > 15
    for operation in lists:
        path = operation.path.format(**world.ids)
        whole = staff.page(path, limit=1000)["items"]
        assert staff.items(path, limit=max(1, (len(whole) + 1) // 2)) == whole, operation.name


def test_a_cursor_is_good_for_its_own_question_only(world: World, acme: Reads) -> None:
    cursor = acme.page("/v1/costs", start="2026-01-01T00:00:00Z", group_by=["sku_id"], limit=1)["next_cursor"]
    for path, query in (("/v1/costs", {"group_by": ["region"]}), ("/v1/prices", {}), ("/v1/refunds", {})):
        answer = world.http.get(path, params={"cursor": cursor, **query}, headers=acme.headers)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:meterhouse:problem:unknown-cursor")


def test_an_estimate_is_what_the_bill_says(world: World, acme: Reads) -> None:
    """The second use of January, on top of the first, hour by hour as it was charged."""
    for sku_id, quantity in (("egress", "7.25"), ("requests", "12.345"), ("archive", "61")):
        asked = {"sku_id": sku_id, "quantity": quantity, "quantity_before": quantity, "at": "2026-01-20T03:00:00Z"}
        estimate = acme.page("/v1/price-estimate", **asked)
        (charge,) = acme.items("/v1/costs", start="2026-01-20T00:00:00Z", end="2026-01-21T00:00:00Z", sku_id=[sku_id])
        assert (estimate["amount_unrounded"], estimate["list_amount_unrounded"]) == (
            charge["amount_unrounded"], charge["list_amount_unrounded"],
        ), sku_id  # fmt: skip
    contract = acme.page("/v1/price-estimate", sku_id="vcpu", quantity="2")
    assert (contract["price_id"], contract["amount_unrounded"], contract["list_amount_unrounded"]) == (
        "vcpu-acme",
        "0.0198",
        "0.0246913578",
    )
    so_far = acme.page("/v1/price-estimate", sku_id="egress", quantity="1", at="2026-02-02T23:00:00Z")
    assert so_far["quantity_before"] == "14.5"


def test_what_a_key_of_an_account_sees_is_of_that_account(world: World) -> None:
    """Also where nothing is asked for by name."""
    umbra = Reads(world, world.key(account_id=UMBRA))
    assert {item["account_id"] for item in umbra.items("/v1/invoices")} == {UMBRA}
    assert {item["account_id"] for item in umbra.items("/v1/costs", start="2026-01-01T00:00:00Z", group_by=["account_id"])} == {UMBRA}
    assert {item["price_id"] for item in umbra.items("/v1/prices")} & {"vcpu-acme", "vcpu-umbra"} == {"vcpu-umbra"}
    assert umbra.items("/v1/payments") == umbra.items("/v1/refunds") == umbra.items("/v1/webhook-subscriptions") == []
    assert umbra.page("/v1/price-estimate", sku_id="vcpu", quantity="1")["price_id"] == "vcpu-umbra"


def test_a_statement_without_its_predicate_is_never_sent(world: World) -> None:
    api = world.app.state.api
    with pytest.raises(UnboundStatementError):
        api.reader.rows(Grant(key_id="k", name="n", account_id=UMBRA, scopes=()), "SELECT * FROM ${rating}.charges_daily")


def test_a_document_is_printed_for_who_reaches_it_and_a_draft_is_marked(world: World, acme: Reads) -> None:
    issued = acme.page(f"/v1/invoices/{world.ids['document']}")
    (draft,) = acme.items("/v1/invoices", status="draft")
    for shown, words in ((issued, issued["invoice_number"]), (draft, "DRAFT")):
        answer = world.http.get(f"/v1/invoices/{shown['invoice_id']}/pdf", headers=acme.headers)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert words in "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
