"""Random lines: events in every spelling the contract allows, with faults mixed in, and bytes cut and pasted at random."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.warehouse.loader.lines import lifecycle, usage

_TYPES = (*["usage.recorded"] * 5, "resource.created", "resource.started", "resource.updated", "resource.stopped", "resource.deleted", "x")
_TIMES = (
    "2026-01-15T10:03:00Z",
    "2026-01-15T10:03:00.25Z",
    "2026-01-15T10:03:00.123456+03:00",
    "2025-02-28T23:59:59-01:30",
    "2026-02-02T02:59:59+03:00",
    "2026-02-30T00:00:00Z",
)
_NUMBERS = (
    *("0", "1", "5", "-1", "-0", "1.5", "1.50", "1e3", "1E-2", "0.0000001", "3.0", "01", "1.", ".5", "1e400", "1e-400"),
    *("123456789012345", "1234567890123456", "0.1234567890000000001", "12345678901234567890123", "100000000000000000"),
    *("999999999999999999", "1000000000000000000", "9223372036854775807", "9223372036854775808"),
)
_TEXTS = (
    "",
    "x",
    "5",
    "running",
    "stopped",
    "1.0",
    r"a\"b",
    "{",
    "[1]",
    r"{\"a\":1}",
    r"\n",
    r"1\n2",
    "é",
    r"\u00e9",
    r"\ud83d\ude00",
    "null",
    "n5",
)
_NAMES = ("a", "id", "data", "labels", "team", "sequence", "x", "metrics")
_FRAGMENTS = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"5", b"-", b"1e5", b".", b"0", b" ", b"\t", b"\r", b'"id"'),
    *(b'"data":', b'"labels":', b'"metrics":{', b'"sequence":', b'"a":5,', rb"\u0061", rb"\n", b"\xff", b"\x00", b"\xef\xbb\xbf"),
    *(b'"x":{"id":1},', b"12345678901234567890", rb"\""),
)
_WHOLE = tuple(
    line.encode()
    for line in (
        usage(),
        usage(quantity="5.25", sequence="7", value=r'"x\"\\y"'),
        lifecycle(),
        lifecycle("deleted"),
        lifecycle(metrics='{"a":1,"b":2.5}').replace(",", ", ").replace(":", ": "),
    )
)


def random_lines(seed: int, count: int) -> Iterator[bytes]:
    """So many lines; equal seeds give equal lines."""
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    for _ in range(count):
        yield _torn(chance) if chance.random() < 0.3 else _Writer(chance).line().encode()


def _torn(chance: random.Random) -> bytes:
    """A good line with a few bytes cut out, doubled, or replaced by what means something in JSON."""
    line = bytearray(chance.choice(_WHOLE))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        position, other = chance.randrange(len(line) + 1), chance.randrange(len(line) + 1)
        draw = chance.random()
        if draw < 0.35:
            line[position:position] = chance.choice(_FRAGMENTS)
        elif draw < 0.6:
            del line[position : position + chance.choice((1, 1, 2, 5))]
        elif draw < 0.8:
            line[position : position + 1] = chance.choice(_FRAGMENTS)
        else:
            first, last = sorted((position, other))
            line[last:last] = line[first:last]
    return bytes(line).replace(b"\n", b"")


class _Writer:
    """Writes one event; `_faults` is how often a member is left out, doubled or of another type."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._faults = chance.choice((0.0, 0.0, 0.02, 0.06))

    def line(self) -> str:
        """An event, most of the time a good one."""
        kind = self._chance.choice(_TYPES)
        top = {
            "specversion": '"1.0"',
            "id": self._text(f"e{self._chance.randrange(500)}", *(("5", "{x", "n5", "é", r"a\"b") if self._likely(0.1) else ())),
            "source": '"/s"',
            "type": f'"{kind}"',
            "subject": '"b"',
            "time": self._text(*_TIMES),
            "data": self._object(self._data(kind)),
        }
        if self._likely(0.2):
            top[self._chance.choice(("x", "datacontenttype", "account_id", "sequence"))] = self._anything()
        return self._object(top)

    def _data(self, kind: str) -> dict[str, str]:
        is_usage = kind == "usage.recorded"
        data = {"account_id": self._text("a", "acc-1", "12345")}
        self._perhaps(data, 0.7, project_id=self._chance.choice(('"p"', '""', "null")))
        self._perhaps(data, 0.7, region='"r"')
        self._perhaps(data, 1.0 if is_usage else 0.03, metric='"m"')
        quantity = self._text("1", "1.50", "1e3", "0.123456789", "123456789012345678.123456789")
        number = self._chance.choice(("1", "2.5", "1073741824", "0.1", "1e2", "-0"))
        self._perhaps(data, 1.0 if is_usage else 0.03, quantity=self._chance.choice((quantity, number)))
        self._perhaps(data, 0.1, value='"v1"')
        self._perhaps(data, 0.7, labels=self._map(("team", "a", "Z", "é", "", "labels"), ('"ml"', '"x}"', '""', '"{"', r'"\"q"', '"é"')))
        self._perhaps(
            data, 0.03 if is_usage else 1.0, metrics=self._map(("v", "ram", "gpu", ""), ('"8"', "8", "1.5", '"0.25"', "0", '"1e6"'))
        )
        self._perhaps(data, 0.03 if is_usage else 0.6, state=self._text("running", "stopped", ""))
        self._perhaps(data, 0.03 if is_usage else 0.5, resource_type='"vm"')
        self._perhaps(data, 0.4, sequence=self._chance.choice(("0", "3", "-4", "12345")))
        if self._likely(0.1):
            data[self._chance.choice(("x", "data", "id", "labels2"))] = self._anything()
        return data

    def _object(self, members: dict[str, str]) -> str:
        written: list[str] = []
        for name, value in members.items():
            if self._likely(self._faults):
                continue
            if self._likely(self._faults / 2):
                written.append(f"{self._name(name)}:{self._anything()}")
            gap = self._space() if self._likely(self._faults) else ""
            written.append(f"{self._name(name)}{gap}:{self._space()}{self._anything() if self._likely(self._faults) else value}")
            if self._likely(self._faults / 2):
                written.append(f"{self._name(name)}:{self._anything()}")
        if self._likely(0.5):
            self._chance.shuffle(written)
        return "{" + self._space() + f",{self._space()}".join(written) + "}"

    def _map(self, names: tuple[str, ...], values: tuple[str, ...]) -> str:
        """An object whose names may repeat."""
        pairs = [(self._chance.choice(names), self._chance.choice(values)) for _ in range(self._chance.randrange(4))]
        return "{" + ",".join(f"{self._name(name)}:{self._anything() if self._likely(0.04) else value}" for name, value in pairs) + "}"

    def _anything(self, depth: int = 0) -> str:
        draw = self._chance.random()
        if draw < 0.3:
            return self._text(*_TEXTS)
        if draw < 0.55 or depth > 2:
            return self._chance.choice(_NUMBERS)
        if draw < 0.75:
            return self._chance.choice(("null", "true", "false"))
        items = [self._anything(depth + 1) for _ in range(self._chance.randrange(3))]
        if draw < 0.88:
            return "{" + ",".join(f"{self._name(self._chance.choice(_NAMES))}:{item}" for item in items) + "}"
        return f"[{','.join(items)}]"

    def _name(self, name: str) -> str:
        """A member's name, now and then with an escape for one of its letters."""
        if not name or self._likely(0.95):
            return f'"{name}"'
        at = self._chance.randrange(len(name))
        return f'"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"'

    def _text(self, *texts: str) -> str:
        return f'"{self._chance.choice(texts)}"'

    def _space(self) -> str:
        return self._chance.choice(("", "", "", "", "", "", " ", "\t", " \r "))

    def _likely(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _perhaps(self, members: dict[str, str], probability: float, **member: str) -> None:
        if self._likely(probability):
            members.update(member)


def alike_lines(seed: int, count: int) -> Iterator[bytes]:
    """Usage lines of a few producers, each of which writes its members alike; here and there a value is a strange one."""
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    producers = [_Producer(chance) for _ in range(5)]
    for _ in range(count):
        yield chance.choice(producers).line().encode()


class _Producer:
    """Writes all its lines with the same members in the same order."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._colon, self._comma = chance.choice(((":", ","), (": ", ", "), (":", ", ")))
        self._labels = chance.choice(((), ("team",), ("team", "env", "a"), ("id", "env")))
        self._is_bare = chance.random() < 0.5
        self._top = self._shuffled(["specversion", "id", "source", "type", "subject", "time", "data", *self._some("traceparent")])
        self._data = self._shuffled(
            ["account_id", "metric", "quantity", *self._some("project_id", "region", "value", "sequence", "labels", "resource_type")]
        )

    def line(self) -> str:
        """An event."""
        data = {name: self._value(name) for name in self._data}
        if "labels" in data:
            data["labels"] = self._object({name: self._text("ml", "prod", "") for name in self._labels})
        return self._object({name: self._object(data) if name == "data" else self._value(name) for name in self._top})

    def _value(self, name: str) -> str:
        if name in ("specversion", "type"):
            return '"1.0"' if name == "specversion" else self._text("usage.recorded")
        if name == "time":
            return self._text(*_TIMES)
        if name == "sequence":
            return self._chance.choice(("0", "3", "-4", "12345", *_NUMBERS))
        if name == "quantity":
            number = self._chance.choice(("1", "2.5", "1073741824", *_NUMBERS))
            return number if self._is_bare else f'"{number}"'
        return self._text(f"{name}-{self._chance.randrange(50)}")

    def _text(self, *usual: str) -> str:
        return f'"{self._chance.choice(_TEXTS if self._chance.random() < 0.03 else usual)}"'

    def _object(self, members: dict[str, str]) -> str:
        return "{" + self._comma.join(f'"{name}"{self._colon}{value}' for name, value in members.items()) + "}"

    def _some(self, *names: str) -> list[str]:
        return [name for name in names if self._chance.random() < (0.05 if name in ("resource_type", "traceparent") else 0.5)]

    def _shuffled(self, names: list[str]) -> list[str]:
        return self._chance.sample(names, len(names))
