"""A JSON array of events into lines, byte for byte: no event is parsed here, the warehouse reads and judges each.

The commas between the elements become line ends. Where they are follows from two running sums over the whole body, quotes
and brackets, which numpy computes at memory speed; a parser in Python would cost more than everything else the door does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_QUOTE, _BACKSLASH, _COMMA, _SPACE, _NEWLINE = (ord(character) for character in '"\\, \n')
_WHITESPACE = b" \t\r\n"
# What each byte does to the depth of brackets.
_DEPTH = np.zeros(256, dtype=np.int8)
for _character, _step in {"{": 1, "[": 1, "}": -1, "]": -1}.items():
    _DEPTH[ord(_character)] = _step


class NotOneLineError(ValueError):
    """The text is no JSON that can be written in one line an element. The message says why."""


def lines_of_array(body: bytes) -> bytes:
    """The elements of a JSON array, one a line; each line ends. Empty where the array is.

    Raises:
        NotOneLineError: no array, not whole, or a string with a raw line end, which no JSON has.
    """
    text = body.strip(_WHITESPACE)
    if not (text.startswith(b"[") and text.endswith(b"]")):
        raise NotOneLineError("the body is not a JSON array")
    if not text[1:-1].strip(_WHITESPACE):
        return b""
    found = np.frombuffer(text, dtype=np.uint8).copy()
    is_outside = _is_outside_strings(found)
    depth = np.cumsum(np.where(is_outside, _DEPTH[found], 0), dtype=np.int32)
    if depth[-1] != 0 or (depth[:-1] < 1).any():
        raise NotOneLineError("the body is not one whole JSON array: its brackets do not pair")
    _flatten(found, is_outside)
    found[is_outside & (found == _COMMA) & (depth == 1)] = _NEWLINE
    found[0] = _SPACE
    found[-1] = _NEWLINE
    return found.tobytes()


def line_of_object(body: bytes) -> bytes:
    """One JSON value in one line, with its line end.

    Raises:
        NotOneLineError: a string with a raw line end, which no JSON has.
    """
    text = body.strip(_WHITESPACE)
    if b"\n" not in text and b"\r" not in text:
        return text + b"\n"
    found = np.frombuffer(text, dtype=np.uint8).copy()
    _flatten(found, _is_outside_strings(found))
    return found.tobytes() + b"\n"


def _flatten(found: NDArray[np.uint8], is_outside: NDArray[np.bool_]) -> None:
    """Line ends between the parts of an event become spaces."""
    ends = (found == _NEWLINE) | (found == ord("\r"))
    if (ends & ~is_outside).any():
        raise NotOneLineError("a text contains a raw line end; JSON writes it as \\n")
    found[ends] = _SPACE


def _is_outside_strings(found: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """For each byte whether it stands outside of strings. A quote that opens counts as inside, one that closes as outside."""
    quotes = found == _QUOTE
    backslashes = np.flatnonzero(found == _BACKSLASH)
    if backslashes.size:
        quotes[_escaped(backslashes, found.size)] = False
    return ~np.logical_xor.accumulate(quotes)


def _escaped(backslashes: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Positions of the bytes that a backslash escapes: in a run of backslashes the first escapes, the second is escaped, and so on."""
    starts_run = np.ones(backslashes.size, dtype=bool)
    starts_run[1:] = np.diff(backslashes) != 1
    run_start = np.maximum.accumulate(np.where(starts_run, backslashes, 0))
    escaping = backslashes[(backslashes - run_start) % 2 == 0]
    after: NDArray[np.intp] = escaping + 1
    return after[after < size]
