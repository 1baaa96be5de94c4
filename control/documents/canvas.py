"""Puts text and rules on A4 pages: the only module that knows fpdf2. What stands where is decided in pdf.py.

Lengths are millimetres from the upper left corner, `y` of a text is that of its line's top, sizes are points.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.fonts import TTFFont

from control.documents.fonts import Face, fallbacks_for, font_bytes, needs_shaping, printable
from control.documents.metadata import PRODUCER

PAGE_WIDTH, PAGE_HEIGHT = 210.0, 297.0
LEFT, RIGHT = 18.0, PAGE_WIDTH - 18.0
WIDTH = RIGHT - LEFT
LINE_FACTOR = 1.32  # height of a line to the size of its letters
MILLIMETRES_PER_POINT = 25.4 / 72
_BASELINE = LINE_FACTOR / 2 + 0.3  # of the size of its letters, below the top of a line
SMALLEST = 4.5  # points; a text that does not fit its column shrinks to this and no further

BLACK, GREY, LIGHT, PALE, RED = (25, 28, 33), (105, 112, 122), (214, 218, 224), (244, 246, 248), (176, 32, 32)
_BOLD_FACES = {Face.WORLD: Face.WORLD_BOLD}

# It warns of every table of a font that it leaves out of a subset, which no page needs.
logging.getLogger("fontTools.subset").setLevel(logging.ERROR)


class Canvas:
    """One PDF/A-3 file in the making."""

    def __init__(self, folder: Path, texts: Iterable[str], *, created_at: datetime) -> None:
        """`folder` holds the font files while the file is made; `texts` are all that will be printed."""
        self._pdf = FPDF(unit="mm", format="A4", enforce_compliance="PDF/A-3B")
        self._pdf.set_auto_page_break(False)
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        self._pdf.set_creation_date(created_at)
        self._pdf.set_lang("en")
        self._add(folder, "sans", Face.SANS, Face.SANS_BOLD)
        fallbacks = fallbacks_for(map(printable, texts))
        for face in fallbacks:
            self._add(folder, face.value, face, _BOLD_FACES.get(face))
        if fallbacks:
            self._pdf.set_fallback_fonts([face.value for face in fallbacks], exact_match=False)

    def page(self) -> None:
        """Begin another page."""
        self._pdf.add_page()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 9,
        is_bold: bool = False,
        color: tuple[int, int, int] = BLACK,
        width: float = 0,
        is_right: bool = False,
    ) -> None:
        """One line. Right aligned, it ends at `x`. Where `width` is given, a longer text is set smaller."""
        line = printable(text)
        taken = self.width(line, size=size, is_bold=is_bold)
        if width and taken > width:
            smaller = max(SMALLEST, size * width / taken)
            y += (size - smaller) * MILLIMETRES_PER_POINT * _BASELINE
            size = smaller
            taken = self.width(line, size=size, is_bold=is_bold)
        self._pdf.set_text_color(*color)
        self._pdf.set_font("sans", "B" if is_bold else "", size)
        self._pdf.set_xy(x - taken if is_right else x, y)
        with self._shaping(line):
            self._pdf.cell(w=taken, h=height(size), text=line)
        if not line.isascii():
            # A font that was changed inside a line ends with it, which fpdf2 forgets: the next line would begin in the wrong one.
            self._pdf.current_font_is_set_on_page = False

    def width(self, text: str, *, size: float, is_bold: bool = False) -> float:
        """Of one printed line."""
        self._pdf.set_font("sans", "B" if is_bold else "", size)
        with self._shaping(text):
            return float(self._pdf.get_string_width(text))

    def wrapped(self, text: str, width: float, *, size: float, is_bold: bool = False) -> list[str]:
        """The text in lines of at most this width: broken at spaces, inside a word only where it alone is too long."""
        lines, line = [], ""
        for word in printable(text).split(" "):
            longer = f"{line} {word}".strip()
            if self.width(longer, size=size, is_bold=is_bold) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while (fitting := self._fitting(line, width, size=size, is_bold=is_bold)) < len(line):
                lines.append(line[:fitting])
                line = line[fitting:]
        return [*lines, line] if line or not lines else lines

    def cut(self, text: str, width: float, *, size: float) -> str:
        """The text, or its beginning with an ellipsis where it is too long. For what stands elsewhere in full."""
        line = printable(text)
        if self.width(line, size=size) <= width:
            return line
        return line[: self._fitting(line, width - self.width("…", size=size), size=size, is_bold=False)].rstrip() + "…"

    def rule(self, x: float, y: float, width: float, *, color: tuple[int, int, int] = LIGHT, thickness: float = 0.2) -> None:
        """A horizontal line."""
        self._pdf.set_draw_color(*color)
        self._pdf.set_line_width(thickness)
        self._pdf.line(x, y, x + width, y)

    def box(self, x: float, y: float, width: float, box_height: float, *, color: tuple[int, int, int]) -> None:
        """A filled rectangle."""
        self._pdf.set_fill_color(*color)
        self._pdf.rect(x, y, width, box_height, style="F")

    def watermark(self, text: str) -> None:
        """Large and pale across the page, below what is printed afterwards."""
        self._pdf.set_font("sans", "B", 120)
        self._pdf.set_text_color(238, 238, 240)
        with self._pdf.rotation(52, PAGE_WIDTH / 2, PAGE_HEIGHT / 2):
            self._pdf.set_xy(0, PAGE_HEIGHT / 2 - 25)
            self._pdf.cell(w=PAGE_WIDTH, h=50, text=text, align="C")

    def describe(self, *, title: str, author: str, subject: str, xmp: str) -> None:
        """What the file says of itself."""
        self._pdf.set_title(title)
        self._pdf.set_author(author)
        self._pdf.set_subject(subject)
        self._pdf.set_creator(PRODUCER)
        self._pdf.set_producer(PRODUCER)
        self._pdf.set_xmp_metadata(xmp)

    def embed(self, name: str, content: bytes, *, description: str, changed_at: datetime) -> None:
        """Attach an XML file that says the same as the pages."""
        self._pdf.embed_file(
            bytes=content,
            basename=name,
            desc=description,
            mime_type="text/xml",
            modification_date=changed_at,
            associated_file_relationship="Alternative",
            compress=True,
            checksum=True,
        )

    def finished(self) -> bytes:
        """The file."""
        return bytes(self._pdf.output())

    def close(self) -> None:
        """Let go of the font files."""
        for font in self._pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.close()

    def _add(self, folder: Path, family: str, regular: Face, bold: Face | None) -> None:
        for style, face in (("", regular), ("B", bold)):
            if face is not None:
                path = folder / f"{face.value}.ttf"
                path.write_bytes(font_bytes(face))
                self._pdf.add_font(family, style, path)

    @contextmanager
    def _shaping(self, text: str) -> Iterator[None]:
        if not needs_shaping(text):
            yield
            return
        self._pdf.set_text_shaping(True)
        try:
            yield
        finally:
            self._pdf.set_text_shaping(False)

    def _fitting(self, word: str, width: float, *, size: float, is_bold: bool) -> int:
        """How many signs of a word fit, at least one."""
        low, high = 1, len(word)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(word[:middle], size=size, is_bold=is_bold) <= width:
                low = middle
            else:
                high = middle - 1
        return low


def height(size: float) -> float:
    """Of a line of text."""
    return size * MILLIMETRES_PER_POINT * LINE_FACTOR


@contextmanager
def open_canvas(texts: Iterable[str], *, created_at: datetime) -> Iterator[Canvas]:
    """A canvas for the block, with the fonts that these texts need. fpdf2 reads fonts from files only, so they lie in a folder."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-fonts-") as folder:
        canvas = Canvas(Path(folder), texts, created_at=created_at)
        try:
            yield canvas
        finally:
            canvas.close()
