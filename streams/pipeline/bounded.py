"""Calls of the client that do not come back in their time.

librdkafka's send_offsets_to_transaction can block for ever when connections are cut around it, whatever its timeout
(seen with 2.16 in one of three runs behind a proxy that cuts them after a second). Nothing interrupts such a call; so
it is made in a thread that can be left behind, with its producer. A new producer of the same transactional id fences
that one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class NotBack(Exception):
    """The call is still under way. Its thread stays behind with everything that the call holds."""


class _Job:
    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.done = threading.Event()
        self.error: BaseException | None = None


class Bounded:
    """Makes calls one after the other in one daemon thread; in another one after a call that did not come back."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job | None] | None = None

    def __call__(self, call: Callable[[], object], within_s: float) -> None:
        """Make the call; raises what it raised, or NotBack after `within_s` seconds."""
        if self._jobs is None:
            self._jobs = SimpleQueue()
            threading.Thread(target=_serve, args=(self._jobs,), name="bounded-calls", daemon=True).start()
        job = _Job(call)
        self._jobs.put(job)
        if not job.done.wait(within_s):
            self.close()
            raise NotBack
        if job.error is not None:
            raise job.error

    def close(self) -> None:
        """End the thread once it has nothing to do."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None


def _serve(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        try:
            job.call()
        except BaseException as error:  # the caller's, in the caller's thread
            job.error = error
        job.done.set()
        del job  # or it keeps the producer alive until the next call
