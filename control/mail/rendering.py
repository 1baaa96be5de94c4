"""Writes a mail from its template. A value that is missing is an error, never an empty place in a letter to a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

DEFAULT_LANGUAGE = "en"
_FOLDER = Path(__file__).parent / "templates"
# Parts that templates share begin with it.
_PART = "_"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A mail's texts. Both bodies say the same."""

    subject: str
    plain_body: str
    html_body: str


def templates() -> list[str]:
    """The names of the mails there are."""
    return sorted(path.stem for path in (_FOLDER / DEFAULT_LANGUAGE).glob("*.txt") if not path.name.startswith(_PART))


def languages() -> list[str]:
    """The languages there are."""
    return sorted(path.name for path in _FOLDER.iterdir() if path.is_dir())


def write(template: str, language: str, values: Mapping[str, Any]) -> Written:
    """A mail.

    Args:
        template: one of `templates()`.
        language: one without this template gets it in English.
        values: what the template names.

    Raises:
        jinja2.UndefinedError: the template names a value that is not given: a defect of ours.
    """
    environment = _environment(language)
    subject, _, plain = environment.get_template(f"{template}.txt").render(values).partition("\n")
    # A name may hold a line end, and a header may not.
    return Written(
        subject=" ".join(subject.split()),
        plain_body=plain.strip() + "\n",
        html_body=environment.get_template(f"{template}.html").render(values).strip() + "\n",
    )


@cache
def _environment(language: str) -> Environment:
    # Here and not above: importing it costs as long as a short command runs.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # noqa: PLC0415

    return Environment(
        loader=FileSystemLoader([_FOLDER / language, _FOLDER / DEFAULT_LANGUAGE]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
