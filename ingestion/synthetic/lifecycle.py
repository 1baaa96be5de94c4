"""Lifecycle events: virtual machines that start, grow, rest, move between projects and accounts, and end.

Memory grows with the number of machines, not with the number of events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from ingestion.synthetic.landscape import REGIONS, Landscape, Owner, label_text
from ingestion.synthetic.numbers import draw, key
from ingestion.synthetic.shape import HOUR_MS, SPAN_MS, START, Shape

# The fleet comes up in the first hours of the month, so that a month's bill covers nearly a month.
FLEET_START_MS = 12 * HOUR_MS


def _flavor(vcpu: str, ram_gib: int, disk_gib: int, *, gpu: str = "", gpus: int = 0) -> str:
    """What a size of machine holds, as JSON."""
    extra = f',"compute.gpu_{gpu}":"{gpus}"' if gpus else ""
    return f'{{"compute.vcpu":"{vcpu}","compute.ram_gib":{ram_gib},"compute.disk_gib":{disk_gib}{extra}}}'


# A machine is resized within its family.
_FAMILIES = (
    (_flavor("0.5", 2, 20), _flavor("1", 4, 40), _flavor("2", 8, 80)),
    (_flavor("4", 16, 100), _flavor("8", 32, 200), _flavor("16", 64, 400)),
    (_flavor("8", 64, 200, gpu="l40s", gpus=1), _flavor("16", 128, 400, gpu="l40s", gpus=2)),
    (
        _flavor("16", 200, 500, gpu="h100", gpus=1),
        _flavor("32", 400, 1000, gpu="h100", gpus=2),
        _flavor("128", 1600, 4000, gpu="h100", gpus=8),
    ),
)
# Of a hundred machines: small, general, L40S, H100. More H100 makes bills larger by thousands a machine and month.
_FAMILY_OF_HUNDRED = (38, 76, 92, 100)

# What happens next, in thousandths of a machine's changes. A running machine is resized in what remains.
_RUNNING = (("stop", 380), ("delete", 420), ("move project", 500), ("move account", 510), ("relabel", 560))
_STOPPED = (("start", 760), ("delete", 800), ("recreate", 815), ("move project", 840))


@dataclass(slots=True)
class _Machine:
    """One place in the fleet: the machine that stands there now. `generation` counts the machines before it."""

    index: int
    owner: Owner
    project: str
    region: str
    family: int
    size: int
    team: int
    subject: str = ""
    generation: int = 0
    sequence: int = 0
    state: str = ""  # empty: not created yet, or deleted


def lifecycle(shape: Shape, landscape: Landscape) -> Iterator[tuple[int, str]]:
    """All lifecycle lines of a shape in order of time: ms since START, and the line without its end."""
    fleet = [_machine(shape, landscape, index) for index in range(shape.vms)]
    stream, ids, names = key(shape.seed, "lifecycle"), key(shape.seed, "lifecycle id"), key(shape.seed, "machine names")
    for index in range(shape.lifecycle):
        machine = fleet[index % len(fleet)]
        word = draw(stream, index)
        kind, state = _change(machine, landscape, word)
        if kind == "created":
            machine.subject = f"vm-{draw(names, machine.index << 16 | machine.generation) >> 24:010x}-{machine.index + 1}"
        at_ms = _time(shape, index, word)
        yield at_ms, _line(machine, kind, state, identity=draw(ids, index), at_ms=at_ms)


def _time(shape: Shape, index: int, word: int) -> int:
    if index < shape.vms:
        return index * FLEET_START_MS // shape.vms
    changes = shape.lifecycle - shape.vms
    first, span = index - shape.vms, SPAN_MS - FLEET_START_MS
    return FLEET_START_MS + first * span // changes + (word >> 40) % max(1, span // changes)


def _machine(shape: Shape, landscape: Landscape, index: int) -> _Machine:
    word = draw(key(shape.seed, "machines"), index)
    owner = landscape.owner(index, word)
    family = next(family for family, below in enumerate(_FAMILY_OF_HUNDRED) if (word >> 8) % 100 < below)
    return _Machine(
        index=index,
        owner=owner,
        project=owner.project(word >> 16),
        region=REGIONS[owner.region(word >> 20)],
        family=family,
        size=(word >> 28) % len(_FAMILIES[family]),
        team=word >> 32,
    )


def _change(machine: _Machine, landscape: Landscape, word: int) -> tuple[str, str]:
    """Move the machine on by one change. Returns the event's kind and the text of its state, empty where it says itself."""
    machine.sequence += 1
    if not machine.state:
        return _create(machine, word)
    table = _RUNNING if machine.state == "running" else _STOPPED
    action = next((action for action, below in table if word % 1000 < below), "resize")
    choice = word >> 16
    if action == "stop":
        machine.state = "stopped"
        return "stopped", ""
    if action == "start":
        machine.state = "running"
        return "started", ""
    if action in ("delete", "recreate"):
        # A place whose machine is recreated gets the same name again: a new life of the same subject.
        machine.state = ""
        machine.generation += action == "delete"
        return "deleted", ""
    if action == "move account":
        machine.owner = landscape.another(machine.owner, choice)
        machine.project = machine.owner.project(choice >> 8)
    elif action == "move project":
        machine.project = machine.owner.project(choice)
    elif action == "relabel":
        machine.team = choice
    else:
        machine.size = (machine.size + 1 + choice % 2) % len(_FAMILIES[machine.family])
    return "updated", machine.state


def _create(machine: _Machine, word: int) -> tuple[str, str]:
    # One of ten is made ready first and started later.
    machine.state = "running" if word % 10 else "stopped"
    return "created", "" if word % 10 else "stopped"


def _line(machine: _Machine, kind: str, state: str, *, identity: int, at_ms: int) -> str:
    time = (START + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").removesuffix("+00:00")
    owner = f'"account_id":"{machine.owner.customer.account_id}","project_id":"{machine.project}","region":"{machine.region}"'
    told = f',"state":"{state}"' if state else ""
    metrics = "" if kind == "deleted" else f',"metrics":{_FAMILIES[machine.family][machine.size]}'
    return (
        f'{{"specversion":"1.0","id":"{identity:016x}","source":"/compute/{machine.region}","type":"resource.{kind}","subject":"{machine.subject}",'
        f'"time":"{time}Z","data":{{{owner},"resource_type":"compute.instance"{told}{metrics},"labels":{label_text(machine.team)},'
        f'"sequence":{machine.sequence}}}}}'
    )
