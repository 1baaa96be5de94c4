"""Who runs: the identity of this process, and whether the process behind an identity still lives on this machine."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process, so that no other is taken for it: not one that got the same pid later, in another container or after a reboot."""

    host: str  # machine, boot and pid namespace; two that are equal see the same pids
    pid: int
    started: str  # the kernel's start time of the process; empty where the kernel does not tell


def this_process() -> ProcessIdentity:
    """The identity of the calling process."""
    pid = os.getpid()
    return ProcessIdentity(host=_host(), pid=pid, started=_started(pid) or "")


def is_known_dead(process: ProcessIdentity) -> bool:
    """Whether the process is certainly gone. Of another machine, container or boot nothing is certain: False."""
    if process.host != this_process().host:
        return False
    if process.started:
        return _started(process.pid) != process.started
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@cache
def _host() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    parts = [socket.gethostname()]
    if boot.exists():
        parts.append(boot.read_text().strip())
    if namespace.is_symlink():
        parts.append(str(namespace.readlink()))
    return "/".join(parts)


def _started(pid: int) -> str | None:
    """Start time in ticks since boot; None for a process that is gone, or a zombie that acts no more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]
