"""A small valid catalog folder that tests change in one place."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.catalog import Catalog, read_catalog
from warehouse.errors import InputError

FILES = {
    "accounts.csv": """\
account_id,name,currency_code,country_code,tax_id,is_tax_exempt,email,gateway,payment_terms_days
acc-1,Anna AG,EUR,DE,DE123,false,billing@anna.example,stripe,14
acc-2,Bob Inc,USD,US,,true,,,
""",
    "skus.csv": """\
sku_id,service,name,metric,region,unit,aggregation,billed_when,divisor
cpu,Compute,vCPU,compute.vcpu,,vCPU-hour,time_weighted,exists,
egress,Network,Egress,network.egress_bytes,,GiB,sum,,1073741824
egress-eu,Network,,network.egress_bytes,eu-north1,GiB,sum,,1073741824
calls,API,Calls,api.calls,,call,count,,
""",
    "prices.csv": """\
price_id,sku_id,account_id,currency_code,model,unit_price,package_size,valid_from,valid_to
cpu-1,cpu,,EUR,per_unit,0.0124,,,2026-07-01T00:00:00Z
cpu-2,cpu,,EUR,per_unit,0.0136,,2026-07-01,
cpu-acc-1,cpu,acc-1,EUR,per_unit,0.01,,2026-01-01T00:00:00Z,2026-04-01T02:00:00+02:00
egress-eur,egress,,EUR,volume,,,2026-01-01,
egress-usd,egress,,USD,graduated,,,2026-01-01,
calls-usd,calls,,USD,package,0.4,1000,,
""",
    "price_tiers.csv": """\
price_id,tier,up_to,unit_price,flat_fee
egress-eur,1,1024,0.08,
egress-eur,2,,0.05,10
egress-usd,1,100,0,0
egress-usd,2,10240,0.09,
egress-usd,3,,0.07,
""",
    "discounts.csv": """\
discount_id,account_id,scope_type,scope_value,percent,valid_from,valid_to
d-1,acc-1,sku,cpu,12.5,2026-01-01,2027-01-01
d-2,,service,Network,5,,
d-3,acc-2,all,,100,,
""",
    "commitments.csv": """\
commitment_id,account_id,sku_id,quantity_per_hour,unit_price,currency_code,valid_from,valid_to
c-1,acc-1,cpu,3.5,0.009,EUR,2026-01-01,2027-01-01
""",
    "credits.csv": """\
credit_id,account_id,amount,currency_code,valid_from,valid_to
k-1,acc-1,100.50,EUR,2026-01-01T12:34:56.789Z,2026-12-31
k-2,acc-2,300,USD,,
""",
    "taxes.csv": """\
country_code,tax_name,percent,valid_from,valid_to
DE,VAT,16,2020-07-01,2021-01-01
DE,VAT,19,2021-01-01,
""",
    "budgets.csv": """\
budget_id,account_id,scope_type,scope_value,amount,currency_code,thresholds
b-1,acc-1,service,Compute,1000,EUR,50;80;100
b-2,acc-2,,,250.25,USD,
""",
}


class CatalogFolder:
    """The folder, with the ways tests change it. Lines count from 1, the header's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in FILES.items():
            (path / name).write_text(text)

    def edit(self, name: str, line: int, /, **cells: str) -> None:
        """Set cells of one line."""
        rows = self._rows(name)
        for column, value in cells.items():
            rows[line - 1][rows[0].index(column)] = value
        self._write(name, rows)

    def append(self, name: str, *cells: str) -> int:
        """Add a line and return its number."""
        rows = [*self._rows(name), list(cells)]
        self._write(name, rows)
        return len(rows)

    def write(self, name: str, text: str) -> None:
        """Replace a file."""
        (self.path / name).write_text(text)

    def remove(self, *names: str) -> None:
        """Delete files."""
        for name in names:
            (self.path / name).unlink()

    def read(self, **known_accounts: str) -> Catalog:
        """The catalog; names of known accounts are written with _ for -."""
        return read_catalog(self.path, known_accounts={name.replace("_", "-"): code for name, code in known_accounts.items()})

    def problems(self, **known_accounts: str) -> list[str]:
        """The problems the folder is refused for, one text each."""
        with pytest.raises(InputError) as refusal:
            self.read(**known_accounts)
        return str(refusal.value).splitlines()[1:]

    def _rows(self, name: str) -> list[list[str]]:
        with (self.path / name).open(newline="") as file:
            return list(csv.reader(file))

    def _write(self, name: str, rows: list[list[str]]) -> None:
        with (self.path / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)


@pytest.fixture
def folder(tmp_path: Path) -> CatalogFolder:
    """A valid folder of all nine files."""
    return new_folder(tmp_path)


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], CatalogFolder]:
    """Makes valid folders, for tests that need one an example."""
    return lambda: new_folder(tmp_path_factory.mktemp("catalogs"))


def new_folder(base: Path) -> CatalogFolder:
    """A valid folder below `base`."""
    path = base / "catalog"
    path.mkdir()
    return CatalogFolder(path)
