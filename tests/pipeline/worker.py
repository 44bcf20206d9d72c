"""A worker process for the tests: `python -m tests.pipeline.worker BOOTSTRAP PREFIX INSTANCE [POINT:N]`.

Runs the toy step until SIGTERM; kills itself with SIGKILL at the Nth passing of a crash point.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter

from streams.pipeline.commit import CommitPolicy
from streams.pipeline.loop import Loop
from tests.pipeline.toy import Toy, settings


def main() -> None:
    bootstrap, prefix, instance, *crash = sys.argv[1:]
    point, _, number = (crash[0] if crash else "never:0").partition(":")
    passed: Counter[str] = Counter()

    def at(name: str) -> None:
        passed[name] += 1
        if name == point and passed[name] == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    loop = Loop(Toy(), settings(bootstrap, prefix, instance, batch=100), policy=CommitPolicy(max_records=100), crash=at)
    loop.stop_on_signals()
    loop.run()


if __name__ == "__main__":
    main()
