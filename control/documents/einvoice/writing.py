"""Elements of either syntax: decimals as plain text, absent values as no element."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from lxml import etree

Element: TypeAlias = Any  # lxml has no types of its own


class Writer:
    """Appends elements named `prefix:Name` of its namespaces."""

    def __init__(self, root: str, namespaces: Mapping[str | None, str]) -> None:
        """`root` is written like every name; the prefix None is the namespace of names without one."""
        self._namespaces = dict(namespaces)
        self.root: Element = etree.Element(self._name(root), nsmap=self._namespaces)

    def add(self, parent: Element, path: str, text: str | Decimal | None = None, **attributes: str) -> Element:
        """Append an element, or with `a/b/c` several in each other, and return the last. It has the text and the attributes."""
        last = parent
        for name in path.split("/"):
            last = etree.SubElement(last, self._name(name))
        if text is not None:
            last.text = format(text, "f") if isinstance(text, Decimal) else text
        for name, value in attributes.items():
            last.set(name, value)
        return last

    def add_if(self, parent: Element, path: str, text: str, **attributes: str) -> None:
        """Append it unless the text is empty: the standard refuses empty elements."""
        if text:
            self.add(parent, path, text, **attributes)

    def document(self) -> bytes:
        """The finished document in UTF-8."""
        written: bytes = etree.tostring(self.root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
        return written

    def _name(self, name: str) -> str:
        prefix, _, local = name.rpartition(":")
        return f"{{{self._namespaces[prefix or None]}}}{local}"
