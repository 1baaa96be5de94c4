"""The HTTP door: who may send what, and that what it accepted is loaded once."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from control.domain.api_keys import EVENTS_WRITE
from control.services.api_keys import revoke_key
from ingestion.door.app import Access
from ingestion.sources import frames
from orchestration.api.access import KeyAccess
from orchestration.deployment import Deployment
from tests.control_bench.stores import control_settings, fresh_sqlite, settings_of
from tests.sources_bench.deployments import Loading
from tests.sources_bench.doors import Door, make_key, running_door
from tests.sources_bench.events import event, lines
from warehouse.settings import Settings

BATCH = "application/cloudevents-batch+json"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    home = tmp_path_factory.mktemp("door")
    with running_door(settings_of(fresh_sqlite(home), home), METERHOUSE_REQUEST_LIMIT_BYTES="100000") as door:
        yield door


@pytest.fixture
def loading(client: Client, settings: Settings, door: Door) -> Loading:
    """Loads what the door has accepted into a warehouse of the test's own."""
    return Loading(client=client, settings=_with_spool_of(settings, door))


def _with_spool_of(settings: Settings, door: Door) -> Settings:
    """The embedded server is found by the home; here the spool lies in another."""
    spool = frames.folder(settings.home)
    spool.unlink(missing_ok=True)
    spool.symlink_to(frames.folder(door.settings.home))
    return settings


def test_events_of_all_forms_are_accepted_and_loaded_once(loading: Loading, door: Door) -> None:
    answers = [
        door.send(lines([1, 2]).encode()),
        door.send(gzip.compress(lines([3]).encode()), content_encoding="gzip"),
        door.send(json.dumps([json.loads(event(4)), json.loads(event(5))], indent=1).encode(), content_type=BATCH),
        door.send(json.dumps(json.loads(event(6)), indent=1).encode(), content_type="application/cloudevents+json"),
        door.send(
            b'{"account_id":"acc-1","metric":"requests","quantity":"1"}',
            content_type="application/json",
            ce_specversion="1.0",
            ce_id="e-7",
            ce_source="/test",
            ce_type="usage.recorded",
            ce_subject="r-1",
            ce_time="2026-01-15T10:00:00Z",
        ),
        door.send(lines([1, 2]).encode()),  # as after an answer that was lost
        door.send(b"not json\n"),
        door.send(b"[]", content_type=BATCH),
    ]
    assert [(answer.status, answer.content["lines"]) for answer in answers] == [(202, n) for n in (2, 1, 2, 1, 1, 2, 1, 0)]
    (batch_id,) = {answer.content["batch_id"] for answer in answers[:-1]}

    (result,) = loading.run()

    assert (result.batch_id, result.accepted, result.duplicates, result.rejected) == (batch_id, 7, 2, 1)
    assert loading.numbers() == set(range(1, 8))
    assert loading.rows("SELECT source_name FROM {ops}.batches") == [("http",)]
    assert loading.run() == []
    assert list(frames.folder(loading.settings.home).iterdir()) == []

    door.send(event(8).encode())
    (later,) = loading.run()
    assert later.batch_id != batch_id


def test_a_spool_file_that_was_loaded_before_a_crash_is_only_removed(loading: Loading, door: Door, tmp_path: Path) -> None:
    door.send(lines([1, 2]).encode())
    (path,) = frames.folder(loading.settings.home).iterdir()
    sealed = frames.seal(path)
    assert sealed is not None
    kept = sealed.read_bytes()
    loading.run()
    sealed.write_bytes(kept)

    assert loading.run() == []
    assert not sealed.exists()
    assert loading.numbers() == {1, 2}


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        ({"token": ""}, 401, "no-key"),
        ({"token": "mh_0123456789abcdef_" + "x" * 43}, 401, "unknown-key"),
        ({"content_type": "text/csv"}, 415, "unsupported-media-type"),
        ({"content_encoding": "br"}, 415, "unsupported-encoding"),
        ({"content_encoding": "gzip"}, 400, "damaged-body"),
        ({"content_type": BATCH}, 400, "malformed-body"),
        ({"body": b"x" * 100_001}, 413, "body-too-large"),
        ({"body": gzip.compress(b"x" * 100_001), "content_encoding": "gzip"}, 413, "body-too-large"),
    ],
)
def test_what_is_refused_is_a_problem_with_its_kind(door: Door, answer: dict[str, str], status: int, kind: str) -> None:
    options = dict(answer)
    got = door.send(options.pop("body", event(1).encode()), **options)  # type: ignore[arg-type]  # parameters above
    assert (got.status, got.content["type"], got.content["status"]) == (status, f"urn:meterhouse:problem:{kind}", status)
    assert got.headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in got.headers) == (status == 401)


def test_a_revoked_key_is_refused_as_soon_as_it_is_asked_for_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id, token = make_key(door.settings, "leaver")
    with Deployment(settings=door.settings, control_settings=control_settings()).control() as control:
        access = KeyAccess(control, EVENTS_WRITE)
        assert asyncio.run(access(token)) is Access.GRANTED
        assert asyncio.run(KeyAccess(control, "invoices:read")(token)) is Access.FORBIDDEN
        revoke_key(control, key_id, now=door.settings.now())
        assert asyncio.run(access(token)) is Access.GRANTED, "for the seconds that it is remembered"
        monkeypatch.setattr("orchestration.api.access.REMEMBERED_SECONDS", 0)
        assert asyncio.run(access(token)) is Access.UNKNOWN


def test_a_full_spool_says_when_to_come_back(tmp_path: Path) -> None:
    with running_door(settings_of(fresh_sqlite(tmp_path), tmp_path), METERHOUSE_SPOOL_LIMIT_BYTES=str(1 << 20)) as door:
        assert door.send(b"x" * (1 << 19)).status == 202
        got = door.send(b"x" * (1 << 20))
    assert (got.status, got.content["type"]) == (429, "urn:meterhouse:problem:spool-full")
    assert int(got.headers["retry-after"]) > 0
