"""The command line in a test: run a command, look at what it said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from typer.testing import CliRunner

from streams.cli.kafka import read_to_end
from streams.cli.main import app
from streams.contracts.base import encoder
from streams.contracts.feeds import RegistryValue, decode_registry
from streams.engine.registry import merge
from streams.pipeline.settings import Connection


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def dualblock(*arguments: str, given: bytes | None = None, env: Mapping[str, str] | None = None) -> Said:
    """Run a command in this process. What is no error of ours comes out as it is."""
    done = CliRunner().invoke(app, [*arguments], input=given, env=env)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)


@dataclass(frozen=True)
class Cluster:
    """Topics of one test on the session's broker, and the settings that lead there."""

    connection: Connection
    env: dict[str, str]

    def __call__(self, *arguments: str) -> Said:
        return dualblock(*arguments, env=self.env)

    def settle(self) -> dict[str, RegistryValue]:
        """What a registrar would do: take everything in `feeds` into `registry`. Returns the rows that then stand."""
        held: dict[tuple[str, int], RegistryValue] = {}
        for letter in read_to_end(self.connection, ("feeds",)):
            key = (letter.key or b"").decode()
            merged = merge(held.get((key, letter.partition)), decode_registry(key, letter.value or b""))
            if merged is not None:
                held[key, letter.partition] = merged
        producer = Producer(self.connection.base())
        for (key, partition), value in held.items():
            producer.produce(self.connection.topic("registry"), encoder().encode(value), key, partition)
        assert producer.flush(30) == 0
        # A manifest stands in every partition under one key: the last partition's, in whatever order they were read.
        return {key: value for (key, _), value in sorted(held.items(), key=lambda item: item[0])}


def cluster(bootstrap: str, topics: str, state: str, only: tuple[str, ...] = ()) -> Cluster:
    """A test's own topics, created by the command itself; or `only` a few, which is quicker."""
    env = {
        "DUALBLOCK_BOOTSTRAP": bootstrap,
        "DUALBLOCK_PREFIX": f"{topics}.",
        "DUALBLOCK_STATE_DIR": state,
        "DUALBLOCK_PARTITIONS__MESSAGES": "2",
        "DUALBLOCK_PARTITIONS__REGISTRY": "2",
        "DUALBLOCK_PARTITIONS__REPUTATION": "2",
    }
    made = Cluster(Connection(bootstrap, f"{topics}."), env)
    if not only:
        done = made("topics", "create")
        if done.code:
            pytest.fail(done.err)
        return made
    new = [NewTopic(made.connection.topic(entity), 1 if entity == "policy" else 2) for entity in only]
    admin = AdminClient(made.connection.base())  # named: dropped, it takes its futures with it
    for future in admin.create_topics(new).values():
        future.result(30)
    return made
