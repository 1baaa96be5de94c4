"""Object storage as a landing zone: an object is loaded once, and not looked at again until it is replaced."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from clickhouse_connect.driver.client import Client

from ingestion.sources.objects.store import Listed
from ingestion.sources.objects.store import ObjectStore as Reader
from tests.sources_bench.deployments import Loading
from tests.sources_bench.events import event, lines
from tests.sources_bench.object_stores import SECRET, VARIABLES, ObjectStore, running_store
from warehouse.ports import free_port
from warehouse.settings import Settings


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with running_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def bucket(store: ObjectStore) -> str:
    return store.bucket(f"landing-{uuid4().hex[:8]}")


@pytest.fixture
def loading(client: Client, settings: Settings, store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Loading:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    own = settings.model_copy(update={"landing": f"s3://{bucket}/events/", "s3_endpoint": store.endpoint})
    return Loading(client=client, settings=own)


def _parquet(numbers: range) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"line": [event(number) for number in numbers]}), sink)
    return sink.getvalue()


def test_objects_of_every_format_are_loaded_once(loading: Loading, store: ObjectStore, bucket: str) -> None:
    store.put(bucket, "events/1.jsonl", lines(range(10)).encode())
    store.put(bucket, "events/2/part.jsonl.gz", gzip.compress(lines(range(10, 20)).encode()))
    store.put(bucket, "events/3.jsonl.zst", zstandard.compress(lines(range(20, 30)).encode()))
    store.put(bucket, "events/4.parquet", _parquet(range(30, 40)))
    for other in ("events/.hidden.jsonl", "events/readme.txt", "elsewhere/9.jsonl"):
        store.put(bucket, other, event(99).encode())

    results = loading.run()

    assert [(result.location, result.accepted) for result in results] == [
        (f"s3://{bucket}/events/1.jsonl", 10),
        (f"s3://{bucket}/events/2/part.jsonl.gz", 10),
        (f"s3://{bucket}/events/3.jsonl.zst", 10),
        (f"s3://{bucket}/events/4.parquet", 10),
    ]
    assert loading.run() == []
    assert loading.numbers() == set(range(40))
    assert not list((loading.settings.home / "incoming").iterdir())


def test_the_server_reads_lines_itself_and_shows_no_key(
    loading: Loading, store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(bucket, "events/1.jsonl", lines(range(1000)).encode())
    store.put(bucket, "events/2.jsonl.gz", gzip.compress(lines(range(1000, 2000)).encode() + b"not json\n"))
    monkeypatch.setattr(Reader, "chunks", lambda *_: pytest.fail("streamed"))

    assert [(result.accepted, result.rejected) for result in loading.run()] == [(1000, 0), (1000, 1)]
    assert loading.numbers() == set(range(2000))
    assert loading.rows("SELECT line_number FROM {ops}.rejected_events") == [(1001,)]
    server = loading.settings.home / "warehouse"
    assert SECRET not in (server / "server.log").read_text(errors="replace")


def test_what_the_server_cannot_read_is_streamed(
    loading: Loading, store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(bucket, "events/a {1,2}*.jsonl", event(1).encode())  # s3() would take it for a pattern
    loading.run()
    assert loading.numbers() == {1}

    monkeypatch.setattr(
        Reader, "table", lambda *_, **__: f"s3('http://127.0.0.1:{free_port()}/b/k', 'x', 'y', 'LineAsString', 'line String')"
    )
    store.put(bucket, "events/2.jsonl", event(2).encode())
    loading.run()
    assert loading.numbers() == {1, 2}


def test_what_is_loaded_is_not_read_again(loading: Loading, store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.sources.objects.store._PAGE_KEYS", 2)
    for number in range(2, 6):
        store.put(bucket, f"events/{number}.jsonl", event(number).encode())
    store.put(bucket, "events/x.jsonl", event(1).encode())
    loading.run()
    read: list[str] = []
    monkeypatch.setattr(Reader, "chunks", lambda _, item: read.append(item.key))

    store.put(bucket, "events/x.jsonl", event(1).encode())  # the same once more: another time, the same content

    assert loading.run() == []
    assert read == []


def test_objects_in_the_order_of_time_are_listed_only_from_yesterday_on(
    loading: Loading, store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = Loading(client=loading.client, settings=loading.settings.model_copy(update={"landing_is_ordered": True}))
    starts: list[str] = []
    original = Reader.listed

    def listed(self: Reader, *, after: str = "") -> Iterator[Listed]:
        starts.append(after)
        return original(self, after=after)

    monkeypatch.setattr(Reader, "listed", listed)
    for number in range(1, 4):
        store.put(bucket, f"events/{number}.jsonl", event(number).encode())
    assert len(ordered.run()) == 3
    seen = f"{loading.settings.database('ops')}.seen_inputs"

    def two_days_ago(condition: str) -> None:
        older = f"SELECT location, fingerprint, batch_id, seen_at - INTERVAL 2 DAY FROM {seen} WHERE {condition}"
        loading.client.command(f"INSERT INTO {seen} {older}")
        loading.client.command(
            f"ALTER TABLE {seen} DELETE WHERE {condition} AND seen_at > now() - INTERVAL 1 DAY SETTINGS mutations_sync = 2"
        )

    two_days_ago("location NOT LIKE '%/3.jsonl'")
    store.put(bucket, "events/4.jsonl.gz", b"")
    store.put(bucket, "events/5.jsonl", event(5).encode())

    results, unreadable = ordered.with_failures()
    assert ([result.accepted for result in results], len(unreadable)) == ([1], 1)
    two_days_ago("true")
    store.put(bucket, "events/4.jsonl.gz", gzip.compress(event(4).encode()))
    ordered.run()

    assert starts == ["", f"s3://{bucket}/events/2.jsonl", ""], "one that could not be loaded is never passed over"
    assert loading.numbers() == {1, 2, 3, 4, 5}


def test_a_replaced_object_is_loaded_again_and_what_came_before_counts_once(loading: Loading, store: ObjectStore, bucket: str) -> None:
    store.put(bucket, "events/1.jsonl", lines([1, 2]).encode())
    loading.run()
    store.put(bucket, "events/1.jsonl", lines([1, 2, 3]).encode())

    (again,) = loading.run()

    assert (again.accepted, again.duplicates) == (1, 2)
    assert loading.numbers() == {1, 2, 3}


def test_a_damaged_object_holds_up_no_other(loading: Loading, store: ObjectStore, bucket: str) -> None:
    store.put(bucket, "events/1.jsonl.gz", gzip.compress(lines(range(500)).encode())[:-20])
    store.put(bucket, "events/2.jsonl.zst", zstandard.compress(lines(range(500)).encode())[:-20])
    store.put(bucket, "events/3.jsonl.gz", b"")
    store.put(bucket, "events/4.jsonl", event(4).encode())

    results, unreadable = loading.with_failures()

    assert [result.location for result in results] == [f"s3://{bucket}/events/4.jsonl"]
    assert [sentence.partition(":")[2].partition(":")[0].rpartition("/")[2] for sentence in unreadable] == [
        "1.jsonl.gz", "2.jsonl.zst", "3.jsonl.gz",
    ]  # fmt: skip
    assert all("cut off" in sentence for sentence in unreadable)
    assert loading.numbers() == {4}


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        ({"s3_endpoint": f"http://127.0.0.1:{free_port()}"}, "does not answer"),
        ({"landing": "s3://there-is-no-such-bucket/"}, "NoSuchBucket"),
        ({"landing": "s3://"}, "names no bucket"),
    ],
)
def test_a_store_that_fails_is_one_sentence_without_the_key(loading: Loading, update: dict[str, Any], sentence: str) -> None:
    broken = Loading(client=loading.client, settings=loading.settings.model_copy(update=update))

    results, (found,) = broken.with_failures()

    assert results == []
    assert sentence in found
    assert SECRET not in found


def test_without_a_key_the_sentence_says_which_variables_to_set(loading: Loading, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    _, (found,) = loading.with_failures()
    assert "AWS_ACCESS_KEY_ID" in found
