"""Peak memory counts this process, those below it and the others named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.memory import PeakMemory

MIB = 1 << 20
HOLD = "import sys; held = bytearray(200 << 20); held[::4096] = b'x' * len(held[::4096]); print('ready', flush=True); sys.stdin.read()"
# A process of its own: below the one that runs the tests there may be a server, which takes and returns memory meanwhile.
WATCH = """
import subprocess, sys
from benchmarks.memory import PeakMemory

with PeakMemory() as idle:
    pass
with (
    PeakMemory() as busy,
    subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child,
):
    assert child.stdout.readline() == "ready\\n"
    busy._look()
    child.communicate("")
print(busy.peak_bytes - idle.peak_bytes)
"""


def test_memory_of_a_child_is_counted() -> None:
    root = Path(__file__).parents[3]
    watched = subprocess.run([sys.executable, "-c", WATCH, HOLD], cwd=root, capture_output=True, text=True, check=True)

    assert 190 * MIB < int(watched.stdout) < 250 * MIB


def test_a_process_that_ended_counts_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with PeakMemory(ended.pid) as peak:
        pass
    assert peak.peak_bytes > MIB
