"""A lake's writer for the tests: `python -m tests.lake.worker DIRECTORY BOOTSTRAP PREFIX PARTITIONS [POINT:N]`.

Reads decisions and reports to their end and merges. Kills itself with SIGKILL at the Nth passing of a crash point.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from pathlib import Path

from streams.lake.intake import Intake, Limits, Topic, run
from streams.lake.merge import merge
from streams.pipeline.settings import Connection
from streams.pipeline.topics import describe
from tests.lake.kit import lake

ENTITIES = ("decisions", "reports")


def main() -> None:
    directory, bootstrap, prefix, *crash = sys.argv[1:]
    point, _, number = (crash[0] if crash else "never:0").partition(":")
    passed: Counter[str] = Counter()
    merging = ""

    def at(name: str) -> None:
        passed[merging + name] += 1
        if armed and merging + name == point and passed[point] == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    armed = False
    connection = Connection(bootstrap, f"{prefix}.")
    topics = {e: Topic(connection.topic(e), *found) for e, found in describe(connection, ENTITIES).items()}
    with lake(Path(directory), prefix=connection.prefix, crash=at) as held:
        intake = Intake(held, connection.base(), topics, limits=Limits(rows=60))
        passed.clear()
        armed = True
        run(intake, lambda: False, lambda added: None)
        intake.close()
        merging = "merge/"
        merge(held, merge_at=2)


if __name__ == "__main__":
    main()
