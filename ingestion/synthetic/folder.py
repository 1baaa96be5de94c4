"""The folder that generated input goes to: known by its manifest, so that only our own files are ever replaced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warehouse.errors import InputError

MANIFEST = "generated.json"


def prepare(out: Path, made_with: Mapping[str, object]) -> None:
    """Make the folder with an empty `events/`; files of an earlier call go.

    Raises:
        InputError: `out` is a file, or holds files that were not generated.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out names a folder")
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).exists():
        raise InputError(f"{out} holds files that `meterhouse generate` did not write; name an empty or new folder with --out")
    (out / "events").mkdir(parents=True, exist_ok=True)
    # Written first, so that a folder left half full by a crash is known as ours.
    describe(out, made_with)
    for stale in (out / "events").glob("part-*.jsonl.gz"):
        stale.unlink()


def describe(out: Path, content: Mapping[str, object]) -> None:
    """Write the manifest: how the folder was made and what is in it."""
    (out / MANIFEST).write_text(json.dumps(described(content), indent=2) + "\n", encoding="utf-8")


def described(content: Mapping[str, object]) -> dict[str, Any]:
    """The content as it reads in a manifest: JSON types only, instants and paths as text."""
    plain: dict[str, Any] = json.loads(json.dumps(content, default=str))
    return plain


def read_description(out: Path) -> dict[str, Any]:
    """The folder's manifest; empty where there is none."""
    try:
        content: dict[str, Any] = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content
