"""The command line `meterhouse`: arguments, output, exit codes. What a verb does is called here, not written.

One module a group of verbs. Nothing heavy is imported at the top of a module: `meterhouse sql` must not wait for Dagster.
"""

from orchestration.cli.program import main

__all__ = ["main"]
