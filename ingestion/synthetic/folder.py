"""The folder that generated input goes to: known by its manifest, so that only our own files are ever replaced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

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
    """Write the manifest: how the folder was made and what is in it. Instants as ISO text."""
    (out / MANIFEST).write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
