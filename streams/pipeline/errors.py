"""What can go wrong with Kafka, sorted by what to do about it.

DualblockError
└── PipelineError
    ├── RestartNeeded    exit; a supervisor starts the process again
    ├── AbortNeeded      abort the transaction, seek back, replay
    ├── UnknownOutcome   nobody knows whether it was committed: a new producer, then as after an abort
    └── TopicError       topics that are missing or have another partition count
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from streams.errors import DualblockError

T = TypeVar("T")

#: Somebody else has our transactional id or group instance id: whatever else the error says, this process is over.
_FENCED = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.FENCED_INSTANCE_ID, KafkaError.INVALID_PRODUCER_EPOCH}
)
_RETRY_PAUSE_S = 0.05


class PipelineError(DualblockError):
    """Errors of the transactional loop."""


class RestartNeeded(PipelineError):
    """The client can't go on, or a successor has taken over."""


class AbortNeeded(PipelineError):
    """The transaction can't be committed. Aborted, its records can be read and handled again."""


class UnknownOutcome(PipelineError):
    """The deadline passed before the broker said what became of the transaction."""


class TopicError(PipelineError):
    """Topics do not stand as the contract says."""


def kafka_error(exception: KafkaException) -> KafkaError:
    """The error inside of an exception."""
    error = exception.args[0]
    return error if isinstance(error, KafkaError) else KafkaError(KafkaError._FAIL, str(exception))


def classify(error: KafkaError) -> type[PipelineError] | None:
    """What to do about an error of a transactional call; None = the same call again, until a deadline.

    Fatal comes first: after a fatal error an abort answers "conflict, retriable" for ever.
    """
    if error.fatal() or error.code() in _FENCED:
        return RestartNeeded
    if error.txn_requires_abort():
        return AbortNeeded
    if error.retriable():
        return None
    return UnknownOutcome


def attempt(what: str, call: Callable[[], T], deadline: float, clock: Callable[[], float] = time.monotonic) -> T:
    """Make a transactional call, again while it may be repeated and `clock()` is before `deadline` (seconds).

    Raises RestartNeeded, AbortNeeded or UnknownOutcome.
    """
    while True:
        try:
            return call()
        except KafkaException as exception:
            error = kafka_error(exception)
            verdict = classify(error)
            if verdict is None:
                if clock() < deadline:
                    time.sleep(_RETRY_PAUSE_S)
                    continue
                verdict = UnknownOutcome
            raise verdict(f"{what}: {error.name()}: {error.str()}") from exception
