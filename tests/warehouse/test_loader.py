"""What a load leaves in raw and ops: each line in one place, each event once, however often and in whatever file it comes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ingestion import loader
from ingestion.loader import LoadResult, load_file
from ingestion.sources import hashing
from ingestion.sql import learning
from ingestion.sql.shapes import Shape
from tests.warehouse.loader.deployments import NOW, Deployment, open_deployment, write_lines
from tests.warehouse.loader.inventions import random_lines
from tests.warehouse.loader.lines import lifecycle, usage
from warehouse.errors import InputError
from warehouse.settings import Settings

DATA = {"account_id": "acc-42", "project_id": "prj-7", "region": "eu-north1", "metric": "storage.egress_bytes", "labels": {"team": "ml"}}


@pytest.fixture
def deployment(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


def _event(number: int, **members: str | None) -> str:
    return usage(id=f'"event-{number}"', **members)


def _buckets(result: LoadResult) -> tuple[int, int, int, int]:
    return (result.accepted, result.duplicates, result.conflicts, result.rejected)


def test_a_load_accounts_for_every_line(deployment: Deployment) -> None:
    lines = [_event(1), "", _event(2), "no event", " \t", _event(1), _event(1, quantity="2"), lifecycle(), "[]"]

    result = deployment.load(lines)

    assert _buckets(result) == (3, 1, 1, 2)
    assert result.rows_read == 7
    assert deployment.rows("ops.event_accounting") == [(result.batch_id, 9, 2, 3, 1, 1, 2)]
    assert deployment.rows("ops.rejected_events", "line_number, reason_code, raw_line") == [
        (4, "invalid_json", "no event"),
        (9, "not_an_object", "[]"),
    ]
    assert deployment.rows("raw.usage_events", "line_number, batch_seq") == [(1, 1), (3, 1)]
    assert deployment.rows("raw.lifecycle_events", "line_number, batch_seq") == [(8, 1)]
    assert deployment.stage_tables() == []


def test_random_lines_add_up(deployment: Deployment) -> None:
    invented = list(random_lines(seed=1, count=2000))
    result = deployment.load([*invented, *invented[:500], ""])

    (lines, blank, accepted, duplicates, conflicts, rejected) = deployment.rows("ops.event_accounting")[0][1:]
    assert (lines, lines - blank) == (2501, result.rows_read)
    assert lines == blank + accepted + duplicates + conflicts + rejected
    assert len(deployment.rows("raw.usage_events")) + len(deployment.rows("raw.lifecycle_events")) == accepted
    assert len(deployment.rows("raw.identities")) == accepted
    assert len(deployment.rows("ops.rejected_events")) == rejected
    assert len(deployment.rows("ops.event_conflicts")) == conflicts
    assert min(accepted, duplicates, conflicts, rejected, blank) > 0


def test_a_second_load_of_the_same_file_changes_nothing(deployment: Deployment) -> None:
    first = deployment.load([_event(1), _event(1), "x"])
    before = deployment.contents()

    second = deployment.load([_event(1), _event(1), "x"])

    assert (first.already_loaded, second.already_loaded) == (False, True)
    assert _buckets(second) == _buckets(first) == (1, 1, 0, 1)
    assert deployment.contents() == before


def test_the_same_bytes_under_another_name_are_the_same_file(deployment: Deployment) -> None:
    deployment.load([_event(1)], name="one.jsonl")

    assert deployment.load([_event(1)], name="two.jsonl").already_loaded
    assert len(deployment.rows("ops.batches")) == 1


def test_an_event_that_comes_again_is_a_duplicate_however_it_is_written(deployment: Deployment) -> None:
    deployment.load([_event(1), lifecycle()])
    again = [
        _event(1).replace(',"', ', "').replace('":', '": '),
        _event(1, quantity='"1073741824.000"'),
        _event(1, quantity="1073741824"),
        _event(1, quantity='"1.073741824e9"'),
        _event(1, extra='{"unknown":[1,2]}'),
        _event(1, time='"2026-01-15T13:03:00.0004+03:00"'),
        _event(1, sequence="0", value='""', state='"x"'),
        _event(1, labels='{"team":"ml","team":"other","gone":null}'),
        lifecycle(metrics='{"compute.ram_gib":32,"compute.vcpu":8.0}'),
    ]

    result = deployment.load(again)

    assert _buckets(result) == (0, len(again), 0, 0)
    assert len(deployment.rows("raw.identities")) == 2


OTHER_CONTENTS: tuple[dict[str, str | None], ...] = (
    {"subject": '"bucket-18"'},
    {"time": '"2026-01-15T10:03:00.001Z"'},
    {"time": '"2025-12-15T10:03:00Z"'},
    {"account_id": '"acc-43"'},
    {"project_id": None},
    {"region": '"eu-west1"'},
    {"metric": '"storage.ingress_bytes"'},
    {"quantity": '"1073741824.000000001"'},
    {"value": '"x"'},
    {"labels": '{"team":"mm"}'},
    {"labels": '{"Team":"ml"}'},
    {"labels": None},
    {"sequence": "1"},
    {"type": '"resource.created"', "metrics": "{}"},
)


def test_the_same_identity_with_other_content_is_a_conflict_and_changes_nothing(deployment: Deployment) -> None:
    first = deployment.load(_event(number) for number in range(len(OTHER_CONTENTS)))
    tables = ("raw.usage_events", "raw.lifecycle_events", "raw.identities", "raw.usage_windows", "raw.lifecycle_windows")
    before = [deployment.rows(table) for table in tables]

    result = deployment.load(["", *(_event(number, **members) for number, members in enumerate(OTHER_CONTENTS))])

    assert _buckets(result) == (0, 0, len(OTHER_CONTENTS), 0)
    assert [deployment.rows(table) for table in tables] == before
    assert deployment.rows("ops.event_conflicts", "batch_seq, batch_id, line_number, source, event_id, first_batch_id") == [
        (2, result.batch_id, number + 2, "/storage/eu-north1", f"event-{number}", first.batch_id) for number in range(len(OTHER_CONTENTS))
    ]


def test_lifecycle_contents_differ_in_state_type_and_metrics(deployment: Deployment) -> None:
    deployment.load([lifecycle("started")])

    others = [
        lifecycle("created"),
        lifecycle("started", state='"stopped"'),
        lifecycle("started", resource_type='"compute.disk"'),
        lifecycle("started", metrics='{"compute.vcpu":"8"}'),
        lifecycle("started", metrics='{"compute.vcpu":"8","compute.ram_gib":"33"}'),
    ]
    assert _buckets(deployment.load(others)) == (0, 0, len(others), 0)


def test_an_absent_state_is_the_one_it_means(deployment: Deployment) -> None:
    deployment.load([lifecycle("stopped", state=None), lifecycle("deleted", id='"d"')])

    again = [lifecycle("stopped", state='"stopped"'), lifecycle("deleted", id='"d"', state=None, metrics=None)]
    assert _buckets(deployment.load(again)) == (0, 2, 0, 0)


def test_a_conflict_shows_what_was_refused(deployment: Deployment) -> None:
    deployment.load([_event(1)])
    deployment.load([_event(1, quantity='"0.000000001"', labels='{"a":"\\"b"}')])

    (content,) = deployment.rows("ops.event_conflicts", "content")[0]
    refused = json.loads(content)
    assert (refused["quantity"], refused["labels"], refused["account_id"]) == ("0.000000001", {"a": '"b'}, "acc-42")


def test_within_a_file_the_first_line_counts(deployment: Deployment) -> None:
    result = deployment.load([_event(1, quantity="7"), _event(1, quantity="8"), _event(1, quantity="7"), _event(1, quantity="9")])

    assert _buckets(result) == (1, 1, 2, 0)
    assert deployment.rows("raw.usage_events", "line_number, toString(quantity)") == [(1, "7")]
    assert deployment.rows("ops.event_conflicts", "line_number, first_batch_id") == [(2, result.batch_id), (4, result.batch_id)]


@pytest.mark.parametrize("repeated", [1, 30])
def test_of_many_lines_few_or_many_may_repeat(deployment: Deployment, repeated: int) -> None:
    deployment.load([_event(number) for number in range(60)], name="first.jsonl")
    result = deployment.load([_event(number) for number in range(60 - repeated, 120)])

    assert (result.accepted, result.duplicates) == (60, repeated)
    assert deployment.rows("raw.usage_events", "count(), uniqExact(event_id)") == [(120, 120)]
    assert deployment.rows("raw.usage_events", "line_number", "ALL") == sorted(
        [(number,) for number in range(1, 61)] + [(number,) for number in range(repeated + 1, repeated + 61)]
    )


def test_many_lines_are_read_by_their_shape_and_the_others_beside_them(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[Shape] = []

    def shapes_of(lines: list[bytes]) -> list[Shape]:
        learned.extend(learning.shapes_of(lines))
        return learned

    monkeypatch.setattr(loader, "shapes_of", shapes_of)
    result = deployment.load([*(_event(number) for number in range(500)), lifecycle(), usage(id=r'"\u0061"'), "no event"])

    assert [shape.labels for shape in learned] == [("team",)]
    assert _buckets(result) == (502, 0, 0, 1)
    assert deployment.rows("raw.usage_events", "count(), uniqExact(event_id), max(line_number)") == [(501, 501, 502)]


def test_a_rejected_line_claims_no_identity(deployment: Deployment) -> None:
    result = deployment.load([_event(1, quantity='"x"'), _event(1)])
    assert _buckets(result) == (1, 0, 0, 1)

    assert _buckets(deployment.load([_event(2, quantity='"x"')])) == (0, 0, 0, 1)
    assert _buckets(deployment.load([_event(2)])) == (1, 0, 0, 0)


def test_a_refused_event_claims_nothing_either(deployment: Deployment) -> None:
    deployment.load([_event(1, quantity="1")])
    deployment.load([_event(1, quantity="2")])

    assert _buckets(deployment.load(["", _event(1, quantity="2")])) == (0, 0, 1, 0)
    assert _buckets(deployment.load(["", _event(1, quantity="1.0")])) == (0, 1, 0, 0)


def test_equal_ids_of_two_sources_are_two_events(deployment: Deployment) -> None:
    result = deployment.load([_event(1, source='"/a"'), _event(1, source='"/ab"'), usage(id='"bevent-1"', source='"/a"')])

    assert _buckets(result) == (3, 0, 0, 0)


def test_deduplication_has_no_time_limit(server: Settings, tmp_path: Path) -> None:
    with open_deployment(server.home, tmp_path) as deployment:
        deployment.load([_event(1)])
        years_later = deployment.settings.model_copy(update={"now_text": (NOW + timedelta(days=2000)).isoformat()})
        again = load_file(deployment.client, years_later, write_lines(tmp_path / "again.jsonl", ["", _event(1)]))

        assert _buckets(again) == (0, 1, 0, 0)


def test_batches_are_numbered_without_gaps(deployment: Deployment) -> None:
    for number in range(4):
        deployment.load([_event(number % 2), f"junk {number}"], name=f"{number}.jsonl")

    assert [row[0] for row in deployment.rows("ops.batches", "batch_seq")] == [1, 2, 3, 4]
    batch = "location, source_name, lines, blank, first_event_at, last_event_at, loaded_at"
    moment, none = datetime(2026, 1, 15, 10, 3, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)
    assert deployment.rows("ops.batches", batch, "batch_seq")[1:3] == [
        (str(deployment.folder / "1.jsonl"), "files", 2, 0, moment, moment, NOW),
        (str(deployment.folder / "2.jsonl"), "files", 2, 0, none, none, NOW),
    ]


def test_an_empty_file_is_a_batch_of_nothing(deployment: Deployment) -> None:
    assert _buckets(deployment.load([])) == (0, 0, 0, 0)
    assert [row[1:] for row in deployment.rows("ops.event_accounting")] == [(0, 0, 0, 0, 0, 0)]


def test_the_journal_names_each_window_that_accepted_events_touch(deployment: Deployment) -> None:
    lines = [
        _event(1, time='"2026-01-15T10:00:00Z"'),
        _event(2, time='"2026-01-15T10:59:59.999Z"'),
        _event(3, time='"2026-01-15T11:00:00Z"'),
        _event(4, time='"2026-01-15T10:30:00Z"', subject='"other"'),
        _event(5, time='"2026-01-15T10:30:00Z"', account_id='"acc-1"'),
        _event(6, time='"2026-01-16T10:30:00Z"', quantity="-1"),
        lifecycle(id='"l1"', time='"2026-01-20T00:00:00Z"'),
        lifecycle(id='"l2"', time='"2026-01-10T00:00:00Z"'),
        lifecycle(id='"l3"', time='"2026-01-12T00:00:00Z"', subject='"vm-10"'),
    ]
    deployment.load(lines)
    deployment.load([lines[0], "", _event(7)])

    def at(day: int, hour: int, minute: int = 0, second: int = 0, milliseconds: int = 0) -> datetime:
        return datetime(2026, 1, day, hour, minute, second, milliseconds * 1000, tzinfo=UTC)

    assert deployment.rows("raw.usage_windows", "batch_seq, hour_at, account_id, resource_id, last_event_at") == [
        (1, at(15, 10), "acc-1", "bucket-17", at(15, 10, 30)),
        (1, at(15, 10), "acc-42", "bucket-17", at(15, 10, 59, 59, 999)),
        (1, at(15, 10), "acc-42", "other", at(15, 10, 30)),
        (1, at(15, 11), "acc-42", "bucket-17", at(15, 11)),
        (2, at(15, 10), "acc-42", "bucket-17", at(15, 10, 3)),
    ]
    assert deployment.rows("raw.lifecycle_windows", "batch_seq, source, resource_id, first_event_at, last_event_at") == [
        (1, "/compute/eu-north1", "vm-10", at(12, 0), at(12, 0)),
        (1, "/compute/eu-north1", "vm-9", at(10, 0), at(20, 0)),
    ]


def test_line_ends_and_byte_order_marks_make_no_difference(deployment: Deployment) -> None:
    plain = [_event(1), "", _event(2), "junk", _event(3)]
    deployment.load(plain)
    path = deployment.folder / "windows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(plain).encode())  # and no line end at the end of the file

    result = load_file(deployment.client, deployment.settings, path)

    assert _buckets(result) == (0, 3, 0, 1)
    assert deployment.rows("ops.rejected_events", "batch_seq, line_number, raw_line") == [(1, 4, "junk"), (2, 4, "junk")]
    assert deployment.rows("ops.event_accounting", "lines, blank", "batch_id")[0] == (5, 1)


def test_line_numbers_count_physical_lines_in_the_order_of_the_file(deployment: Deployment) -> None:
    count = 60_000  # some blocks of the reader, each read on another core
    lines = [_event(number) if number % 3 else ("" if number % 2 else f"junk {number}") for number in range(1, count + 1)]
    deployment.load(lines)

    assert all(f"event-{number}" == event_id for number, event_id in deployment.rows("raw.usage_events", "line_number, event_id"))
    assert all(f"junk {number}" == raw for number, raw in deployment.rows("ops.rejected_events", "line_number, raw_line"))
    assert deployment.rows("ops.event_accounting", "lines, blank, accepted, rejected") == [
        (count, count // 6, count - count // 3, count // 6)
    ]


@pytest.fixture(scope="module")
def shared(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One deployment for tests that leave nothing in it which another would notice."""
    with open_deployment(server.home, tmp_path_factory.mktemp("shared")) as opened:
        yield opened


