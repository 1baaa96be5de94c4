"""The exceptions a user may see. Each message is one sentence that says what is wrong and what to do.

MeterhouseError
├── SettingsError        a setting is missing, malformed or contradicts another
├── WarehouseError       the warehouse cannot be reached, started or migrated
├── InputError           a file, catalog row or argument is wrong; nothing was written
└── RefusedError         the request is well formed, but a rule of billing forbids it now

Packages add their own below these. The command line prints the message and exits 1.
"""


class MeterhouseError(Exception):
    """Root of all errors that are explained to the user instead of shown as a traceback."""


class SettingsError(MeterhouseError):
    """A setting is missing, malformed or contradicts another."""


class WarehouseError(MeterhouseError):
    """The warehouse cannot be reached, started or migrated."""


class InputError(MeterhouseError):
    """A file, catalog row or argument is wrong; nothing was written."""


class RefusedError(MeterhouseError):
    """The request is well formed, but a rule of billing forbids it now."""
