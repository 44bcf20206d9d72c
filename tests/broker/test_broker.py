"""A real broker: it answers, keeps its data over stop and kill, and frees its ports."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from streams.broker import LocalBroker
from streams.broker.settings import is_free
from streams.errors import BrokerError


@pytest.fixture(scope="module")
def broker(kafka_install: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A broker of this module's own, because its tests kill it."""
    with LocalBroker(data_dir=tmp_path_factory.mktemp("broker"), heap_mb=384, max_seconds=600) as started:
        yield started


def create(bootstrap: str, topic: str, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})  # a name: a temporary is destroyed before it answers
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)


def write(bootstrap: str, topic: str, values: list[bytes], *, commit: bool) -> None:
    """Writes `values` in one transaction and commits or aborts it."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"{topic}-{uuid.uuid4().hex}"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    # The aborted records must reach the log, else a reader that takes everything would pass as well.
    assert producer.flush(30) == 0
    producer.commit_transaction(30) if commit else producer.abort_transaction(30)


def read(bootstrap: str, topic: str, count: int, isolation: str = "read_committed") -> list[bytes]:
    """The values of partition 0: at least `count`, and what follows up to the partition's end.

    The first end reported may be an earlier one: read_committed stops where an undecided transaction begins, and one
    whose commit was acknowledged before a kill is undecided until the restarted coordinator has written its markers.
    """
    config = {"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "isolation.level": isolation}
    consumer = Consumer({**config, "enable.partition.eof": True, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes] = []
    try:
        while (message := consumer.poll(30)) is not None:
            if message.error():
                assert message.error().name() == "_PARTITION_EOF"
                if len(values) >= count:
                    return values
                continue
            values.append(message.value() or b"")
        raise AssertionError(f"only {values} in 30 s")
    finally:
        consumer.close()


def test_a_transaction_is_read_back(kafka: str, topics: str) -> None:
    create(kafka, topics)
    write(kafka, topics, [b"a", b"b"], commit=True)
    write(kafka, topics, [b"lost"], commit=False)
    write(kafka, topics, [b"c"], commit=True)
    assert read(kafka, topics, 3) == [b"a", b"b", b"c"]
    assert read(kafka, topics, 4, "read_uncommitted") == [b"a", b"b", b"lost", b"c"]


def test_data_and_port_outlive_a_restart_and_a_kill(broker: LocalBroker, topics: str) -> None:
    address, alone = broker.bootstrap, broker.data_dir / "controller.properties"
    create(address, topics)
    write(address, topics, [b"1"], commit=True)
    assert broker.restart().bootstrap == address
    write(address, topics, [b"2"], commit=True)
    assert not alone.exists(), "half a minute for nothing: nobody was killed"
    broker.kill()
    assert not broker.running
    assert is_free(broker.port)
    broker.restart()
    assert alone.exists()
    assert read(address, topics, 2) == [b"1", b"2"]


def test_an_acknowledged_commit_outlives_a_kill_before_its_markers(kafka_install: None, topics: str) -> None:
    count = 30  # the more markers, the surer the kill comes before the last of them
    # Kafka's default session: also a slow machine has its broker back before it is over.
    with LocalBroker(heap_mb=384, max_seconds=600, extra={"broker.session.timeout.ms": 9000}) as broker:
        create(broker.bootstrap, topics, count)
        address = {"bootstrap.servers": broker.bootstrap}
        producer = Producer({**address, "transactional.id": topics})
        producer.init_transactions(30)
        producer.begin_transaction()
        for partition in range(count):
            producer.produce(topics, b"%d" % partition, partition=partition)
        assert producer.flush(30) == 0
        producer.commit_transaction(30)
        broker.kill()
        broker.restart()
        consumer = Consumer({**address, "group.id": uuid.uuid4().hex, "isolation.level": "read_committed"})
        consumer.assign([TopicPartition(topics, partition, 0) for partition in range(count)])
        found: set[bytes | None] = set()
        # Thirty seconds without a record: nobody will ever write the markers.
        while len(found) < count and (message := consumer.poll(30)) is not None:
            if not message.error():
                found.add(message.value())
        consumer.close()
    assert found == {b"%d" % partition for partition in range(count)}


def test_the_broker_has_our_settings(broker: LocalBroker) -> None:
    resource = ConfigResource(ConfigResource.Type.BROKER, "1")
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    found = admin.describe_configs([resource])[resource].result(30)
    values = {name: entry.value for name, entry in found.items()}
    assert values["auto.create.topics.enable"] == "false"
    assert values["log.message.timestamp.type"] == "LogAppendTime"
    assert values["transaction.abort.timed.out.transaction.cleanup.interval.ms"] == "1000"
    assert values["message.max.bytes"] == "1048588"  # Kafka's own default
    assert {part.split("://")[1].split(":")[0] for part in values["listeners"].split(",")} == {"127.0.0.1"}


def test_a_running_broker_is_not_started_again(broker: LocalBroker) -> None:
    with pytest.raises(BrokerError, match="runs already"):
        broker.start()


def test_a_taken_port_is_refused(broker: LocalBroker, tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=f"Port {broker.port} of 127.0.0.1 is taken"):
        LocalBroker(port=broker.port, data_dir=tmp_path, max_seconds=60).start()


def test_a_start_that_fails_says_what_kafka_said(kafka_install: None, tmp_path: Path) -> None:
    broker = LocalBroker(data_dir=tmp_path, max_seconds=60, extra={"num.io.threads": "none"})
    with pytest.raises(BrokerError, match="num.io.threads"):
        broker.start()
    assert not broker.running


def test_it_stops_by_itself(kafka_install: None, tmp_path: Path) -> None:
    # One second is less than Kafka's start takes, so the bound strikes while we wait.
    with pytest.raises(BrokerError, match="ended while it started"):
        LocalBroker(data_dir=tmp_path, max_seconds=1).start()


def test_a_closed_broker_answers_no_more_and_takes_its_data_along(kafka_install: None) -> None:
    broker = LocalBroker(max_seconds=60)
    with broker:
        assert broker.data_dir.is_dir()
    assert not broker.data_dir.exists()
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0}).list_topics(timeout=1)