class TestFormats:
    """The same events in another kind of file are duplicates, line by line: every reader sees the same content."""

    LINES = tuple(random_lines(seed=7, count=400))

    def _assert_same(self, deployment: Deployment, path: Path) -> None:
        first = deployment.load(self.LINES)
        again = load_file(deployment.client, deployment.settings, path)

        assert first.accepted > 20
        assert (again.accepted, again.duplicates) == (0, first.accepted + first.duplicates)
        assert (again.rows_read, again.conflicts, again.rejected) == (first.rows_read, first.conflicts, first.rejected)
        rejected = deployment.rows("ops.rejected_events", "batch_id, line_number, reason_code, hex(raw_line)")
        assert [row[1:] for row in rejected if row[0] == again.batch_id] == [row[1:] for row in rejected if row[0] == first.batch_id]

    def test_gzip(self, shared: Deployment) -> None:
        path = shared.folder / "whole.jsonl.gz"
        path.write_bytes(gzip.compress(b"\n".join(self.LINES)))
        self._assert_same(shared, path)

    def test_gzip_of_several_members(self, shared: Deployment) -> None:
        content = b"\n".join(self.LINES)
        path = shared.folder / "members.jsonl.gz"
        path.write_bytes(gzip.compress(content[:5000]) + gzip.compress(content[5000:]))
        self._assert_same(shared, path)

    def test_zstandard(self, shared: Deployment) -> None:
        path = shared.folder / "whole.jsonl.zst"
        path.write_bytes(zstandard.compress(b"\n".join(self.LINES)))
        self._assert_same(shared, path)

    def test_zstandard_of_several_frames(self, shared: Deployment) -> None:
        content = b"\n".join(self.LINES)
        path = shared.folder / "frames.jsonl.zst"
        path.write_bytes(zstandard.compress(content[:5000]) + zstandard.compress(content[5000:]))
        self._assert_same(shared, path)

    @pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
    def test_parquet_of_lines(self, shared: Deployment, kind: pa.DataType) -> None:
        path = shared.folder / f"{kind}.parquet"
        pq.write_table(pa.table({"line": pa.array(self.LINES, kind)}), path, row_group_size=150)
        self._assert_same(shared, path)


