"""A JSON array becomes lines, byte for byte the elements that were sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingestion.door.splitting import NotOneLineError, line_of_object, lines_of_array

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8") | st.sampled_from('"\\[]{},:\n')),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
DUMPS = [{"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"indent": "\t", "ensure_ascii": False}]


@hypothesis_settings(deadline=None)
@given(st.lists(VALUES, max_size=6), st.sampled_from(DUMPS), st.sampled_from(["", " ", "\r\n"]))
def test_every_element_is_one_line(elements: list[object], dump: dict[str, object], around: str) -> None:
    body = f"{around}{json.dumps(elements, **dump)}{around}".encode()  # type: ignore[arg-type]  # one of DUMPS

    lines = lines_of_array(body)

    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == elements
    assert not lines or lines.endswith(b"\n")


@hypothesis_settings(deadline=None)
@given(VALUES, st.sampled_from(DUMPS))
def test_a_value_over_several_lines_becomes_one(value: object, dump: dict[str, object]) -> None:
    line = line_of_object(json.dumps(value, **dump).encode())  # type: ignore[arg-type]  # one of DUMPS
    assert line.count(b"\n") == 1
    assert json.loads(line) == value


def test_numbers_keep_all_their_digits() -> None:
    assert lines_of_array(b'[{"q":0.1234567890000000001},{"q":1e400}]').split() == [b'{"q":0.1234567890000000001}', b'{"q":1e400}']


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[", b"]", b'["', b'["]', b"[{}", b"[{]", b"[]]", b"[1][2]", b'[{"a":"x\ny"}]', b'["\\"]', b"[}{]", b"null"],
)
def test_what_is_no_whole_array_is_refused(body: bytes) -> None:
    with pytest.raises(NotOneLineError):
        lines_of_array(body)


def test_elements_that_are_wrong_stay_apart_from_those_that_are_right() -> None:
    assert lines_of_array(b'[{"a":1}, nonsense, 5, {"b":2}]').splitlines() == [b' {"a":1}', b" nonsense", b" 5", b' {"b":2}']
