"""Schemathesis with many examples an operation, over a world of its own: `python -m tests.api_bench.deep [EXAMPLES]`, minutes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.api_bench.conformance import failures
from tests.api_bench.world import built_world
from tests.conftest import make_settings
from warehouse import embedded


def main() -> int:
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
        embedded.start(Path(home))
        try:
            with built_world(make_settings(home=Path(home)), Path(folder)) as world:
                found = failures(world, examples=examples)
        finally:
            embedded.stop(Path(home))
    sys.stdout.write("".join(f"{failure}\n\n" for failure in found) or f"{examples} examples an operation, no failure\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
