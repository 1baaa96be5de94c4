"""The end of a command's process: at once, and with nothing left undone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Each exit code in a process of its own, which begins with the imports behind it.
PROGRAM = """
import atexit, os, sys
from orchestration.cli.program import leave
for code in (None, 0, 2, "a sentence", "full"):
    if os.fork() == 0:
        if code == "full":
            sys.stdout, code = open("/dev/full", "w", buffering=8192), 0
        else:
            atexit.register(lambda: print("told at the end", flush=False))
        print("printed", code, flush=False)
        leave(SystemExit(code))
    print("code", os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


def test_what_was_printed_comes_out_what_waits_for_the_end_is_done_and_lost_output_is_no_success() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [
        *("printed None", "told at the end", "code 0"),
        *("printed 0", "told at the end", "code 0"),
        *("printed 2", "told at the end", "code 2"),
        *("printed a sentence", "told at the end", "code 1"),
        "code 1",
    ]
    assert ended.stderr == "meterhouse: the output was cut off (No space left on device)\n"


BROKEN = """
import os, sys
os.environ["METERHOUSE_HOME"] = sys.argv.pop()
import orchestration.cli.main

def app(**_arguments):
    raise BrokenPipeError(32, "Broken pipe")

main = sys.modules["orchestration.cli.main"]
main.app = app
main.main()
"""


@pytest.mark.parametrize("is_read", [True, False], ids=["another pipe", "its output"])
def test_a_pipe_that_broke_is_told_unless_it_is_that_of_who_would_read_it(tmp_path: Path, is_read: bool) -> None:
    read, write = os.pipe()
    if not is_read:
        os.close(read)

    ended = subprocess.run(
        [sys.executable, "-c", BROKEN, str(tmp_path)],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    os.close(write)
    if is_read:
        os.close(read)
    assert ended.returncode == 1, ended.stderr
    assert ("internal error, BrokenPipeError" in ended.stderr, ended.stderr == "") == (is_read, not is_read)
