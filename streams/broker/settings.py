"""The broker's `server.properties`, and free ports for it."""

import random
import socket
from collections.abc import Mapping
from pathlib import Path

from streams.errors import BrokerError

HOST = "127.0.0.1"

# Below the ephemeral range (32768 and up on Linux). A client that retries against an ephemeral port of a broker that is
# down can be given that very port as its own, connects to itself, and the broker can't come back to its port.
_PORTS = range(20_000, 32_000)

_FIXED: Mapping[str, object] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # One broker: one replica of everything, also of what Kafka keeps for itself.
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Default 50 each: few partitions make the first group and the first transaction answer at once.
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    # Default 10 s: a killed producer's transaction holds back read_committed readers until this looks.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    # Default 9 s: after a kill the broker can't register again before its former session is over.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    # Topics are made on purpose, with their partition count; a misspelt name is an error.
    "auto.create.topics.enable": "false",
    # Kafka's timestamps are never event time: retention would delete the past, and 4.x refuses the future.
    "log.message.timestamp.type": "LogAppendTime",
    # Default 128 MiB of heap.
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
}


def properties(port: int, controller_port: int, log_dir: Path, extra: Mapping[str, object] | None = None) -> str:
    """The text of `server.properties` for a single broker on 127.0.0.1; `extra` is laid over it."""
    values: dict[str, object] = {
        **_FIXED,
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "log.dirs": log_dir,
        **(extra or {}),
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def free_port(*taken: int) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now. Raises BrokerError when none is found."""
    # Random, not upwards: two sessions that start at once should not race for the same port.
    for port in random.sample(_PORTS, len(_PORTS)):
        if port not in taken and is_free(port):
            return port
    raise BrokerError("No free port between 20000 and 31999 on 127.0.0.1: stop what listens there.")


def is_free(port: int) -> bool:
    """Whether `port` of 127.0.0.1 can be listened on now."""
    with socket.socket() as probe:
        # As the broker does: connections of a broker just stopped (TIME_WAIT) don't block its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True
