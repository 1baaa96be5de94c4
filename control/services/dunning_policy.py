"""Finds the dunning policy of a deployment, or another one to compare it with."""

from __future__ import annotations

from pathlib import Path

from control.domain.dunning import Policy
from control.domain.dunning_policy import parse_policy
from control.mail import templates
from control.settings import ControlSettings
from warehouse.errors import InputError

STANDARD = Path(__file__).parent.parent / "policies" / "dunning.toml"


def active_policy(settings: ControlSettings) -> Policy:
    """The policy that METERHOUSE_DUNNING_POLICY names, else the standard one.

    Raises:
        InputError: it cannot be read, or is no policy.
    """
    return read_policy(Path(settings.dunning_policy) if settings.dunning_policy else STANDARD)


def read_policy(path: Path) -> Policy:
    """A policy from a file.

    Raises:
        InputError: it cannot be read, or is no policy.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"the dunning policy {path} cannot be read: {error.strerror}") from None
    return parse_policy(data, source=str(path), templates=templates())
