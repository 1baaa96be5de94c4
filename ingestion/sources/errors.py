"""What a source may fail with.

warehouse.errors.MeterhouseError
└── SourceError     a configured source cannot be read now, or has lost events
"""

from __future__ import annotations

from warehouse.errors import MeterhouseError


class SourceError(MeterhouseError):
    """A configured source cannot be read now, or has lost events. What it gave before stays loaded; other sources go on."""
