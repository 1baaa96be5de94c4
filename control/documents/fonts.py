"""The fonts of documents, and what they can print. All are free to embed (SIL OFL, IPA Font License).

Noto Sans has Latin, Greek and Cyrillic with digits of one width, which columns of money need. What it lacks comes from FiraGO
(Arabic, Hebrew, Thai, Devanagari, Georgian) and IPAexGothic (Japanese). A sign that none of them has is printed as `?`.
"""

from __future__ import annotations

import importlib
import io
import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from fontTools.ttLib import TTFont

MISSING = "?"
# Zero-width non-joiner and joiner: Persian and Indic spelling.
_JOINERS = frozenset("\u200c\u200d")
_BREAKS = re.compile(r"[ \t\r\n\f\v]+")
# Scripts whose letters change with their neighbours, or run from right to left: these need a shaping engine, others are
# faster without. First and last code point of Hebrew to Sinhala, Thai to Myanmar, Khmer, and the presentation forms of Arabic.
_SHAPED = ((0x0590, 0x0DFF), (0x0E00, 0x109F), (0x1780, 0x17FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFC))


class Face(StrEnum):
    """One font. The values are its names inside a PDF."""

    SANS = "sans"
    SANS_BOLD = "sansB"
    WORLD = "world"
    WORLD_BOLD = "worldB"
    JAPANESE = "japanese"


_MODULES = {
    Face.SANS: "NotoSans_Regular",
    Face.SANS_BOLD: "NotoSans_Bold",
    Face.WORLD: "FiraGO_Regular",
    Face.WORLD_BOLD: "FiraGO_Bold",
}
# In the order in which a sign is looked for.
_FALLBACKS = (Face.SANS, Face.WORLD, Face.JAPANESE)


@cache
def font_bytes(face: Face) -> bytes:
    """The TrueType file. The package of the Japanese font is never imported: it would want matplotlib."""
    if face is Face.JAPANESE:
        return Path(str(distribution("japanize-matplotlib").locate_file("japanize_matplotlib/fonts/ipaexg.ttf"))).read_bytes()
    return bytes(importlib.import_module(f"pymupdf_fonts.{_MODULES[face]}").fontbuffer)


@cache
def coverage(face: Face) -> frozenset[int]:
    """The code points a face has glyphs for."""
    return frozenset(TTFont(io.BytesIO(font_bytes(face)), lazy=True).getBestCmap())


def printable(text: str) -> str:
    """One line of text with only what the fonts have; combined forms first, where there are any."""
    line = _BREAKS.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")
    kept = _JOINERS if needs_shaping(line) else frozenset()
    signs = [sign for sign in line if sign in kept or unicodedata.category(sign) not in ("Cf", "Cc")]
    return "".join(sign if _face_of(sign) else MISSING for sign in signs)


def fallbacks_for(texts: Iterable[str]) -> list[Face]:
    """The regular faces beside Noto Sans that these texts need. Loading one costs a tenth of a second and more."""
    needed = {face for text in texts for sign in text if (face := _face_of(sign))}
    return [face for face in _FALLBACKS if face in needed and face is not Face.SANS]


def needs_shaping(text: str) -> bool:
    """Whether letters of the text must be joined or reordered."""
    return not text.isascii() and any(first <= ord(sign) <= last for sign in text for first, last in _SHAPED)


@cache
def _face_of(sign: str) -> Face | None:
    return next((face for face in _FALLBACKS if ord(sign) in coverage(face)), None)
