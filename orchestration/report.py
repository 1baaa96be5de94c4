"""What one run of the pipeline did: each step adds its part, the command line and the checks read it.

A run is one process, so a plain object is enough; nothing here is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from warehouse.errors import MeterhouseError

if TYPE_CHECKING:
    from control.domain.documents import IssuedInvoice
    from ingestion.loader import LoadResult
    from orchestration.deployment import Deployment
    from warehouse.ticks import Tick


class CheckFailedError(MeterhouseError):
    """A blocking check found something; the tick was not committed."""


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """One check of one run. `figures` says in words what was found; empty where it passed."""

    name: str
    is_passed: bool
    is_blocking: bool
    figures: str = ""


@dataclass(kw_only=True)
class RunReport:
    """The parts of a run that have happened so far."""

    loads: list[LoadResult] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # a sentence for each input or source that could not be read
    published: dict[str, int] = field(default_factory=dict)  # rows by table
    control_revision: int = 0  # of the control store, before it was published
    tick: Tick | None = None
    is_built: bool = False  # all models of the tick were computed
    is_committed: bool = False
    checks: list[CheckOutcome] = field(default_factory=list)
    issued: list[IssuedInvoice] = field(default_factory=list)

    @property
    def failed(self) -> list[CheckOutcome]:
        """Blocking checks that did not pass."""
        return [check for check in self.checks if check.is_blocking and not check.is_passed]

    @property
    def warnings(self) -> list[CheckOutcome]:
        """Checks that found something a person should look at, and that stop nothing."""
        return [check for check in self.checks if not check.is_blocking and not check.is_passed]

    def raise_if_failed(self) -> None:
        """Do nothing while all blocking checks have passed.

        Raises:
            CheckFailedError: naming each failed check with its figures.
        """
        if self.failed:
            found = "; ".join(f"{check.name} ({check.figures})" for check in self.failed)
            raise CheckFailedError(f"blocking check failed, the tick was not committed: {found}")


@dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """A run that holds the pipeline's lease: what it acts on, and what it has done."""

    deployment: Deployment
    report: RunReport = field(default_factory=RunReport)
