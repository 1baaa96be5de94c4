"""Peak memory counts this process, those below it and the others named."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.memory import PeakMemory

MIB = 1 << 20
HOLD = "import sys; held = bytearray(200 << 20); held[::4096] = b'x' * len(held[::4096]); print('ready', flush=True); sys.stdin.read()"


def test_memory_of_a_child_is_counted() -> None:
    with PeakMemory() as idle:
        pass
    with (
        PeakMemory() as busy,
        subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child,
    ):
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        busy._look()
        child.communicate("")
    assert busy.peak_bytes > idle.peak_bytes + 190 * MIB


def test_a_process_that_ended_counts_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with PeakMemory(ended.pid) as peak:
        pass
    assert peak.peak_bytes > MIB
