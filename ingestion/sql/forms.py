"""The written forms of CONTRACTS section 2, as RE2 patterns and word lists that both readers of a line share.

A form says how something may be written; what it means is worked out in plain.py and careful.py.
"""

from __future__ import annotations

LINE = ("batch_seq", "line_number", "line")  # columns of a line that is to be read
MAX_LINE_BYTES = 1_048_576  # without the line end; a longer line is rejected as line_too_long
EARLIEST = "2015-01-01 00:00:00"  # UTC; earlier is time_too_old
FUTURE_MILLISECONDS = 24 * 3_600_000  # later than the load by more than this is time_in_future

# Position in this list = kind: 0 for metered usage, 1 to 5 as raw.lifecycle_events numbers and orders them.
TYPES = ("usage.recorded", "resource.created", "resource.started", "resource.updated", "resource.stopped", "resource.deleted")
USAGE, CREATED, STARTED, UPDATED, STOPPED, DELETED = range(6)
UNKNOWN = -1

STATES = ("running", "stopped")

# What the optional and required texts are called, wherever in an event they stand.
TOP_TEXTS = ("specversion", "id", "source", "type", "subject", "time")
DATA_TEXTS = ("account_id", "project_id", "region", "metric", "value", "resource_type", "state")

# A JSON number. Whole digits that fit Decimal(38, 9) below 10^18 and at most nine decimals need no further look.
NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
SHORT_INTEGER = r"-?[1-9][0-9]{0,17}|0"
SHORT_NUMBER = r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?"

_DATE = r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
# RFC 3339 with its optional lower case; a second 60 is not accepted. That the day exists is checked apart.
INSTANT = rf"[0-9]{{4}}{_DATE}[Tt]{_CLOCK}:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-]{_CLOCK})"
# Years whose instants every DateTime64 holds, with an offset or without, and fractions that fit one.
SHORT_INSTANT = rf"20[0-9]{{2}}{_DATE}T{_CLOCK}:[0-5][0-9](?:\.[0-9]{{1,9}})?(?:Z|[+-]{_CLOCK})"
FLOAT_DIGITS = 15  # significant digits that a JSON number keeps wherever it has been on its way
