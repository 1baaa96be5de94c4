"""The ten-minute slice of two billion events a day: its files and its catalog. See `Slice` for the shape.

Only shape matters here: every resource reports all its metrics once a minute, so that almost every event opens or feeds a
cell of its own. For input that looks like a month of a cloud, use ingestion.synthetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.slice_catalog import METERS, REGIONS, account_id, write_catalog
from ingestion.synthetic import Generated
from ingestion.synthetic.flaws import Flaws, with_flaws
from ingestion.synthetic.folder import describe, described, prepare, read_description
from ingestion.synthetic.numbers import Words, draw, draws, key
from ingestion.synthetic.writer import PartWriter
from warehouse.errors import InputError

MINUTES = 10
SPAN_MS = MINUTES * 60_000
# One event of twenty is a lifecycle event: 5 %.
_LIFECYCLE_EVERY = 20
# Good events a block: numpy's cost per call vanishes, and a block is a few tens of MB. The lines do not depend on it.
_BLOCK = 60_000
# Copies a thousand: producers that retry.
_DUPLICATES_PER_THOUSAND = 1


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Sizes of a slice. The defaults are ten minutes of two billion events a day; `scaled` keeps their proportions."""

    events: int = 13_900_000  # lines written, duplicates included
    accounts: int = 20_000
    resources: int = 200_000
    seed: int = 1
    # Events lie in [start, start + 10 minutes). The end of a month: thirty days of history before it are of the same month.
    start: datetime = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __post_init__(self) -> None:
        if not 0 < self.accounts <= self.resources:
            raise InputError(f"a slice needs at least as many resources ({self.resources}) as accounts ({self.accounts}), and one of each")

    @classmethod
    def scaled(cls, events: int, *, start: datetime | None = None) -> Slice:
        """A smaller or larger slice: as many events of each resource, and resources of each account, as in the full one."""
        resources = max(10, events * cls.resources // cls.events)
        return cls(events=events, resources=resources, accounts=max(1, resources // 10), start=start or cls.start)

    @cached_property
    def duplicates(self) -> int:
        """Lines that repeat an earlier one."""
        return self.events * _DUPLICATES_PER_THOUSAND // 1000

    @cached_property
    def good(self) -> int:
        """Lines that are accepted."""
        return self.events - self.duplicates

    @cached_property
    def lifecycle(self) -> int:
        """Good lines that are lifecycle events."""
        return self.good // _LIFECYCLE_EVERY

    @cached_property
    def namespace(self) -> str:
        """Part of all random streams: slices of other instants have other ids, over the same resources."""
        return self.start.isoformat()


# What a machine holds: vCPUs and what follows them.
_SIZES = (
    '"2","compute.ram_gib":"8","compute.gpu":"0"',
    '"8","compute.ram_gib":"32","compute.gpu":"0"',
    '"16","compute.ram_gib":"200","compute.gpu":"1"',
)
# Kind of event, and what its data says of the state.
_CHANGES = (
    ("started", ""),
    ("updated", '"state":"running",'),
    ("updated", '"state":"running",'),
    ("stopped", ""),
    ("updated", '"state":"stopped",'),
)


@dataclass(frozen=True)
class ResourceTexts:
    """Text of each resource: around an event's id, time and metric."""

    source: list[str]
    owner: list[str]


def provide_slice(shape: Slice, out: Path) -> Generated:
    """The slice in a folder: the one that was written there before, or else a new one. See `write_slice`."""
    manifest = read_description(out)
    if manifest.get("slice") != described(asdict(shape)) or manifest.get("lines") != shape.events:
        return write_slice(shape, out)
    return _generated(shape, out, files=sorted((out / "events").iterdir()), content_sha256=manifest["content_sha256"])


def write_slice(shape: Slice, out: Path) -> Generated:
    """Write the slice to out/events and its catalog to out/catalog. The same shape gives the same lines anywhere.

    Raises:
        InputError: `out` holds files that were not generated.
    """
    prepare(out, {"slice": asdict(shape)})
    write_catalog(out / "catalog", accounts=shape.accounts, committed_from=shape.start)
    flaws = Flaws(good=shape.good, duplicates=shape.duplicates, conflicts=0, rejected=0)
    with PartWriter(out / "events", lines_per_file=-(-shape.events // MINUTES)) as writer:
        for lines in with_flaws(flaws, _good_lines(shape), seed=shape.seed):
            writer.write(lines)
    describe(out, {"slice": asdict(shape), "lines": writer.lines, "content_sha256": writer.content_sha256})
    return _generated(shape, out, files=writer.files, content_sha256=writer.content_sha256)


def _generated(shape: Slice, out: Path, *, files: Sequence[Path], content_sha256: str) -> Generated:
    return Generated(
        out=out,
        files=tuple(files),
        lines=shape.events,
        accepted=shape.good,
        duplicates=shape.duplicates,
        conflicts=0,
        rejected={},
        unrated=0,
        content_sha256=content_sha256,
    )


def _good_lines(shape: Slice) -> Iterator[list[str]]:
    resources = resource_texts(shape)
    for first in range(0, shape.good, _BLOCK):
        indices = np.arange(first, min(first + _BLOCK, shape.good), dtype=np.uint64)
        instants = indices * np.uint64(SPAN_MS) // np.uint64(shape.good) + np.uint64(int(shape.start.timestamp()) * 1000)
        times = np.datetime_as_string(instants.astype("datetime64[ms]")).tolist()
        ids = draws(key(shape.seed, f"slice id {shape.namespace}"), indices).tolist()
        words = draws(key(shape.seed, f"slice words {shape.namespace}"), indices)
        is_change = indices % np.uint64(_LIFECYCLE_EVERY) == np.uint64(_LIFECYCLE_EVERY - 1)
        lines = _usage_lines(shape, resources, indices, words, ids=ids, times=times)
        for place in np.nonzero(is_change)[0].tolist():
            lines[place] = _change_line(shape, resources, int(words[place]), ids[place], times[place])
        yield lines


def _usage_lines(shape: Slice, resources: ResourceTexts, indices: Words, words: Words, *, ids: list[int], times: list[str]) -> list[str]:
    """A line for each index. Reports go round: all metrics of a resource, resource after resource."""
    report = indices - indices // np.uint64(_LIFECYCLE_EVERY)
    meter = report % np.uint64(len(METERS))
    resource = report // np.uint64(len(METERS)) % np.uint64(shape.resources)
    most = np.array([one.most for one in METERS], dtype=np.uint64)
    quantity = (words % most[meter] + np.uint64(1)).tolist()
    names = [one.metric for one in METERS]
    source, owner = resources.source, resources.owner
    return [
        f'{{"specversion":"1.0","id":"{name:016x}","type":"usage.recorded",{source[at]}"time":"{time}Z","data":{{{owner[at]}'
        f'"metric":"{names[which]}","quantity":"{amount}"}}}}'
        for name, at, time, which, amount in zip(ids, resource.tolist(), times, meter.tolist(), quantity, strict=True)
    ]


def _change_line(shape: Slice, resources: ResourceTexts, word: int, name: int, time: str) -> str:
    at = word % shape.resources
    kind, state = _CHANGES[(word >> 32) % len(_CHANGES)]
    size = _SIZES[(word >> 40) % len(_SIZES)]
    return (
        f'{{"specversion":"1.0","id":"{name:016x}","type":"resource.{kind}",{resources.source[at]}"time":"{time}Z","data":{{{resources.owner[at]}'
        f'"resource_type":"compute.instance",{state}"metrics":{{"compute.vcpu":{size}}}}}}}'
    )


def resource_texts(shape: Slice) -> ResourceTexts:
    """The texts of all resources of a slice, by index. A resource belongs to one account for ever."""
    stream = key(shape.seed, "slice resources")
    resources = ResourceTexts([], [])
    for index in range(shape.resources):
        word = draw(stream, index)
        account = index if index < shape.accounts else word % shape.accounts
        region = REGIONS[(word >> 32) % len(REGIONS)]
        resources.source.append(f'"source":"/compute/{region}","subject":"vm-{word >> 24:010x}-{index}",')
        resources.owner.append(
            f'"account_id":"{account_id(account)}","project_id":"prj-{account}-{(word >> 40) % 3}","region":"{region}",'
            f'"labels":{{"team":"team-{(word >> 44) % 8}","env":"prod"}},'
        )
    return resources
