"""Errors of the agents' plumbing, a branch of the project's tree:

DualblockError
├── WorkerFailed      Kafka, the disk or our own plumbing: the worker stops without committing and is restarted
│   ├── OutputLost    something that was sent was not acknowledged by the broker
│   └── StateFailed   the local table store can't be read or written
└── Refused           the record's own fault: it goes to the dead letters and the next one follows

The difference is who has to act. A `WorkerFailed` is never written to a dead-letter topic: a full disk would empty the
whole input into it.
"""

from streams.errors import DualblockError


class WorkerFailed(DualblockError):
    """The worker can't go on; nothing after the last commit is lost, it is read again after the restart."""


class OutputLost(WorkerFailed):
    """A record that was sent has not been acknowledged in time, so the offsets behind it must not be committed."""


class StateFailed(WorkerFailed):
    """The local table store refused a read or a write."""


class Refused(DualblockError):
    """A handler refuses a record.

    `reason` is the dead letter's code: upper case, words joined by underscores, a closed set per agent.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
