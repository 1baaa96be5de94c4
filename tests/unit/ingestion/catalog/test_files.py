"""Folders and files that are not what they should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion.catalog import read_catalog
from ingestion.catalog.files import FORMATS
from warehouse.errors import InputError

if TYPE_CHECKING:
    from conftest import CatalogFolder

TAXES = "country_code,tax_name,percent,valid_from,valid_to"

# content of taxes.csv, and the problem it is refused for
CONTENTS = [
    (b"", f"taxes.csv: the file is empty; its first line must be {TAXES}"),
    (b"\xef\xbb\xbf\r\n\r\n", "taxes.csv: the file is empty"),
    (b"country_code,tax_name,valid_from\nDE,VAT,\n", "taxes.csv:1:percent: the column is missing"),
    (f"{TAXES},valid_till\n".encode(), "taxes.csv:1:valid_till: no such column; did you mean valid_to?"),
    (f"{TAXES},colour\n".encode(), "taxes.csv:1:colour: no such column; the columns are country_code, tax_name"),
    (f"{TAXES},percent\n".encode(), "taxes.csv:1:percent: the column stands twice in the header"),
    (f"{TAXES},\n".encode(), "taxes.csv:1: a cell of the header is empty"),
    (TAXES.replace(",", ";").encode() + b"\nDE;VAT;19;;\n", "taxes.csv:1: cells must be separated by commas"),
    (TAXES.replace(",", "\t").encode(), "taxes.csv:1: cells must be separated by commas"),
    (f"{TAXES}\nDE,VAT,19,2020-01-01\n".encode(), "taxes.csv:2:valid_to: the line has 4 cells, the header 5"),
    (f"{TAXES}\nDE,VAT,19,,,\n".encode(), "taxes.csv:2:valid_to: the line has 6 cells, the header 5"),
    (f"{TAXES}\nDE,VAT,1,5,,\n".encode(), "taxes.csv:2:valid_to: the line has 6 cells"),
    (f"{TAXES}\nDE,VAT,19,,\nNL,Steuer ".encode() + b"\xfc,21,,\n", "taxes.csv:3: is not UTF-8"),
    (TAXES.encode("utf-16"), "taxes.csv:1: is not UTF-8"),
    (f'{TAXES}\nDE,"VAT"x,19,,\n'.encode(), "taxes.csv:2: is not CSV"),
    (f'{TAXES}\nNL,VAT,21,,\nDE,"VAT,19,,\n'.encode(), "taxes.csv:3: is not CSV"),
    (f"{TAXES}\nDE,{'V' * 200_000},19,,\n".encode(), "taxes.csv:2: is not CSV"),
    (f'{TAXES}\n"DE","V\nA\nT",19,,\nDE,VAT,x,,\n'.encode(), "taxes.csv:2:tax_name: 'V\\nA\\nT' contains an invisible character"),
    (f"{TAXES}\n\n\n,,,,\nDE,VAT,x,,\n".encode(), "taxes.csv:5:percent: 'x' is not a plain number"),
    (f"\nx{TAXES}\n".encode(), "taxes.csv:2:country_code: the column is missing"),
]


@pytest.mark.parametrize(("content", "expected"), CONTENTS)
def test_a_file_that_is_not_a_table_is_refused_with_its_line(folder: CatalogFolder, content: bytes, expected: str) -> None:
    (folder.path / "taxes.csv").write_bytes(content)
    assert any(problem.startswith(expected) for problem in folder.problems()), folder.problems()


def test_the_line_of_a_row_is_the_one_it_starts_on(folder: CatalogFolder) -> None:
    folder.write("accounts.csv", (folder.path / "accounts.csv").read_text().replace("Anna AG", '"Anna\nAG"').replace("true,,,", "true,,,x"))
    (problem,) = folder.problems()
    assert problem.startswith("accounts.csv:4:payment_terms_days: ")


@pytest.mark.parametrize("name", [name for name, file_format in FORMATS.items() if file_format.is_required])
def test_a_missing_required_file_is_the_only_problem_reported(folder: CatalogFolder, name: str) -> None:
    folder.remove(name)
    (problem,) = folder.problems()
    assert problem.startswith(f"{name}: the file is missing")


@pytest.mark.parametrize("name", FORMATS)
def test_an_unreadable_header_is_the_only_problem_reported(folder: CatalogFolder, name: str) -> None:
    folder.write(name, (folder.path / name).read_text().replace("_id", "_no", 1).replace("country_code", "country", 1))
    assert {problem.split(":")[0] for problem in folder.problems()} == {name}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("discount.csv", "rename it to discounts.csv or move it away"),
        ("Taxes.CSV", "rename it to taxes.csv or move it away"),
        ("discounts.csv.gz", "rename it to discounts.csv or move it away"),
        ("prices.csv.bak", "rename it to prices.csv or move it away"),
        ("holidays-2026.csv", "move it away; a catalog has accounts.csv, skus.csv"),
    ],
)
def test_a_csv_file_that_is_no_part_of_a_catalog_is_refused(folder: CatalogFolder, name: str, advice: str) -> None:
    folder.write(name, "whatever")
    (problem,) = folder.problems()
    assert problem == f"{name}: no such catalog file: {problem.partition('file: ')[2]}"
    assert advice in problem


def test_a_folder_in_the_place_of_a_file_is_refused(folder: CatalogFolder) -> None:
    folder.remove("taxes.csv")
    (folder.path / "taxes.csv").mkdir()
    (problem,) = folder.problems()
    assert problem == "taxes.csv: cannot be read: Is a directory"


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the catalog folder .*nowhere: No such file or directory"):
        read_catalog(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot read the catalog folder .*file: Not a directory"):
        read_catalog(tmp_path / "file")


def test_the_error_begins_with_the_folder_and_the_number_of_problems(folder: CatalogFolder) -> None:
    folder.edit("taxes.csv", 2, percent="x", country_code="ZZ")
    with pytest.raises(InputError) as refusal:
        folder.read()
    assert str(refusal.value).splitlines()[0] == f"the catalog in {folder.path} is refused for 2 problems; nothing was changed"
