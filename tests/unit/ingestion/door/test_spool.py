"""The spool: what was promised is on disk whole, whoever dies when, and whoever seals the file meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.door.spool import Spool, SpoolFailedError, SpoolFullError
from ingestion.sources import frames
from warehouse.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    opened = Spool(folder, limit_bytes=1 << 20)
    yield opened
    opened.close()


def append(spool: Spool, *payloads: bytes) -> list[str]:
    """All at once, as requests that arrive together."""

    async def together() -> list[str]:
        return await asyncio.gather(*(spool.append(payload) for payload in payloads))

    return asyncio.run(together())


def content(folder: Path) -> bytes:
    """All lines of the spool, after sealing what is open."""
    for path in folder.glob("*.open"):
        frames.seal(path)
    return b"".join(b"".join(frames.payload_of(path)) for path in sorted(folder.glob("*.sealed")))


def test_what_arrives_together_is_in_the_file_once_each(spool: Spool, folder: Path) -> None:
    payloads = [b"%d\n" % number for number in range(2000)]
    assert len(set(append(spool, *payloads))) == 1
    assert sorted(content(folder).splitlines(keepends=True)) == sorted(payloads)


def test_a_file_that_the_loader_sealed_is_left_for_a_new_one(spool: Spool, folder: Path) -> None:
    (first,) = append(spool, b"1\n")
    assert content(folder) == b"1\n"
    (second,) = append(spool, b"2\n")
    assert first != second
    assert content(folder) == b"1\n2\n"


def test_a_full_file_is_sealed_by_the_door(folder: Path) -> None:
    spool = Spool(folder, limit_bytes=1 << 20, file_bytes=100)
    batches = [append(spool, b"x" * 60 + b"\n")[0] for _ in range(4)]
    spool.close()
    assert [batches[0] == batches[1], batches[1] == batches[2], batches[2] == batches[3]] == [True, False, True]
    assert len(list(folder.glob("*.sealed"))) == 2
    assert {frames.batch_id_of(path) for path in folder.iterdir()} == set(batches)


@pytest.mark.parametrize("torn", [b"MHS1", b"MHS1" + (9).to_bytes(8, "little") + bytes(4) + b"123", bytes(64), b"no frame at all"])
def test_a_torn_frame_at_the_end_is_cut_off_and_what_was_promised_stays(spool: Spool, folder: Path, torn: bytes) -> None:
    append(spool, b"promised\n")
    (path,) = folder.iterdir()
    with path.open("ab") as file:
        file.write(torn)
    assert content(folder) == b"promised\n"


def test_a_last_frame_that_never_reached_the_disk_whole_is_cut_off(spool: Spool, folder: Path) -> None:
    append(spool, b"promised\n")
    append(spool, b"not promised\n")
    (path,) = folder.iterdir()
    with path.open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(bytes(3))  # as after a loss of power: the length is there, the bytes are not
    assert content(folder) == b"promised\n"


def test_a_file_without_a_whole_frame_vanishes(folder: Path) -> None:
    folder.mkdir()
    (folder / "1.open").write_bytes(b"MHS1")
    assert content(folder) == b""
    assert list(folder.iterdir()) == []
    assert frames.seal(folder / "1.open") is None


def test_a_sealed_file_that_is_damaged_is_refused(spool: Spool, folder: Path) -> None:
    append(spool, b"promised\n")
    append(spool, b"promised too\n")
    (path,) = folder.iterdir()
    sealed = frames.seal(path)
    assert sealed is not None
    damaged = bytearray(sealed.read_bytes())
    damaged[18] ^= 1
    sealed.write_bytes(damaged)
    with pytest.raises(InputError, match="damaged"):
        list(frames.payload_of(sealed))


def test_a_spool_that_is_full_takes_no_more_until_the_loader_has_caught_up(folder: Path) -> None:
    spool = Spool(folder, limit_bytes=1000)
    append(spool, bytes(800))
    with pytest.raises(SpoolFullError):
        append(spool, bytes(300))
    next(folder.iterdir()).unlink()
    spool._measured = (0.0, 0)  # as half a second later
    append(spool, bytes(300))
    spool.close()


def test_a_disk_that_refuses_fails_the_request_and_the_next_one_gets_a_new_file(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(spool, b"1\n")
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda _: os.fsync(1_000_000))
    with pytest.raises(SpoolFailedError):
        append(spool, b"2\n")
    monkeypatch.setattr(os, "fdatasync", real)
    append(spool, b"3\n")
    # What was not promised may be there: its producer sends it again, and it counts once.
    assert content(folder) in (b"1\n3\n", b"1\n2\n3\n")


def test_nothing_is_taken_after_the_end(folder: Path) -> None:
    spool = Spool(folder, limit_bytes=1000)
    spool.close()
    with pytest.raises(SpoolFailedError):
        append(spool, b"1\n")


def test_a_caller_who_is_gone_holds_up_nobody(spool: Spool, folder: Path) -> None:
    async def leave() -> None:
        gone = [asyncio.create_task(spool.append(b"gone\n")) for _ in range(50)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        await spool.append(b"stays\n")

    asyncio.run(leave())
    assert content(folder).endswith(b"stays\n")
