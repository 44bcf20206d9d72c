"""A worker process for the tests: `python -m tests.pipeline.worker STEP BOOTSTRAP PREFIX INSTANCE [POINT:N]`.

Runs a step until SIGTERM; kills itself with SIGKILL at the Nth passing of a crash point.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter

from streams.pipeline.commit import CommitPolicy
from streams.pipeline.loop import Loop
from tests.pipeline.steps import make_step
from tests.pipeline.toy import settings


def main() -> None:
    kind, bootstrap, prefix, instance, *crash = sys.argv[1:]
    point, _, number = (crash[0] if crash else "never:0").partition(":")
    passed: Counter[str] = Counter()

    def at(name: str) -> None:
        passed[name] += 1
        if name == point and passed[name] == int(number):
            if (producer := loop._tx._producer) is not None:
                producer.flush(5)  # so that the torn transaction stands on the log
            os.kill(os.getpid(), signal.SIGKILL)

    client = settings(bootstrap, prefix, instance, batch=100)
    more = {"crash": at} if kind == "recent" else {}
    step = make_step(kind, client.connection, instance, **more)
    loop = Loop(step, client, policy=CommitPolicy(max_records=100), crash=at)
    loop.stop_on_signals()
    loop.run()


if __name__ == "__main__":
    main()
