"""`[security]` reaches the agents as well: a broker that asks for a password, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.broker import LocalBroker
from streams.contracts.base import encoder
from streams.contracts.reports import Report
from streams.errors import ConfigError
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from streams.service.security import credentials

PASSWORD = "only for this test"
SECURITY = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "dualblock",
    "sasl.password": PASSWORD,
}
MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule required"
EXTRA = {
    "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": (
        f'{MODULE} username="dualblock" password="{PASSWORD}" user_dualblock="{PASSWORD}";'
    ),
}
PARTITIONS = {"messages": 1, "registry": 1, "reputation": 1, "single": 1}
AT = 1_765_944_000_000
LINE = "01055501111"


def report() -> Report:
    return Report(
        report_id="r-1", message_at_ms=AT, reported_at_ms=AT, ingested_at_ms=AT, displayed_sender=LINE,
        origin_number=LINE, channel="mo", reporter="821055509999", text="cheap loans",
    )  # fmt: skip


def votes(connection: Connection) -> int:
    reader = Consumer({**connection.base(), "group.id": "reader", "enable.partition.eof": True})
    reader.assign([TopicPartition(connection.topic("votes"), 0, 0)])
    found = 0
    while (message := reader.poll(10)) is not None and not message.error():
        found += 1
    reader.close()
    return found


def test_agents_work_on_a_broker_that_asks_for_a_password(kafka_install: None, tmp_path: Path) -> None:
    with LocalBroker(max_seconds=120, extra=EXTRA, client=SECURITY) as broker:
        connection = Connection(broker.bootstrap, "secure.", SECURITY)
        create_topics(connection, PARTITIONS)  # type: ignore[arg-type]  # the groups, spelt out
        producer = Producer({**connection.base(), "partitioner": "murmur2_random"})
        producer.produce(connection.topic("reports"), encoder().encode(report()), "r-1")
        assert producer.flush(10) == 0
        producer.close()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DUALBLOCK_")}
        environment = inherited | {
            "DUALBLOCK_BOOTSTRAP": broker.bootstrap,
            "DUALBLOCK_PREFIX": "secure.",
            "DUALBLOCK_STATE_DIR": str(tmp_path),
            "DUALBLOCK_INSTANCE": "t0",
            "DUALBLOCK_ALLOW_DEMO_KEYS": "true",
            "DUALBLOCK_SECURITY": json.dumps(SECURITY),
            **{f"DUALBLOCK_PARTITIONS__{k.upper()}": str(v) for k, v in PARTITIONS.items()},
        }
        worker = subprocess.Popen([sys.executable, "-m", "streams.service", "agents"], env=environment)
        try:
            deadline = time.monotonic() + 60
            while not (found := votes(connection)) and time.monotonic() < deadline:
                assert worker.poll() is None, "the agents ended"
            assert found == 2, "sender and campaign"
        finally:
            worker.terminate()
            worker.wait(30)


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "GSSAPI"),
    ({"security.protocol": "SASL_PLAINTEXT"}, "SASL_PLAINTEXT"),
    ({"ssl.keystore.location": "x.p12"}, "ssl.keystore.location"),
    ({"security.protocol": "SSL", "ssl.ca.location": "/nowhere/ca.pem"}, "ssl"),
]


@pytest.mark.parametrize(("security", "named"), REFUSED)
def test_what_the_agents_cannot_do_is_refused(security: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        credentials(security)


def test_what_they_can() -> None:
    assert credentials({}) is None
    assert credentials({"security.protocol": "PLAINTEXT"}) is None
    found: Any = credentials({**SECURITY, "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"})
    assert (found.protocol.value, found.mechanism.value, found.username) == ("SASL_SSL", "SCRAM-SHA-512", "dualblock")
    assert found.ssl_context.check_hostname
