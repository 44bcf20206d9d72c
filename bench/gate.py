"""The gate on real Kafka beside a raw transactional loop, in one run, taking turns.

    python -m bench.gate [--messages N] [--repeats N] [--seed N] [--bootstrap HOST:PORT] [--no-pin] [--write]

Both read the same topic with the same client settings, batch and commit rule; each in a process of its own on one core,
the broker on the others. The ratio is what to read: on a busy machine both get slower together.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.command import compilable, parsed, parser, told
from bench.machine import ROOT, cores, pin
from bench.raw_loop import OUTPUT
from bench.spread import spread
from streams.broker import LocalBroker
from streams.contracts.base import Record, encoder
from streams.contracts.feeds import RegistryValue, key_of
from streams.contracts.topics import Group
from streams.demo import World, build_world
from streams.engine.policy import Policies
from streams.engine.registry import merge
from streams.engine.senders import classify
from streams.packs import shipped
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics

#: One registry partition: a manifest of one part is whole.
PARTITIONS: dict[Group, int] = {"messages": 2, "registry": 1, "reputation": 1, "single": 1}
MAX_RUN_S = 180
MAX_SECONDS = 1200


class Rates(NamedTuple):
    """Messages per second and CPU microseconds per message of one round of runs. untold: a gate without `recent`."""

    gate: float
    untold: float
    raw: float
    gate_cpu_us: float
    untold_cpu_us: float
    raw_cpu_us: float


def prepare(connection: Connection, world: World) -> None:
    """Topics, the registry as the registrar would have written it, policy, and all messages."""
    create_topics(connection, PARTITIONS)
    admin = AdminClient(connection.base())
    made = admin.create_topics([NewTopic(connection.topic(OUTPUT), PARTITIONS["messages"], 1)])
    for future in made.values():
        future.result(30)
    rows: dict[str, RegistryValue] = {}
    for _, value in world.feeds:
        key = key_of(value)
        rows[key] = merge(rows.get(key), value) or rows[key]
    policies = Policies(shipped(), "kr")
    grammar = policies.of(world.policy.timeline[-1]).pack.grammar
    senders = (classify(m.sender.address, m.sender.ton, grammar).key for m in world.messages)
    _send(connection, "registry", zip(rows, rows.values(), strict=True))
    _send(connection, "policy", [(row.jurisdiction, row) for row in (world.policy, *world.abroad)])
    _send(connection, "messages", zip(senders, world.messages, strict=True))


def _send(connection: Connection, entity: str, records: Iterable[tuple[str, Record]]) -> None:
    encode, failed = encoder().encode, list[str]()
    config = {"partitioner": "murmur2_random", "linger.ms": 20, "compression.type": "lz4"}
    producer = Producer({**connection.base(), **config, "enable.idempotence": True})
    for key, record in records:
        producer.produce(
            connection.topic(entity), encode(record), key.encode("utf-8", "replace"),
            on_delivery=lambda error, _: failed.append(error.str()) if error is not None else None,
        )  # fmt: skip
        producer.poll(0)
    if producer.flush(60) or failed:
        raise SystemExit(f"Kafka did not take the {entity}: {failed[:3]}")


def timed(module: str, *arguments: str) -> tuple[float, float]:
    """Run one side in a process of its own; (seconds, CPU seconds) that it answers."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, timeout=MAX_RUN_S, check=False,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{module} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    seconds, cpu = json.loads(done.stdout.splitlines()[-1])
    return seconds, cpu


def measure(connection: Connection, messages: int, repeats: int, state: Path) -> list[Rates]:
    """Gate with and without `recent` and raw loop in turns; a new group each time, so that each reads all messages."""
    found: list[Rates] = []
    for number in range(repeats):
        where = (connection.bootstrap, connection.prefix)
        rates: list[float] = []
        cpus: list[float] = []
        for module, more in (
            ("gate", (str(state / "gate"), str(PARTITIONS["messages"]))), ("gate", (str(state / "gate"), "0")),
            ("raw", ()),
        ):  # fmt: skip
            group = f"{module}-{number}-{len(rates)}"
            seconds, cpu = timed(f"bench.{module}_loop", *where, group, str(messages), *more)
            rates.append(messages / seconds)
            cpus.append(cpu * 1e6 / messages)
        found.append(Rates(*rates, *cpus))
    return found


def report(runs: Sequence[Rates], messages: int) -> list[str]:
    """The result as lines."""
    return [
        f"runs     {len(runs)} of each, {messages:,} messages a run",
        f"gate     {spread([r.gate for r in runs]).shown('messages/s')}",
        f"untold   {spread([r.untold for r in runs]).shown('messages/s')}  (gate that tells no deliveries)",
        f"raw      {spread([r.raw for r in runs]).shown('messages/s')}",
        f"ratio    {spread([r.gate / r.raw for r in runs]).shown('', 2)}  (gate : raw, by wall clock)",
        f"cpu      {spread([r.gate_cpu_us / r.raw_cpu_us for r in runs]).shown('', 1)}  (gate : raw, per message)",
        f"gate cpu {spread([r.gate_cpu_us for r in runs]).shown('µs per message', 1)}",
        f"recent   {spread([r.gate_cpu_us / r.untold_cpu_us for r in runs]).shown('', 2)}  (gate : untold, CPU)",
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    options = compilable(parser("gate", "The gate beside a raw loop.", {"messages": 100_000, "repeats": 3, "seed": 1}))
    options.add_argument("--bootstrap", metavar="HOST:PORT", help="a broker that runs; without it one is started")
    options.add_argument("--no-pin", action="store_true", help="let the system choose the cores")
    given = parsed(options, "gate", arguments)
    core = None if given.no_pin or len(cores()) < 2 else cores()[-1]
    world = build_world(given.seed, given.messages)
    with ExitStack() as stack:
        others = cores()[0] if core is not None else None
        pin(others)  # inherited by the broker
        server = given.bootstrap or stack.enter_context(LocalBroker(max_seconds=MAX_SECONDS)).bootstrap
        connection = Connection(server, f"bench-{uuid.uuid4().hex[:8]}.")
        prepare(connection, world)
        pin(core)  # inherited by both loops
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dualblock-bench-")))
        runs = measure(connection, given.messages, given.repeats, state)
    return told("gate", given, arguments, report(runs, given.messages))


if __name__ == "__main__":
    main()
