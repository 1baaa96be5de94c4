"""Synthetic input: event files and a catalog that look like a month of a real GPU cloud.

It owns `meterhouse generate` and the demo's input. It does not own loading: what it writes is read like any user's files.

- shape: how many events of which kind; all rates.
- numbers: random numbers that are the same everywhere.
- names, landscape: customers, regions, projects, and who owns what.
- usage, lifecycle: the good lines. flaws: the bad ones.
- catalog: prices and all other reference files.
- folder, writer: where it goes. cloud: all of it put together.
"""

from ingestion.synthetic.cloud import Generated, demo_input, generate, write_cloud
from ingestion.synthetic.shape import Shape

__all__ = ["Generated", "Shape", "demo_input", "generate", "write_cloud"]
