"""Our own HTTP door as a process of its own, and a producer that talks to it."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.domain.api_keys import EVENTS_WRITE
from control.services.api_keys import create_key
from orchestration.deployment import Deployment
from tests.sources_bench.servers import free_port, running
from tests.command_line import Home

NDJSON = "application/x-ndjson"
