"""Every rule refuses the line that breaks it: file, line, column and reason, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import CatalogFolder

NINES = "9" * 400

# file, line, cells set there, column blamed, part of the reason
CELLS = [
    # ids and texts
    ("skus.csv", 5, {"metric": "api.calls\u00a0"}, "metric", "invisible character"),
    ("skus.csv", 5, {"service": ""}, "service", "must not be empty"),
    ("skus.csv", 5, {"metric": ""}, "metric", "must not be empty"),
    ("skus.csv", 5, {"unit": ""}, "unit", "must not be empty"),
    ("skus.csv", 5, {"region": "r" * 256}, "region", "256 characters, at most 255"),
    ("accounts.csv", 3, {"name": "Bob\x07"}, "name", "control character"),
    ("accounts.csv", 3, {"name": "B" * 1001}, "name", "at most 1000"),
    ("accounts.csv", 3, {"email": "bob at example"}, "email", "not an e-mail address"),
    ("accounts.csv", 3, {"email": "bob@home@example"}, "email", "not an e-mail address"),
    ("taxes.csv", 2, {"tax_name": ""}, "tax_name", "must not be empty"),
    # one of a few words
    ("accounts.csv", 3, {"gateway": "Stripe"}, "gateway", "did you mean stripe?"),
    ("accounts.csv", 3, {"is_tax_exempt": "yes"}, "is_tax_exempt", "true or false"),
    ("skus.csv", 5, {"aggregation": "average"}, "aggregation", "not one of sum, count, max, unique, latest, time_weighted"),
    ("skus.csv", 5, {"aggregation": ""}, "aggregation", "must not be empty"),
    ("skus.csv", 2, {"billed_when": "stopped"}, "billed_when", "not one of running, exists"),
    ("skus.csv", 3, {"billed_when": "running"}, "billed_when", "only a time_weighted SKU"),
    ("prices.csv", 2, {"model": "per-unit"}, "model", "did you mean per_unit?"),
    ("discounts.csv", 4, {"scope_type": "account"}, "scope_type", "not one of sku, service, all"),
    ("discounts.csv", 4, {"scope_type": ""}, "scope_type", "must not be empty"),
    ("budgets.csv", 2, {"scope_type": "team"}, "scope_type", "not one of sku, service, project, all"),
    # codes
    ("accounts.csv", 3, {"currency_code": ""}, "currency_code", "must not be empty"),
    ("prices.csv", 6, {"currency_code": "usd"}, "currency_code", "must be written USD"),
    ("prices.csv", 6, {"currency_code": "XAU"}, "currency_code", "ISO 4217"),
    ("prices.csv", 6, {"currency_code": "US$"}, "currency_code", "ISO 4217"),
    ("accounts.csv", 3, {"country_code": "UK"}, "country_code", "must be written GB"),
    ("accounts.csv", 3, {"country_code": "us"}, "country_code", "must be written US"),
    ("taxes.csv", 2, {"country_code": "DEU"}, "country_code", "ISO 3166"),
    ("taxes.csv", 2, {"country_code": ""}, "country_code", "must not be empty"),
    # whole numbers
    ("accounts.csv", 3, {"payment_terms_days": "366"}, "payment_terms_days", "from 0 to 365"),
    ("accounts.csv", 3, {"payment_terms_days": "-1"}, "payment_terms_days", "from 0 to 365"),
    ("accounts.csv", 3, {"payment_terms_days": "14.5"}, "payment_terms_days", "whole number"),
    ("accounts.csv", 3, {"payment_terms_days": NINES}, "payment_terms_days", "whole number"),
    ("price_tiers.csv", 2, {"tier": "one"}, "tier", "whole number from 1"),
    ("price_tiers.csv", 2, {"tier": "0"}, "tier", "whole number from 1"),
    # prices
    ("prices.csv", 2, {"unit_price": "-0.01"}, "unit_price", "must not be negative"),
    ("prices.csv", 2, {"unit_price": "0.1234567890123"}, "unit_price", "13 decimals, at most 12"),
    ("prices.csv", 2, {"unit_price": "1000000000000000"}, "unit_price", "must be less than 1000000000000000"),
    ("prices.csv", 2, {"unit_price": "0,5"}, "unit_price", "not a plain number"),
    ("prices.csv", 2, {"unit_price": "1e-3"}, "unit_price", "not a plain number"),
    ("prices.csv", 2, {"unit_price": ".5"}, "unit_price", "not a plain number"),
    ("prices.csv", 2, {"unit_price": "+1"}, "unit_price", "not a plain number"),
    ("prices.csv", 2, {"unit_price": "1 000"}, "unit_price", "not a plain number"),
    ("prices.csv", 2, {"unit_price": "NaN"}, "unit_price", "not a plain number"),
    ("prices.csv", 2, {"unit_price": "٣"}, "unit_price", "not a plain number"),
    ("prices.csv", 2, {"unit_price": NINES}, "unit_price", "must be less than"),
    ("prices.csv", 2, {"unit_price": ""}, "unit_price", "must not be empty"),
    ("prices.csv", 7, {"unit_price": ""}, "unit_price", "must not be empty"),
    ("prices.csv", 5, {"unit_price": "0.08"}, "unit_price", "in price_tiers.csv"),
    ("prices.csv", 6, {"unit_price": "0"}, "unit_price", "in price_tiers.csv"),
    ("prices.csv", 7, {"package_size": ""}, "package_size", "must not be empty"),
    ("prices.csv", 7, {"package_size": "0"}, "package_size", "must be more than 0"),
    ("prices.csv", 7, {"package_size": "-5"}, "package_size", "must be more than 0"),
    ("prices.csv", 2, {"package_size": "1"}, "package_size", "has no packages"),
    ("prices.csv", 5, {"package_size": "1"}, "package_size", "has no packages"),
    ("price_tiers.csv", 2, {"unit_price": ""}, "unit_price", "must not be empty"),
    ("price_tiers.csv", 2, {"flat_fee": "-1"}, "flat_fee", "must not be negative"),
    ("price_tiers.csv", 2, {"flat_fee": "0.0000000000001"}, "flat_fee", "at most 12"),
    ("price_tiers.csv", 2, {"up_to": "0"}, "up_to", "must be more than 0"),
    ("price_tiers.csv", 2, {"up_to": "1000000000000000001"}, "up_to", "must be at most 1000000000000000000"),
    ("commitments.csv", 2, {"quantity_per_hour": "0"}, "quantity_per_hour", "must be more than 0"),
    ("commitments.csv", 2, {"unit_price": "-1"}, "unit_price", "must not be negative"),
    # divisors, percents, amounts
    ("skus.csv", 3, {"divisor": "0"}, "divisor", "must be more than 0"),
    ("skus.csv", 3, {"divisor": "-1"}, "divisor", "must be more than 0"),
    ("skus.csv", 3, {"divisor": "0.0000000001"}, "divisor", "10 decimals, at most 9"),
    ("discounts.csv", 2, {"percent": "100.000001"}, "percent", "must be at most 100"),
    ("discounts.csv", 2, {"percent": "-5"}, "percent", "must not be negative"),
    ("discounts.csv", 2, {"percent": "0.0000001"}, "percent", "7 decimals, at most 6"),
    ("discounts.csv", 2, {"percent": "19%"}, "percent", "not a plain number"),
    ("discounts.csv", 2, {"percent": ""}, "percent", "must not be empty"),
    ("taxes.csv", 2, {"percent": "101"}, "percent", "must be at most 100"),
    ("credits.csv", 2, {"amount": "100.505"}, "amount", "3 decimals, at most 2"),
    ("credits.csv", 2, {"amount": "-1"}, "amount", "must not be negative"),
    ("credits.csv", 2, {"amount": "100000000000000"}, "amount", "must be less than"),
    ("budgets.csv", 2, {"amount": "0"}, "amount", "must be more than 0"),
    ("budgets.csv", 2, {"amount": "0.001"}, "amount", "3 decimals, at most 2"),
    ("budgets.csv", 2, {"thresholds": "50;eighty"}, "thresholds", "'eighty' is not a plain number"),
    ("budgets.csv", 2, {"thresholds": "50;50.0"}, "thresholds", "names a percent twice"),
    ("budgets.csv", 2, {"thresholds": "0;50"}, "thresholds", "must be more than 0"),
    ("budgets.csv", 2, {"thresholds": "50,80"}, "thresholds", "not a plain number"),
    ("budgets.csv", 2, {"thresholds": ";"}, "thresholds", "names no percent"),
    # instants
    ("prices.csv", 3, {"valid_from": "2026-07-01T00:30:00Z"}, "valid_from", "such as 2026-07-01T00:00:00Z"),
    ("prices.csv", 3, {"valid_from": "2026-07-01T00:00:00.001Z"}, "valid_from", "not on a full hour"),
    ("prices.csv", 3, {"valid_from": "2026-07-01T05:00:00+05:30"}, "valid_from", "not on a full hour of UTC"),
    ("prices.csv", 3, {"valid_from": "2026-07-01T00:00:00"}, "valid_from", "not an instant with an offset"),
    ("prices.csv", 3, {"valid_from": "01.07.2026"}, "valid_from", "not an instant with an offset"),
    ("prices.csv", 3, {"valid_from": "20260701"}, "valid_from", "not an instant with an offset"),
    ("prices.csv", 3, {"valid_from": "2026-02-30"}, "valid_from", "does not exist"),
    ("prices.csv", 3, {"valid_from": "2026-07-01T23:59:60Z"}, "valid_from", "does not exist"),
    ("prices.csv", 3, {"valid_to": "9999-12-31"}, "valid_to", "leave the cell empty for unbounded"),
    ("prices.csv", 3, {"valid_to": "0001-01-01T00:00:00+14:00"}, "valid_to", "does not exist"),
    ("prices.csv", 3, {"valid_to": "2026-07-01"}, "valid_to", "must be later than valid_from"),
    ("discounts.csv", 2, {"valid_to": "2026-12-31T23:59:59Z"}, "valid_to", "not on a full hour"),
    ("commitments.csv", 2, {"valid_to": "2026-12-31T23:59:59Z"}, "valid_to", "not on a full hour"),
    ("commitments.csv", 2, {"valid_from": ""}, "valid_from", "must not be empty"),
    ("commitments.csv", 2, {"valid_from": "1970-01-01"}, "valid_from", "must not be before 2015"),
    ("taxes.csv", 2, {"valid_from": "2020-07-01T00:00:01Z"}, "valid_from", "not on a full hour"),
    ("credits.csv", 2, {"valid_to": "2026-01-01T12:34:56.789Z"}, "valid_to", "must be later than valid_from"),
    ("prices.csv", 5, {"valid_from": "2026-01-02"}, "valid_from", "whole months"),
    ("prices.csv", 5, {"valid_from": "2026-01-01T01:00:00Z"}, "valid_from", "whole months"),
    ("prices.csv", 5, {"valid_to": "2026-02-15"}, "valid_to", "whole months"),
    # references
    ("prices.csv", 2, {"sku_id": "gpu"}, "sku_id", "unknown sku 'gpu'"),
    ("prices.csv", 4, {"account_id": "acc-7"}, "account_id", "unknown account 'acc-7'"),
    ("discounts.csv", 2, {"account_id": "acc-7"}, "account_id", "unknown account"),
    ("discounts.csv", 2, {"scope_value": "gpu"}, "scope_value", "unknown sku 'gpu'"),
    ("discounts.csv", 2, {"scope_value": ""}, "scope_value", "must not be empty"),
    ("discounts.csv", 3, {"scope_value": "network"}, "scope_value", "no sku has the service 'network'"),
    ("discounts.csv", 4, {"scope_value": "cpu"}, "scope_value", "the scope all has no value"),
    ("commitments.csv", 2, {"account_id": "acc-7"}, "account_id", "unknown account"),
    ("commitments.csv", 2, {"account_id": ""}, "account_id", "must not be empty"),
    ("commitments.csv", 2, {"sku_id": "gpu"}, "sku_id", "unknown sku"),
    ("credits.csv", 2, {"account_id": "acc-7"}, "account_id", "unknown account"),
    ("budgets.csv", 2, {"account_id": "acc-7"}, "account_id", "unknown account"),
    ("budgets.csv", 2, {"scope_value": "Storage"}, "scope_value", "no sku has the service"),
    # currencies agree with the account's
    ("commitments.csv", 2, {"currency_code": "USD"}, "currency_code", "not the currency of account 'acc-1'; write EUR"),
    ("credits.csv", 2, {"currency_code": "USD"}, "currency_code", "not the currency of account 'acc-1'"),
    ("budgets.csv", 2, {"currency_code": "USD"}, "currency_code", "not the currency of account 'acc-1'"),
    # ids
    ("prices.csv", 3, {"price_id": "cpu-1"}, "price_id", "already stands on line 2"),
    ("discounts.csv", 4, {"discount_id": "d-1"}, "discount_id", "already stands on line 2"),
    ("credits.csv", 3, {"credit_id": "k-1"}, "credit_id", "already stands on line 2"),
    ("budgets.csv", 3, {"budget_id": "b-1"}, "budget_id", "already stands on line 2"),
    ("commitments.csv", 2, {"commitment_id": "cpu-1"}, "commitment_id", "is a price_id on line 2 of prices.csv"),
    # one sku a metric and region
    ("skus.csv", 4, {"region": ""}, "metric", "in the empty region already belongs to sku 'egress' of line 3"),
    # validity
    ("prices.csv", 3, {"valid_from": "2026-06-30T23:00:00Z"}, "valid_from", "overlaps that of line 2"),
    ("prices.csv", 3, {"valid_from": ""}, "valid_from", "overlaps that of line 2"),
    ("taxes.csv", 3, {"valid_from": "2020-12-31T23:00:00Z"}, "valid_from", "overlaps that of line 2"),
    # tiers
    ("price_tiers.csv", 3, {"tier": "3"}, "tier", "tier 3 stands where tier 2 is expected"),
    ("price_tiers.csv", 3, {"tier": "1"}, "tier", "tier 1 stands where tier 2 is expected"),
    ("price_tiers.csv", 3, {"up_to": "2048"}, "up_to", "must be empty in the last tier"),
    ("price_tiers.csv", 4, {"up_to": ""}, "up_to", "only the last tier of a price is open"),
    ("price_tiers.csv", 5, {"up_to": "100.0"}, "up_to", "100 must be more than 100, the up_to of tier 1"),
    ("price_tiers.csv", 5, {"up_to": "99"}, "up_to", "99 must be more than 100"),
    # tax and country
    ("accounts.csv", 2, {"country_code": ""}, "country_code", "without a country the account would pay none"),
]


@pytest.mark.parametrize("case", CELLS, ids=lambda case: f"{case[0]}-{case[3]}-{case[4]}"[:60])
def test_a_cell_that_breaks_a_rule_is_refused_with_its_place(
    folder: CatalogFolder, case: tuple[str, int, dict[str, str], str, str]
) -> None:
    name, line, cells, column, reason = case
    folder.edit(name, line, **cells)
    (problem,) = folder.problems()
    assert problem.startswith(f"{name}:{line}:{column}: ")
    assert reason in problem


# file, a line added to it, column blamed, part of the reason
LINES = [
    ("accounts.csv", ",Cara,EUR,DE,,,,,", "account_id", "must not be empty"),
    ("accounts.csv", "acc-1,Cara,EUR,DE,,,,,", "account_id", "'acc-1' already stands on line 2"),
    ("skus.csv", "ram\u200b,Compute,,compute.ram,,GiB-hour,max,,", "sku_id", "'ram\\u200b' contains an invisible character"),
    ("skus.csv", "cpu,Compute,,compute.ram,,GiB-hour,max,,", "sku_id", "'cpu' already stands on line 2"),
    ("skus.csv", "cpu-us,Compute,,compute.vcpu,us,vCPU-hour,max,,0.0.1", "divisor", "not a plain number"),
    ("prices.csv", "cpu-3,cpu,acc-1,EUR,per_unit,1,,2026-01-31,2026-02-01", "valid_from", "overlaps that of line 4"),
    ("price_tiers.csv", "nothing,1,,1,", "price_id", "unknown price 'nothing'"),
    ("price_tiers.csv", "cpu-1,1,,1,", "price_id", "price 'cpu-1' is per_unit and has no tiers"),
    ("price_tiers.csv", "egress-usd,3,,1,", "tier", "tier 3 stands where tier 4 is expected"),
    ("commitments.csv", "c-1,acc-1,cpu,1,1,EUR,2026-01-01,", "commitment_id", "'c-1' already stands on line 2"),
]


@pytest.mark.parametrize(("name", "text", "column", "reason"), LINES)
def test_a_line_that_breaks_a_rule_is_refused_with_its_place(folder: CatalogFolder, name: str, text: str, column: str, reason: str) -> None:
    line = folder.append(name, *text.split(","))
    (problem,) = folder.problems()
    assert problem.startswith(f"{name}:{line}:{column}: ")
    assert reason in problem


def test_a_tiered_price_without_tiers_is_refused(folder: CatalogFolder) -> None:
    folder.remove("price_tiers.csv")
    assert [problem.partition(": ")[0] for problem in folder.problems()] == ["prices.csv:5:model", "prices.csv:6:model"]


def test_an_account_never_changes_its_currency(folder: CatalogFolder) -> None:
    problems = folder.problems(acc_2="CHF")
    assert problems[0].startswith("accounts.csv:3:currency_code: account 'acc-2' is billed in CHF")
    # What refers to the account is held against the currency it really has.
    assert [problem.split(": ")[0] for problem in problems[1:]] == ["budgets.csv:3:currency_code", "credits.csv:3:currency_code"]


def test_a_credit_has_the_decimals_of_its_currency(folder: CatalogFolder) -> None:
    folder.append("accounts.csv", "acc-3", "Kei", "JPY", "JP", "", "", "", "", "")
    folder.append("accounts.csv", "acc-4", "Kim", "KWD", "KW", "", "", "", "", "")
    folder.append("credits.csv", "k-3", "acc-3", "100.5", "JPY", "", "")
    folder.append("credits.csv", "k-4", "acc-4", "100.123", "KWD", "", "")
    (problem,) = folder.problems()
    assert problem == "credits.csv:4:amount: 100.5 must be a whole number"


def test_taxes_of_a_country_may_not_exceed_the_price(folder: CatalogFolder) -> None:
    folder.append("taxes.csv", "DE", "Luxury", "81", "", "")
    assert folder.read().taxes[0].percent == 81
    line = folder.append("taxes.csv", "DE", "Extra", "0.5", "2030-01-01", "")
    (problem,) = folder.problems()
    assert problem.startswith(f"taxes.csv:{line}:percent: the taxes of DE valid at once add up to 100.5 %")


def test_a_unit_of_a_metric_may_not_cost_more_than_amounts_can_hold(folder: CatalogFolder) -> None:
    folder.edit("skus.csv", 2, divisor="0.000000001")
    folder.edit("prices.csv", 2, unit_price="999999.999999999999")
    folder.edit("prices.csv", 3, unit_price="1000000")
    (problem,) = folder.problems()
    assert problem.startswith("prices.csv:3:unit_price: 1000000 is too much: with the sku's divisor 0.000000001")


def test_a_package_smaller_than_a_unit_may_not_cost_more_than_amounts_can_hold(folder: CatalogFolder) -> None:
    folder.edit("prices.csv", 7, package_size="0.000000000001", unit_price="1000")
    (problem,) = folder.problems()
    assert problem.startswith("prices.csv:7:unit_price: 1000 is too much")


def test_all_problems_of_all_files_come_in_one_error(folder: CatalogFolder) -> None:
    folder.edit("accounts.csv", 2, currency_code="EURO", payment_terms_days="soon")
    folder.edit("skus.csv", 2, divisor="0")
    folder.edit("taxes.csv", 3, percent="190")
    places = [problem.partition(": ")[0] for problem in folder.problems()]
    assert places == ["accounts.csv:2:currency_code", "accounts.csv:2:payment_terms_days", "skus.csv:2:divisor", "taxes.csv:3:percent"]


def test_at_most_fifty_problems_are_printed_and_the_others_counted(folder: CatalogFolder) -> None:
    for number in range(60):
        folder.append("taxes.csv", "FR", f"tax-{number}", "many", "", "")
    problems = folder.problems()
    assert len(problems) == 51
    assert problems[0].startswith("taxes.csv:4:percent: ")
    assert problems[-1] == "… and 10 more"


def test_a_mistake_in_a_row_does_not_make_the_rows_that_refer_to_it_wrong(folder: CatalogFolder) -> None:
    folder.edit("skus.csv", 2, aggregation="avg")
    folder.edit("accounts.csv", 2, gateway="cash")
    folder.edit("prices.csv", 5, currency_code="E")
    places = [problem.partition(": ")[0] for problem in folder.problems()]
    assert places == ["accounts.csv:2:gateway", "prices.csv:5:currency_code", "skus.csv:2:aggregation"]
