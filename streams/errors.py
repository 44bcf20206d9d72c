"""Errors of the project, one tree:

DualblockError
├── ConfigError    the operator's settings
├── BrokerError    the local broker
└── InputError     a file, argument or record handed in

A message is one full sentence that says what to do instead.
"""


class DualblockError(Exception):
    """Everything that this project raises on purpose; the command line prints it without a traceback."""


class ConfigError(DualblockError):
    """A setting is missing, contradictory or unreadable."""


class BrokerError(DualblockError):
    """The local broker can't be fetched, started or reached."""


class InputError(DualblockError):
    """What was handed in can't be used as it is."""
