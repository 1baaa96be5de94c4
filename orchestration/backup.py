"""Backup and restore of a whole deployment: warehouse and control store in one file, of one moment.

    FILE (zip) ─┬─ warehouse/<layer>.<table>.native.zst     rows of each table
                ├─ control.jsonl                            rows of the control store
                └─ manifest.json                            what is in it, written last

Both hold the pipeline's lease, so no load, tick or close is in between the two.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from clickhouse_connect.driver.client import Client

from control.store import archive as control_archive
from orchestration import dbt
from orchestration.deployment import Deployment
from orchestration.session import open_warehouse
from warehouse import archive as warehouse_archive
from warehouse import ticks
from warehouse.archive import ArchivedTable
from warehouse.errors import InputError, RefusedError, WarehouseError

FORMAT = 1
_MANIFEST, _CONTROL = "manifest.json", "control.jsonl"


@dataclass(frozen=True, kw_only=True)
class Archived:
    """What a backup holds."""

    file: str
    created_at: datetime
    version: str
    tables: int
    rows: int
    control_rows: int
    bytes: int


def back_up(deployment: Deployment, path: Path) -> Archived:
    """Write a backup. The file appears when it is complete; one that is there already is never touched.

    Raises:
        InputError: the file exists, or cannot be written.
        RefusedError: a load, tick or close takes too long to wait for.
    """
    if path.exists():
        raise InputError(f"{path} exists; name a new file, a backup is never overwritten")
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open_warehouse(deployment) as client, deployment.alone("meterhouse backup"), deployment.control() as control:
            partial.touch(mode=0o600)  # it holds customer data
            with partial.open("wb") as file, ZipFile(file, "w", ZIP_STORED) as archive:
                tables = warehouse_archive.archive_tables(client, deployment.settings, archive)
                control_rows = 0
                with archive.open(_CONTROL, "w", force_zip64=True) as member:
                    for line in control_archive.dump(control.store):
                        member.write(line)
                        control_rows += 1
                manifest = {
                    "format": FORMAT,
                    "version": version("meterhouse"),
                    "created_at": deployment.settings.now().isoformat().replace("+00:00", "Z"),
                    "warehouse_schema": warehouse_archive.schema(client, deployment.settings),
                    "control_schema": control_archive.SCHEMA,
                    "control_rows": control_rows,
                    "tables": [asdict(table) for table in tables],
                }
                archive.writestr(_MANIFEST, json.dumps(manifest, indent=1), ZIP_DEFLATED)
            with partial.open("rb") as written:
                os.fsync(written.fileno())
            partial.rename(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose a folder that exists and has room") from error
    finally:
        partial.unlink(missing_ok=True)
    return _described(path, manifest)


def restore(deployment: Deployment, path: Path) -> Archived:
    """Bring an empty deployment to the state of a backup.

    Raises:
        InputError: the file is no backup, is damaged, or another version wrote it; nothing was changed.
        RefusedError: the deployment holds events, accounts or invoices.
    """
    with _opened(path) as archive:
        manifest = _manifest(archive, path)
        with open_warehouse(deployment) as client, deployment.alone("meterhouse restore"), deployment.control() as control:
            if warehouse_archive.holds_events(client, deployment.settings) or control_archive.is_used(control.store):
                raise RefusedError("this deployment holds events, accounts or invoices; restore into an empty home (METERHOUSE_HOME)")
            schemas = (manifest["warehouse_schema"], manifest["control_schema"])
            if schemas != (warehouse_archive.schema(client, deployment.settings), control_archive.SCHEMA):
                raise InputError(
                    f"{path}: Meterhouse {manifest['version']} wrote it with other tables; restore it with that version, then upgrade"
                )
            tables = [ArchivedTable(**table) for table in manifest["tables"]]
            with archive.open(_CONTROL) as member:
                lines = member.read().splitlines()
            if len(lines) != manifest["control_rows"]:
                raise InputError(f"{path}: holds {len(lines)} of {manifest['control_rows']} rows of the control store; use another backup")
            warehouse_archive.restore_tables(client, deployment.settings, archive, tables)
            control_archive.load(control.store, lines)
            _show(client, deployment)
    return _described(path, manifest)


def _show(client: Client, deployment: Deployment) -> None:
    """Make the views, and with them all public tables, by a tick at the as-of of the last one.

    Raises:
        WarehouseError: a model failed. The rows are restored all the same.
    """
    ops = deployment.settings.database("ops")
    last = client.query(f"SELECT as_of FROM {ops}.ticks WHERE status = 'committed' ORDER BY tick_id DESC LIMIT 1").result_rows
    if not last:
        return  # no tick has run, so there is nothing to show
    seller_country = deployment.control_settings.seller.country_code
    tick = ticks.begin(client, deployment.settings, as_of=last[0][0], seller_country=seller_country)
    failed = [result for result in dbt.build(deployment.settings) if result.status in ("error", "fail")]
    if failed:
        raise WarehouseError(
            f"all rows are restored, but not shown yet: {failed[0].unique_id}: {dbt.first_line(failed[0].message)}; see `meterhouse run`"
        )
    ticks.commit(client, deployment.settings, tick)


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise InputError(f"{path}: damaged in {damaged}; nothing was restored, use another backup")
            yield archive
    except BadZipFile as error:
        raise InputError(f"{path}: not a complete backup ({error}); nothing was restored, use another one") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _manifest(archive: ZipFile, path: Path) -> dict[str, Any]:
    if _MANIFEST not in archive.namelist():
        raise InputError(f"{path}: not a backup of Meterhouse; it has no {_MANIFEST}")
    manifest: dict[str, Any] = json.loads(archive.read(_MANIFEST))
    if manifest.get("format") != FORMAT:
        raise InputError(f"{path}: of format {manifest.get('format')}, this version reads {FORMAT}; restore it with a newer Meterhouse")
    return manifest


def _described(path: Path, manifest: dict[str, Any]) -> Archived:
    return Archived(
        file=str(path),
        created_at=datetime.fromisoformat(manifest["created_at"]),
        version=manifest["version"],
        tables=len(manifest["tables"]),
        rows=sum(table["rows"] for table in manifest["tables"]),
        control_rows=manifest["control_rows"],
        bytes=path.stat().st_size,
    )
