"""A broker that was killed is declared dead by its controller alone, before it comes back.

Kafka 4.3.0 and 4.3.1 lose the markers of a transaction whose commit is already acknowledged when a data partition has
no leader at the moment they are to be written: they are taken for those of a deleted topic and skipped, the
transaction is booked as complete, and readers of committed records stand before it from then on (KAFKA-20734; 4.2
waits for a leader). A single node that is killed and started again meets that moment each time: its controller gives
the dead incarnation a new session, the broker loads its transactions while that session lasts and can't reach itself
yet, and when the session is over every partition is without a leader until the broker has registered.

Let the session end while no broker runs, and the broker loads its transactions when its partitions have leaders again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

#: What the controller says when it declares a broker dead, and the logger whose information that is.
LOGGER = "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ReplicationControlManager=info"
_SAID = b"because its session has timed out"
#: Much longer than a session: there is nothing to be said about a broker that never registered.
_BOUND_S = 30.0


def ended_abruptly(log_dir: Path) -> bool:
    """Whether a broker that once ran on `log_dir` left without its goodbye. Formatting alone makes the directory of the
    metadata, with a checkpoint and no log."""
    ran = any((log_dir / "__cluster_metadata-0").glob("*.log"))
    return ran and not (log_dir / ".kafka_cleanshutdown").exists()


def controller_only(properties: str) -> str:
    """`server.properties` of a combined node, for its controller alone."""
    values = dict(line.split("=", 1) for line in properties.splitlines())
    values["process.roles"] = "controller"
    for name in ("listeners", "advertised.listeners"):
        values[name] = ",".join(part for part in values[name].split(",") if part.startswith("CONTROLLER://"))
    # No listener of the broker is left that it could name.
    values.pop("inter.broker.listener.name", None)
    return "".join(f"{name}={value}\n" for name, value in values.items())


def wait_until_fenced(log: Path, since: int, alive: Callable[[], bool]) -> None:
    """Wait until what was printed to `log` after byte `since` says so, the process ends, or the bound is over."""
    deadline = time.monotonic() + _BOUND_S
    while alive() and time.monotonic() < deadline:
        with log.open("rb") as said:
            said.seek(since)
            if _SAID in said.read():
                return
        time.sleep(0.05)
