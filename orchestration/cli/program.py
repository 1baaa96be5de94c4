"""`meterhouse` as a process: one command, and then out at once.

Taking apart what a tick imported and built costs Python seconds, for memory that the system takes back in no time.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from typing import NoReturn

from orchestration.cli.main import FAILED
from orchestration.cli.main import main as run_command


def main() -> NoReturn:
    """Run the command of this process's arguments."""
    try:
        run_command()
    except SystemExit as ended:
        leave(ended)


def leave(ended: SystemExit) -> NoReturn:
    """End the process with this exit code: do what waits for its end, write out what was printed, and free nothing.

    Threads that still run are not waited for.
    """
    code = ended.code if isinstance(ended.code, int) else FAILED if ended.code else 0
    atexit._run_exitfuncs()
    logging.shutdown()
    try:
        sys.stdout.flush()
    except OSError as error:  # nobody reads any more, or the disk is full: what was printed is lost
        code = code or FAILED
        if not sys.stderr.closed:  # as it is where a reader that left was noticed before
            print(f"meterhouse: the output was cut off ({error.strerror})", file=sys.stderr)
    except ValueError:  # closed where it was found that nobody reads
        pass
    os._exit(code)
