"""The edges of CONTRACTS section 2, one line each, with what must become of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.warehouse.loader.lines import lifecycle, usage

MEBIBYTE = 1_048_576


@dataclass(frozen=True)
class Case:
    """A line and its outcome: a reason code, columns of the accepted event, or None for a blank line."""

    name: str
    line: bytes
    outcome: str | Mapping[str, Any] | None


def _case(name: str, line: str | bytes, outcome: str | Mapping[str, Any] | None) -> Case:
    return Case(name, line.encode() if isinstance(line, str) else line, outcome)


def _padded(length: int) -> str:
    """A good usage line of so many bytes."""
    return usage(subject='"' + "x" * (length - len(usage(subject='""'))) + '"')


def _at(instant: str) -> Mapping[str, Any]:
    return {"event_at": datetime.fromisoformat(instant).replace(tzinfo=UTC)}


def _quantity(value: str) -> Mapping[str, Any]:
    return {"quantity": Decimal(value)}


LINES = [
    _case("an empty line is blank", "", None),
    _case("spaces and tabs are blank", " \t  ", None),
    _case("a carriage return alone is a blank line", "\r", None),
    _case("spaces before a carriage return are blank", "  \r", None),
    _case("a vertical tab is no blank", "\x0b", "invalid_json"),
    _case("a carriage return at the end is dropped", usage() + "\r", {}),
    _case("space around the object is JSON", "\t " + usage() + " \t", {}),
    _case("a line of a mebibyte is read", _padded(MEBIBYTE), {}),
    _case("a carriage return does not count towards a mebibyte", _padded(MEBIBYTE) + "\r", {}),
    _case("a byte more is too long", _padded(MEBIBYTE + 1), "line_too_long"),
    _case("a line too long need not be JSON", "x" * (MEBIBYTE + 1), "line_too_long"),
    _case("spaces alone are blank however many", " " * (MEBIBYTE + 1), None),
    _case("length is bytes, not characters", '"' + "é" * (MEBIBYTE // 2) + '"', "line_too_long"),
]

JSON = [
    _case("a word is no JSON", "hello", "invalid_json"),
    _case("half an object is no JSON", usage()[:-1], "invalid_json"),
    _case("two objects are no JSON", usage() + usage(), "invalid_json"),
    _case("a comma too many is no JSON", usage()[:-1] + ",}", "invalid_json"),
    _case("an unquoted name is no JSON", usage().replace('"id"', "id"), "invalid_json"),
    _case("a number as a name is no JSON", '{1:2,"n5":5}', "invalid_json"),
    _case("a leading zero is no JSON", usage(sequence="01"), "invalid_json"),
    _case("a number that ends in its point is no JSON", usage(quantity="1."), "invalid_json"),
    _case("a number that begins with its point is no JSON", usage(quantity=".5"), "invalid_json"),
    _case("a plus sign is no JSON", usage(quantity="+5"), "invalid_json"),
    _case("NaN is no JSON", usage(quantity="NaN"), "invalid_json"),
    _case("two numbers in a row are no JSON", usage(extra="1 2"), "invalid_json"),
    _case("a quote left open before a backslash and a digit is no JSON", usage()[:-2] + r',"x":"a\5}', "invalid_json"),
    _case("a bare control character is no JSON", usage(subject='"a\x01b"'), "invalid_json"),
    _case("a bare tab inside a text is no JSON", usage(subject='"a\tb"'), "invalid_json"),
    _case("a NUL byte is no JSON", usage().encode() + b"\x00", "invalid_json"),
    _case("bytes that are no UTF-8 are no JSON", usage().replace("bucket-17", "\xff").encode("latin-1"), "invalid_json"),
    _case("an unknown escape is no JSON", usage(subject=r'"a\qb"'), "invalid_json"),
    _case("half a surrogate pair is no JSON", usage(subject=r'"\ud83d"'), "invalid_json"),
    _case("a surrogate pair is one character", usage(subject=r'"\ud83d\ude00"'), {"resource_id": "😀"}),
    _case("escapes are read", usage(subject=r'"a\u0062\/\"\\\n"'), {"resource_id": 'ab/"\\\n'}),
    _case("an escaped NUL is a character", usage(subject=r'"a\u0000b"'), {"resource_id": "a\x00b"}),
    _case("names may be escaped", usage().replace('"account_id"', r'"\u0061ccount_id"'), {"account_id": "acc-42"}),
    _case("a byte order mark belongs to the start of the file", "\ufeff" + usage(), "invalid_json"),
    _case("nesting of 1000 is read", usage(extra="[" * 1000 + "]" * 1000), {}),
    _case("nesting of 2000 is refused", usage(extra="[" * 2000 + "]" * 2000), "invalid_json"),
    _case("an array is no object", "[" + usage() + "]", "not_an_object"),
    _case("a text is no object", '"hello"', "not_an_object"),
    _case("a number is no object", "5", "not_an_object"),
    _case("null is no object", "null", "not_an_object"),
]

FIELDS = [
    *(_case(f"{name} may not be absent", usage(**{name: None}), "missing_field") for name in ("id", "source", "type", "subject", "time")),
    *(_case(f"{name} may not be empty", usage(**{name: '""'}), "missing_field") for name in ("id", "source", "type", "subject", "time")),
    *(_case(f"{name} may not be null", usage(**{name: "null"}), "missing_field") for name in ("id", "source", "type", "subject", "time")),
    *(_case(f"{name} may not be a number", usage(**{name: "5"}), "missing_field") for name in ("id", "source", "type", "subject", "time")),
    *(
        _case(f"{name} may not be {text}", usage(**{name: text}), "missing_field")
        for name in ("account_id", "metric", "id")
        for text in ('""', "null", "5", "true", "[]", "{}", '{"a":"b"}', '["a"]')
    ),
    _case("an empty object lacks everything", "{}", "missing_field"),
    _case("data may not be absent", usage(data=None, account_id=None, metric=None, quantity=None, labels=None), "missing_field"),
    _case("data must be an object", usage(data='"x"'), "missing_field"),
    _case("data that is an array has no members", usage(data='["acc-1"]'), "missing_field"),
    _case("usage needs a quantity", usage(quantity=None), "missing_field"),
    _case("a null quantity is absent", usage(quantity="null"), "missing_field"),
    _case("an empty quantity is missing", usage(quantity='""'), "missing_field"),
    *(
        _case(f"{kind} needs metrics", lifecycle(kind, metrics=None), "missing_field")
        for kind in ("created", "started", "updated", "stopped")
    ),
    _case("metrics that are null are absent", lifecycle(metrics="null"), "missing_field"),
    _case("metrics that are no object are missing", lifecycle(metrics='"x"'), "missing_field"),
    _case("metrics that are an array are missing", lifecycle(metrics="[]"), "missing_field"),
    _case("updated must carry a state", lifecycle(state=None), "missing_field"),
    _case("updated must carry a state that is a text", lifecycle(state="1"), "missing_field"),
    _case("a missing field comes before the version", usage(subject=None, specversion='"0.3"'), "missing_field"),
    _case("a missing metric comes before the version", usage(metric=None, specversion='"0.3"'), "missing_field"),
    _case("the version may not be absent", usage(specversion=None), "unsupported_specversion"),
    _case("the version is a text", usage(specversion="1.0"), "unsupported_specversion"),
    _case("another version is refused", usage(specversion='"1.1"'), "unsupported_specversion"),
    _case("the version comes before the type", usage(specversion='"1"', type='"x"'), "unsupported_specversion"),
    _case("an unknown type is refused", usage(type='"usage.deleted"'), "unknown_type"),
    _case("types are written in lower case", usage(type='"Usage.Recorded"'), "unknown_type"),
    _case("an unknown type needs no metric", usage(type='"x"', metric=None, quantity=None), "unknown_type"),
    _case("the type comes before the time", usage(type='"x"', time='"x"'), "unknown_type"),
    _case("a first null counts", usage().replace('"id":', '"id":null,"id":'), "missing_field"),
    _case("the first of a name counts", usage().replace('"id":', '"id":"first","id":'), {"event_id": "first"}),
    _case("a first number counts", usage().replace('"id":', '"id":5,"id":'), "missing_field"),
    _case("a first data counts", usage().replace('"data":', '"data":{},"data":'), "missing_field"),
    _case("a first data under an escaped name counts", usage().replace('"data":', r'"d\u0061ta":{},"data":'), "missing_field"),
    _case("a first labels counts", usage().replace('"labels":', '"labels":"x","labels":'), "invalid_field"),
    _case("a first metrics counts", lifecycle().replace('"metrics":', '"metrics":{},"metrics":'), {"metrics": {}}),
    _case("unknown members are no fault", usage(extra='{"id":5,"labels":{"a":5},"data":[]}'), {"labels": {"team": "ml"}}),
    _case("a number of any length is no fault in an unknown member", usage(extra="123456789012345678901234567890"), {}),
    _case("a number of any size is no fault in an unknown member", usage(extra="1e999"), {}),
    _case("members of other types of events are unknown here", usage(state="5", metrics="5", resource_type="5"), {"state": None}),
    _case("a lifecycle event has no metric or quantity", lifecycle(metric="5", quantity='"x"', value="5"), {}),
    _case("white space before a colon hides nothing", usage().replace('"id":', '"id" :\t5,"x":'), "missing_field"),
    _case("a null optional text is absent", usage(project_id="null", region="null"), {"project_id": "", "region": ""}),
    _case("optional members may be left out", usage(project_id=None, region=None, labels=None), {"labels": {}, "sequence": 0}),
]

TYPES = [
    *(_case(f"project_id may not be {text}", usage(project_id=text), "invalid_field") for text in ("5", "true", "[]", "{}")),
    *(_case(f"region may not be {text}", usage(region=text), "invalid_field") for text in ("5", "false", '["a"]')),
    *(_case(f"value may not be {text}", usage(value=text), "invalid_field") for text in ("5", "true", "{}")),
    *(_case(f"resource_type may not be {text}", lifecycle(resource_type=text), "invalid_field") for text in ("5", "true", "{}")),
    *(_case(f"labels may not be {text}", usage(labels=text), "invalid_field") for text in ("5", '"x"', "[]", '[{"a":"b"}]')),
    *(
        _case(f"a label may not be {text}", usage(labels=f'{{"a":"b","team":{text}}}'), "invalid_field")
        for text in ("5", "true", "{}", "[]")
    ),
    _case("a label may hold what looks like the end", usage(labels=r'{"a\"}":"x\"}","team":5}'), "invalid_field"),
    _case("a null label is absent", usage(labels='{"team":null,"a":"b"}'), {"labels": {"a": "b"}}),
    _case("a label may be empty", usage(labels='{"":""}'), {"labels": {"": ""}}),
    _case("labels stand in byte order", usage(labels='{"é":"1","b":"2","B":"3"}'), {"labels": {"B": "3", "b": "2", "é": "1"}}),
    _case("the first label of a name counts", usage(labels='{"a":"1","a":"2"}'), {"labels": {"a": "1"}}),
    _case("a label may look like an object", usage(labels='{"a":"{}","b":"[1]"}'), {"labels": {"a": "{}", "b": "[1]"}}),
    *(_case(f"sequence may not be {text}", usage(sequence=text), "invalid_field") for text in ('"3"', "3.0", "3e0", "true", "{}", '""')),
    _case("sequence may be negative", usage(sequence="-3"), {"sequence": -3}),
    _case("sequence may be null", usage(sequence="null"), {"sequence": 0}),
    _case("sequence may be the greatest of 64 bits", usage(sequence="9223372036854775807"), {"sequence": 2**63 - 1}),
    _case("sequence may be the least of 64 bits", usage(sequence="-9223372036854775808"), {"sequence": -(2**63)}),
    _case("sequence above 64 bits is refused", usage(sequence="9223372036854775808"), "invalid_field"),
    _case("a sequence of minus zero is zero", usage(sequence="-0"), {"sequence": 0}),
    _case("a state of another type is refused", lifecycle("started", state="5"), "invalid_field"),
    _case("a field of a wrong type comes before a wrong quantity", usage(region="5", quantity='"x"'), "invalid_field"),
    _case("a wrong time comes before a field of a wrong type", usage(region="5", time='"x"'), "invalid_time"),
    _case("a wrong quantity comes before a wrong state", lifecycle(state='"on"', metrics='{"a":"-1"}'), "invalid_quantity"),
]

TIMES = [
    *(
        _case(f"{text} is no instant", usage(time=f'"{text}"'), "invalid_time")
        for text in (
            "2026-01-15",
            "2026-01-15T10:03Z",
            "2026-01-15T10:03:00",
            "2026-01-15 10:03:00Z",
            "2026-01-15T10:03:60Z",
            "2026-01-15T24:00:00Z",
            "2026-01-15T10:60:00Z",
            "2026-01-15T10:03:00+0300",
            "2026-01-15T10:03:00+24:00",
            "2026-01-15T10:03:00+03:60",
            "2026-01-15T10:03:00.Z",
            "2026-02-29T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-1-15T10:03:00Z",
            "12026-01-15T10:03:00Z",
            "1768471380",
            "now",
            "\uff12026-01-15T10:03:00Z",  # a digit, but not an ASCII one
        )
    ),
    _case("an instant ends where its offset ends", usage(time=r'"2026-01-15T10:03:00Z\n"'), "invalid_time"),
    _case("a 29 February of a leap year exists", usage(time='"2024-02-29T12:00:00Z"'), _at("2024-02-29T12:00:00")),
    _case("lower case t and z are RFC 3339", usage(time='"2026-01-15t10:03:00z"'), _at("2026-01-15T10:03:00")),
    _case("an offset is subtracted", usage(time='"2026-01-15T01:03:00+03:00"'), _at("2026-01-14T22:03:00")),
    _case("a negative offset is added", usage(time='"2026-01-15T23:03:00-01:30"'), _at("2026-01-16T00:33:00")),
    _case("an offset of minus zero is UTC", usage(time='"2026-01-15T10:03:00-00:00"'), _at("2026-01-15T10:03:00")),
    _case("an hour that daylight saving skips is an instant", usage(time='"2025-03-30T02:30:00+01:00"'), _at("2025-03-30T01:30:00")),
    _case("tenths are read", usage(time='"2026-01-15T10:03:00.5Z"'), _at("2026-01-15T10:03:00.500")),
    _case("microseconds are cut off", usage(time='"2026-01-15T10:03:00.123999Z"'), _at("2026-01-15T10:03:00.123")),
    _case(
        "any number of digits is cut off",
        usage(time=f'"2026-01-15T10:03:59.999{"9" * 30}Z"'),
        _at("2026-01-15T10:03:59.999"),
    ),
    _case("2015 begins the time of events", usage(time='"2015-01-01T00:00:00Z"'), _at("2015-01-01")),
    _case("2015 begins in UTC", usage(time='"2014-12-31T23:00:00-01:00"'), _at("2015-01-01")),
    _case("a millisecond before 2015 is too old", usage(time='"2014-12-31T23:59:59.999Z"'), "time_too_old"),
    _case("an offset reaches back before 2015", usage(time='"2015-01-01T00:59:59+01:00"'), "time_too_old"),
    *(
        _case(f"{year} is too old", usage(time=f'"{year}-02-28T00:00:00Z"'), "time_too_old")
        for year in ("0000", "0001", "1600", "1969", "1970")
    ),
    _case("year 0 is a leap year", usage(time='"0000-02-29T00:00:00Z"'), "time_too_old"),
    _case("24 hours ahead are accepted", usage(time='"2026-02-02T00:00:00Z"'), _at("2026-02-02")),
    _case("what is cut off does not lie ahead", usage(time='"2026-02-02T00:00:00.000999Z"'), _at("2026-02-02")),
    _case("a millisecond more lies in the future", usage(time='"2026-02-02T00:00:00.001Z"'), "time_in_future"),
    *(
        _case(f"{year} lies in the future", usage(time=f'"{year}-02-28T00:00:00Z"'), "time_in_future")
        for year in ("2027", "2106", "2299", "9999")
    ),
]

QUANTITIES = [
    *(
        _case(f"a quantity may not be {text}", usage(quantity=text), "invalid_quantity")
        for text in (
            "-1",
            '"-1"',
            '"-0.000000001"',
            '"+1"',
            '" 1"',
            '"1 "',
            '"1,5"',
            '"1_000"',
            '"0x10"',
            '"01"',
            '"1."',
            '".5"',
            '"1e"',
            '"NaN"',
            '"Infinity"',
            '"many"',
            '"٣"',
            r'"1\n2"',
            "true",
            "{}",
            "[]",
            '["1"]',
            '"0.0000000001"',
            '"1e-10"',
            "1e-10",
            "1e-400",
            '"1e-400"',
            '"1000000000000000000"',
            "1e18",
            "1e400",
            '"1e99999999999999999999"',
            '"1e-99999999999999999999"',
            "1234567890123456",
            "0.1234567890123456",
            "0.1234567890000000001",
            "12345678.123456789",
            "9007199254740993",
        )
    ),
    *(
        _case(f"{text} is {value}", usage(quantity=text), _quantity(value))
        for text, value in (
            ("0", "0"),
            ('"-0"', "0"),
            ("-0.0", "0"),
            ('"0e400"', "0"),
            ('"0e-99999999999999999999"', "0"),
            ("5", "5"),
            ('"1.50"', "1.5"),
            ("1.50", "1.5"),
            ("0.1", "0.1"),
            ("1e3", "1000"),
            ('"1e3"', "1000"),
            ('"1E+3"', "1000"),
            ("1e17", "100000000000000000"),
            ("100000000000000000", "100000000000000000"),
            ("1e-9", "0.000000001"),
            ('"10e-10"', "0.000000001"),
            ("0.000000001", "0.000000001"),
            ('"0.123456789000"', "0.123456789"),
            ('"1.000000000000000000000000"', "1"),
            (f'"0.{"0" * 40}1e41"', "1"),
            (f'"1{"0" * 40}e-40"', "1"),
            ("1.0000000000000000000", "1"),
            ("123456789012345", "123456789012345"),
            ("123456.123456789", "123456.123456789"),
            ("999999999999999", "999999999999999"),
            ('"999999999999999999"', "999999999999999999"),
            ('"999999999999999999.999999999"', "999999999999999999.999999999"),
            ('"9007199254740993"', "9007199254740993"),
            ('"12345678.123456789"', "12345678.123456789"),
        )
    ),
    _case(
        "metrics are read as quantities are",
        lifecycle(metrics='{"b":1.50,"a":"1e3","c":"0"}'),
        {"metrics": {"a": 1000, "b": Decimal("1.5"), "c": 0}},
    ),
    _case("one bad metric spoils the event", lifecycle(metrics='{"a":"1","b":"x"}'), "invalid_quantity"),
    _case("a metric may not be empty", lifecycle(metrics='{"a":""}'), "invalid_quantity"),
    _case("a metric may not be an object", lifecycle(metrics='{"a":{"b":1}}'), "invalid_quantity"),
    _case("two numbers in one metric are none", lifecycle(metrics=r'{"a":"1\n2"}'), "invalid_quantity"),
    _case("a null metric is absent", lifecycle(metrics='{"a":null,"b":"1"}'), {"metrics": {"b": 1}}),
    _case("the first metric of a name counts", lifecycle(metrics='{"a":"1","a":"2"}'), {"metrics": {"a": 1}}),
    _case("metrics may hold nothing", lifecycle(metrics="{}"), {"metrics": {}}),
]

STATES = [
    _case("an unknown state is refused", lifecycle(state='"paused"'), "unknown_state"),
    _case("states are written in lower case", lifecycle(state='"Running"'), "unknown_state"),
    *(
        _case(f"{kind} without a state is {state}", lifecycle(kind, state=None), {"state": state})
        for kind, state in (("created", "running"), ("started", "running"), ("stopped", "stopped"), ("deleted", "deleted"))
    ),
    _case("an empty state is absent", lifecycle("created", state='""'), {"state": "running"}),
    _case("a created resource may be stopped", lifecycle("created", state='"stopped"'), {"state": "stopped"}),
    _case(
        "deleted needs no metrics, type or state", lifecycle("deleted", metrics=None, resource_type=None, state=None), {"state": "deleted"}
    ),
    _case("a deletion ends the resource whatever its state says", lifecycle("deleted", state='"gone"'), {"state": "deleted"}),
    _case("a deletion ends the resource whatever it holds", lifecycle("deleted", metrics='{"a":"-1"}', resource_type="5"), {"metrics": {}}),
]

EXAMPLES = [
    _case(
        "a usage event is kept whole",
        usage(value='"10.0.0.1"', sequence="7"),
        {
            "source": "/storage/eu-north1",
            "resource_id": "bucket-17",
            "event_at": datetime(2026, 1, 15, 10, 3, tzinfo=UTC),
            "account_id": "acc-42",
            "project_id": "prj-7",
            "region": "eu-north1",
            "metric": "storage.egress_bytes",
            "quantity": Decimal(1073741824),
            "value": "10.0.0.1",
            "labels": {"team": "ml"},
            "sequence": 7,
        },
    ),
    _case(
        "a lifecycle event is kept whole",
        lifecycle(),
        {
            "source": "/compute/eu-north1",
            "resource_id": "vm-9",
            "event_at": datetime(2026, 1, 15, 10, 3, 0, 250_000, tzinfo=UTC),
            "kind": "updated",
            "sequence": 3,
            "account_id": "acc-42",
            "project_id": "prj-7",
            "region": "eu-north1",
            "resource_type": "compute.instance",
            "state": "running",
            "metrics": {"compute.ram_gib": Decimal(32), "compute.vcpu": Decimal(8)},
            "labels": {"team": "ml"},
        },
    ),
]

CASES = [*LINES, *JSON, *FIELDS, *TYPES, *TIMES, *QUANTITIES, *STATES, *EXAMPLES]
