"""Errors of the control plane beside those of its ports (control/ports.py).

warehouse.errors.MeterhouseError
└── StoreError      the control store cannot be reached, opened or migrated
"""

from __future__ import annotations

from warehouse.errors import MeterhouseError


class StoreError(MeterhouseError):
    """The control store cannot be reached, opened or migrated, or holds what this version does not know."""
