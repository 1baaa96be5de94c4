"""XML that strangers send: parsed without document types and entities, and read by names without their namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from control.gateways.bank.entries import StatementError

# A month of a busy account is some 20 MB.
_LARGEST_BYTES = 100_000_000


def parse(data: bytes) -> Element:
    """The root element. Tags keep their namespace, as `{namespace}name`.

    Raises:
        StatementError: no well-formed XML, one with a document type, or more than 100 MB.
    """
    if len(data) > _LARGEST_BYTES:
        raise StatementError(f"the file has {len(data)} bytes; a statement has at most {_LARGEST_BYTES}")
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda tag, attributes: builder.start(_name(tag), attributes)
    parser.EndElementHandler = lambda tag: builder.end(_name(tag))
    parser.CharacterDataHandler = builder.data
    # Entities come with a document type only; no bank sends one, and expanding them is how such files do harm.
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: an encoding that nobody knows
        raise StatementError(f"the file is no well-formed XML: {error}") from None


def local(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]


def children(element: Element | None, path: str) -> Iterator[Element]:
    """The elements at a path of names such as `Refs/EndToEndId`, in any namespace."""
    if element is None:
        return
    name, _, rest = path.partition("/")
    for child in element:
        if local(child.tag) == name:
            if rest:
                yield from children(child, rest)
            else:
                yield child


def child(element: Element | None, *paths: str) -> Element | None:
    """The first element at the first path that leads anywhere."""
    return next((found for path in paths for found in children(element, path)), None)


def text(element: Element | None, *paths: str) -> str:
    """The text of the first of these elements that has one, else an empty one; runs of white space are one space."""
    for path in paths:
        for found in children(element, path):
            if said := " ".join((found.text or "").split()):
                return said
    return ""


def _name(tag: str) -> str:
    return "{" + tag if "}" in tag else tag


def _refuse(*_: object) -> None:
    raise StatementError("the file has a document type, which no bank statement has; it was not read")