def test_parquet_columns_are_read_like_lines(deployment: Deployment) -> None:
    data = json.dumps({**DATA, "quantity": 5})
    lines = [
        _event(1, quantity="5"),
        usage(id=r'"a\"\\/é\u0001"', quantity="5"),
        _event(3, data="null"),
        usage(id="null"),
        _event(5, data="{"),
    ]
    first = deployment.load(lines)
    names = ("id", "source", "type", "subject", "time", "data")
    common = ("/storage/eu-north1", "usage.recorded", "bucket-17", "2026-01-15T10:03:00Z")
    rows = [
        ("event-1", *common, data),
        ('a"\\/é\x01', *common, data),
        ("event-3", *common, None),
        (None, *common, data),
        ("event-5", *common, "{"),
    ]
    path = deployment.folder / "events.parquet"
    columns = {name: pa.array([row[index] for row in rows], pa.string()) for index, name in enumerate(names)}
    columns["source"] = columns["source"].dictionary_encode()
    pq.write_table(pa.table({"extra": [1] * len(rows), **columns}), path)

    again = load_file(deployment.client, deployment.settings, path)

    assert _buckets(first) == (2, 0, 0, 3)
    assert _buckets(again) == (0, 2, 0, 3)
    rejected = deployment.rows("ops.rejected_events", "batch_seq, line_number, reason_code")
    assert rejected == [
        *((1, 3, "missing_field"), (1, 4, "missing_field"), (1, 5, "invalid_json")),
        *((2, 3, "missing_field"), (2, 4, "missing_field"), (2, 5, "invalid_json")),
    ]


