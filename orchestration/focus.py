"""A month of finops.focus_cost_and_usage as FOCUS files: CSV, Parquet of the same rows, and a manifest.

What a row says is the model's business (docs/focus.md). Here it is streamed, read back, added up and held against the
documents' totals before a file gets its name: files that do not add up are never seen.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from clickhouse_connect.driver.client import Client
from urllib3.exceptions import HTTPError

from control.domain.periods import Period
from warehouse.errors import InputError, RefusedError, WarehouseError
from warehouse.settings import Settings

VERSION = "1.2"
TABLE = "focus_cost_and_usage"
WRITTEN_BY = "meterhouse export focus"

_ORDER = (
    "BillingAccountId", "x_DocumentId", "ChargePeriodStart", "SkuId", "SkuPriceId", "SubAccountId", "ResourceId", "RegionId",
    "ChargeCategory", "ChargeDescription",
)  # fmt: skip
_SELLER = ("InvoiceIssuerName", "ProviderName", "PublisherName")
_SUMS = ("BilledCost", "EffectiveCost")

_CHUNK_BYTES = 1 << 20
# Of CSV, read back at a time; one row group of the Parquet file each. More costs memory, less makes files that read slowly.
_BLOCK_BYTES = 32 << 20
# Beyond this the server sorts and groups on its disk.
_SERVER_BYTES = 1 << 30
# Costs have at most 38 digits, and sums of a month's no more than the warehouse's own.
_EXACT = Context(prec=77)


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """One file. `rows` is 0 for the manifest."""

    file: Path
    format: str  # csv, parquet or json
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class _Column:
    name: str
    type: str  # ClickHouse's

    @property
    def is_nullable(self) -> bool:
        return self.type.startswith("Nullable(")

    @property
    def focus_type(self) -> str:
        """Decimal, Date/Time or String."""
        return "Decimal" if "Decimal" in self.type else "Date/Time" if "DateTime" in self.type else "String"

    @property
    def arrow_type(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        match self.focus_type:
            case "Decimal":
                precision, scale = self.type.partition("Decimal(")[2].rstrip(")").split(", ")
                return pa.decimal128(int(precision), int(scale))
            case "Date/Time":
                return pa.timestamp("ms", tz="UTC")
            case _:
                return pa.string()

    def csv_value(self, of: str) -> str:
        """As text that FOCUS allows: no exponent, decimals with a point (a reader that guesses types finds no integers), seconds with Z."""
        value = f"{of}.{self.name}"
        match self.focus_type:
            case "Decimal":
                return f"concat(toString({value}), if(position(toString({value}), '.') = 0, '.0', ''))"
            case "Date/Time":
                return f"formatDateTime({value}, '%Y-%m-%dT%H:%i:%SZ')"
            case _ if self.name in _SELLER:
                return f"if({of}.InvoiceId IS NULL AND {{seller:String}} != '', {{seller:String}}, {value})"
            case _:
                return value


def export(client: Client, settings: Settings, period: str, folder: Path, *, seller_name: str) -> list[ExportedFile]:
    """Write the files of a month; repeating it without new input writes the same bytes. Callers hold the pipeline's lease.

    Args:
        client: of the pipeline user.
        settings: of the deployment.
        period: `YYYY-MM`, of the documents.
        folder: made where it does not exist.
        seller_name: who issues, on rows of drafts; issued ones keep who issued them.

    Raises:
        InputError: the month has no documents, or the folder cannot be written to.
        RefusedError: a file of that name is not ours, another export writes there, or the rows do not add up to the documents.
        WarehouseError: the warehouse failed.
    """
    totals = _totals(client, settings, period)
    columns = _columns(client, settings)
    stem = f"focus-{period}"
    targets = {kind: folder / f"{stem}.{kind}" for kind in ("csv", "parquet", "json")}
    header = ",".join(f'"{column.name}"' for column in columns)
    with _writing(folder, stem) as partials:
        for kind, target in targets.items():
            _refuse_foreign(target, kind, header)
        _write_csv(client, settings, period, partials["csv"], columns=columns, seller_name=seller_name)
        rows, sums = _write_parquet(partials["csv"], partials["parquet"], columns)
        _refuse_difference(period, sums, totals)
        files = [_described(partials[kind], targets[kind], kind, rows=rows) for kind in ("csv", "parquet")]
        manifest = {
            "written_by": WRITTEN_BY,
            "focus_version": VERSION,
            "billing_period": period,
            "is_final": all(is_issued for _, is_issued in totals.values()),
            "document_count": len(totals),
            "row_count": rows,
            "files": [{"file": file.file.name, "format": file.format, "bytes": file.bytes, "sha256": file.sha256} for file in files],
            "columns": [{"name": column.name, "type": column.focus_type, "allows_nulls": column.is_nullable} for column in columns],
        }
        partials["json"].write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
        files.append(_described(partials["json"], targets["json"], "json", rows=0))
        _put_in_place(partials, targets)
    return files


def _totals(client: Client, settings: Settings, period: str) -> Mapping[str, tuple[Decimal, bool]]:
    """Of each document of the month its total, and whether it is issued."""
    finops = settings.database("finops")
    if not client.command(f"EXISTS VIEW {finops}.{TABLE}"):
        raise InputError("there is nothing to export: no tick of this version has run yet; run `meterhouse run`")
    found = client.query(
        f"SELECT invoice_id, toString(total_amount), status != 'draft' FROM {settings.database('invoicing')}.invoices"
        " WHERE period = {period:String}",
        parameters={"period": period},
    ).result_rows
    if not found:
        raise InputError(f"{period} has no documents; `meterhouse invoice list` shows the months that have")
    return {invoice_id: (Decimal(total), bool(is_issued)) for invoice_id, total, is_issued in found}


def _columns(client: Client, settings: Settings) -> list[_Column]:
    rows = client.query(f"DESCRIBE {settings.database('finops')}.{TABLE}").result_rows
    return [_Column(name=row[0], type=row[1]) for row in rows]


@contextmanager
def _writing(folder: Path, stem: str) -> Iterator[Mapping[str, Path]]:
    """Files to write into, of this export alone; what is left of them at the end is removed, also what a killed one left."""
    partials = {kind: folder / f".{stem}.{kind}.partial" for kind in ("csv", "parquet", "json")}
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Readable for its owner only, since they hold customer data.
            descriptor = os.open(partials["csv"], os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise InputError(f"{folder} cannot be written to: {error.strerror}") from None
        stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"another export writes {stem} to {folder}; wait for it") from None
        try:
            for partial in partials.values():
                partial.touch(mode=0o600)
            yield partials
        except OSError as error:
            raise InputError(f"{folder} cannot be written to: {error.strerror}") from None
        finally:
            for partial in partials.values():
                partial.unlink(missing_ok=True)


def _refuse_foreign(target: Path, kind: str, header: str) -> None:
    """Only what an export wrote is replaced."""
    if not target.exists():
        return
    is_ours = False
    if target.is_file():
        with target.open("rb") as file:
            match kind:
                case "csv":
                    is_ours = file.readline().strip() == header.encode()
                case "json":
                    is_ours = f'"written_by": "{WRITTEN_BY}"'.encode() in file.read(1000)
                case _:
                    is_ours = _has_our_mark(target)
    if not is_ours:
        raise RefusedError(f"{target} was not written by `{WRITTEN_BY}` of this version and is not overwritten; move it away")


def _has_our_mark(target: Path) -> bool:
    try:
        metadata = pa_parquet.read_schema(target).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return False
    return bool(metadata.get(b"written_by") == WRITTEN_BY.encode())


def _write_csv(client: Client, settings: Settings, period: str, target: Path, *, columns: Sequence[_Column], seller_name: str) -> None:
    month = Period.parse(period)
    rating, number = settings.database("rating"), f"{month.start_at:%Y%m}"
    values = ", ".join(f"{column.csv_value('focus')} AS {column.name}" for column in columns)
    statement = (
        f"SELECT {values}"
        f" FROM {settings.database('finops')}.{TABLE} AS focus"
        f" WHERE focus.BillingPeriodStart = '{month.start_at:%Y-%m-%d %H:%M:%S}'"
        f" ORDER BY {', '.join(f'focus.{name}' for name in _ORDER)}"
    )
    options = {
        "format_csv_null_representation": "",
        # With it the engine's planner may turn in circles on a view of this depth.
        "query_plan_execute_functions_after_sorting": 0,
        "max_bytes_before_external_sort": _SERVER_BYTES,
        "max_bytes_before_external_group_by": _SERVER_BYTES,
        # The engine does not see through the view that the other months' charges are not asked for.
        "additional_table_filters": (
            f"{{'{rating}.charges_hourly_versions': 'toYYYYMM(hour_at) = {number}',"
            f" '{rating}.charges_daily_versions': 'toYYYYMM(charge_date) = {number}'}}"
        ),
    }
    body = client.raw_stream(statement, parameters={"seller": seller_name}, settings=options, fmt="CSVWithNames")
    try:
        with target.open("wb") as file, cast("IO[bytes]", body) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except HTTPError as error:
        raise WarehouseError("the warehouse broke the connection during the export; see its log") from error


def _write_parquet(source: Path, target: Path, columns: Sequence[_Column]) -> tuple[int, Mapping[str, Sequence[Decimal]]]:
    """The rows of the CSV file as Parquet; how many there are, and what each document's add up to."""
    schema = pa.schema(
        [pa.field(column.name, column.arrow_type, nullable=column.is_nullable) for column in columns],
        metadata={"written_by": WRITTEN_BY, "focus_version": VERSION},
    )
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0) for _ in _SUMS])
    rows = 0
    try:
        with (
            pa_csv.open_csv(
                source,
                read_options=pa_csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
                parse_options=pa_csv.ParseOptions(newlines_in_values=True),
                convert_options=pa_csv.ConvertOptions(
                    column_types={field.name: field.type for field in schema},
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            ) as reader,
            pa_parquet.ParquetWriter(target, schema, compression="zstd") as writer,
        ):
            for batch in reader:
                table = pa.Table.from_batches([batch]).cast(schema)
                writer.write_table(table, row_group_size=table.num_rows)
                rows += table.num_rows
                summed = table.group_by("x_DocumentId").aggregate([(name, "sum") for name in _SUMS])
                for found in summed.to_pylist():
                    known = sums[found["x_DocumentId"]]
                    known[:] = [_EXACT.add(before, found[f"{name}_sum"]) for before, name in zip(known, _SUMS, strict=True)]
    except (pa.ArrowException, ValueError) as error:
        # What the server says of a failure in the middle of its answer stands in the answer.
        raise WarehouseError(f"the warehouse's answer cannot be read as CSV: {str(error).splitlines()[0][:300]}") from None
    with target.open("rb") as file:
        os.fsync(file.fileno())
    return rows, sums


def _refuse_difference(period: str, sums: Mapping[str, Sequence[Decimal]], totals: Mapping[str, tuple[Decimal, bool]]) -> None:
    for invoice_id in sorted({*sums, *totals}):
        total = totals.get(invoice_id, (Decimal(0), False))[0]
        for name, found in zip(_SUMS, sums.get(invoice_id, [Decimal(0) for _ in _SUMS]), strict=True):
            if found != total:
                raise RefusedError(
                    f"{period} was not exported: {name} of {invoice_id} adds up to {found.normalize(_EXACT):f}, its total is {total:f};"
                    " run `meterhouse run`, and report this where it stays"
                )


def _described(partial: Path, target: Path, kind: str, *, rows: int) -> ExportedFile:
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ExportedFile(file=target, format=kind, rows=rows, bytes=partial.stat().st_size, sha256=digest)


def _put_in_place(partials: Mapping[str, Path], targets: Mapping[str, Path]) -> None:
    """The manifest goes first and comes last: files beside one are those that it names, wherever an export was cut off."""
    targets["json"].unlink(missing_ok=True)
    for kind in ("csv", "parquet", "json"):
        partials[kind].replace(targets[kind])
