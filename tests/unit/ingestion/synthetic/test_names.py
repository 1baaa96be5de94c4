"""Customers: distinct however many, with tax ids that a checker accepts."""

from __future__ import annotations

from ingestion.synthetic.names import customer
from ingestion.synthetic.numbers import key

STREAM = key(1, "customers")


def test_the_ids_and_names_of_twenty_thousand_customers_differ() -> None:
    customers = [customer(index, stream=STREAM) for index in range(20_000)]
    assert len({who.account_id for who in customers}) == len({who.name for who in customers}) == 20_000


def test_german_tax_ids_have_the_right_check_digit() -> None:
    # ISO 7064 MOD 11,10: over all nine digits the running product ends at 1.
    for index in range(1, 600, 6):
        tax_id = customer(index, stream=STREAM).tax_id
        product = 10
        for digit in tax_id.removeprefix("DE")[:8]:
            product = ((int(digit) + product) % 10 or 10) * 2 % 11
        assert (product + int(tax_id[-1])) % 10 == 1


def test_dutch_tax_ids_have_the_right_check_digits() -> None:
    # MOD 97-10: the whole id with letters as 10 to 35 leaves 1.
    for index in range(3, 600, 6):
        tax_id = customer(index, stream=STREAM).tax_id
        assert int("".join(str(int(character, 36)) for character in tax_id)) % 97 == 1