def test_parquet_may_keep_times_as_timestamps_with_a_zone(deployment: Deployment) -> None:
    deployment.load([_event(1, time='"2026-01-15T10:03:00.25Z"')])
    moment = datetime(2026, 1, 15, 10, 3, 0, 250_999, tzinfo=UTC)
    data = json.dumps({**DATA, "quantity": "1073741824"})
    table = {"id": ["event-1"], "source": ["/storage/eu-north1"], "type": ["usage.recorded"], "subject": ["bucket-17"], "data": [data]}
    path = deployment.folder / "events.parquet"
    pq.write_table(pa.table({**table, "time": pa.array([moment], pa.timestamp("us", "Europe/Berlin"))}), path)

    assert _buckets(load_file(deployment.client, deployment.settings, path)) == (0, 1, 0, 0)


class TestDamage:
    """A file that is not whole loads not at all, and nothing is left of the attempt."""

    CONTENT = b"\n".join(random_lines(seed=3, count=3000))

    def _assert_refused(self, shared: Deployment, path: Path, *words: str) -> None:
        before = shared.contents()
        with pytest.raises(InputError) as error:
            load_file(shared.client, shared.settings, path)
        assert all(word in str(error.value) for word in (str(path), "nothing of it was loaded", *words))
        assert shared.contents() == before
        assert shared.stage_tables() == []

    @pytest.mark.parametrize("cut", [1, 4, 8, 1000])
    def test_a_gzip_file_that_is_cut_off_is_refused(self, shared: Deployment, cut: int) -> None:
        path = shared.folder / "events.jsonl.gz"
        path.write_bytes(gzip.compress(self.CONTENT)[:-cut])
        self._assert_refused(shared, path, "cut off")

    @pytest.mark.parametrize("cut", [1, 3, 1000])
    def test_a_zstandard_file_that_is_cut_off_is_refused(self, shared: Deployment, cut: int) -> None:
        path = shared.folder / "events.jsonl.zst"
        path.write_bytes(zstandard.compress(self.CONTENT)[:-cut])
        self._assert_refused(shared, path, "cut off")

    def test_a_file_with_a_flipped_bit_is_refused(self, shared: Deployment) -> None:
        for name, packed in (
            ("a.jsonl.gz", gzip.compress(self.CONTENT)),
            ("a.jsonl.zst", zstandard.ZstdCompressor(write_checksum=True).compress(self.CONTENT)),
        ):
            damaged = bytearray(packed)
            damaged[len(damaged) // 2] ^= 0x10
            path = shared.folder / name
            path.write_bytes(damaged)
            self._assert_refused(shared, path)

    @pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
    def test_a_file_that_is_not_what_its_name_says_is_refused(self, shared: Deployment, name: str) -> None:
        path = shared.folder / name
        path.write_bytes(self.CONTENT)
        self._assert_refused(shared, path)

    def test_a_parquet_file_that_is_cut_off_is_refused(self, shared: Deployment) -> None:
        path = shared.folder / "events.parquet"
        pq.write_table(pa.table({"line": self.CONTENT.split(b"\n")}), path)
        path.write_bytes(path.read_bytes()[:-10])
        self._assert_refused(shared, path)

    @pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
    def test_a_file_that_changes_while_it_is_read_is_refused(self, shared: Deployment, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        path = shared.folder / name

        def write(lines: list[bytes]) -> None:
            if name.endswith("parquet"):
                pq.write_table(pa.table({"line": pa.array(lines, pa.binary())}), path)
            else:
                write_lines(path, lines)

        write([_event(1).encode()])

        def hash_then_replace(hashed: Path) -> str:
            found = hashing.content_hash(hashed)
            write([_event(2).encode()])
            return found

        monkeypatch.setattr("ingestion.loader.content_hash", hash_then_replace)
        self._assert_refused(shared, path, "changed while it was read")

    def test_a_good_file_loads_after_a_damaged_one(self, shared: Deployment) -> None:
        path = shared.folder / "events.jsonl.gz"
        path.write_bytes(gzip.compress(self.CONTENT)[:-5])
        self._assert_refused(shared, path)
        batches = len(shared.rows("ops.batches"))
        path.write_bytes(gzip.compress(self.CONTENT))

        assert not load_file(shared.client, shared.settings, path).already_loaded
        assert [row[0] for row in shared.rows("ops.batches", "batch_seq")] == list(range(1, batches + 2))


def test_a_file_of_another_kind_is_refused_before_anything_is_read(deployment: Deployment) -> None:
    with pytest.raises(InputError, match=r"events\.csv: not an event file"):
        load_file(deployment.client, deployment.settings, deployment.folder / "events.csv")


def test_a_missing_file_is_named(deployment: Deployment) -> None:
    with pytest.raises(InputError, match=r"gone\.jsonl: cannot be read \(No such file or directory\)"):
        load_file(deployment.client, deployment.settings, deployment.folder / "gone.jsonl")
