"""Create the topics of the contract, or say what is missing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.contracts.topics import DAY_MS, TOPICS, Group, Topic
from streams.pipeline.errors import RestartNeeded, TopicError, kafka_error
from streams.pipeline.settings import Connection

#: How long a compacted topic keeps a tombstone. A replica that slept longer than half of it is built again.
DELETE_RETENTION_MS = DAY_MS
DEFAULT_PARTITIONS: Mapping[Group, int] = {"messages": 12, "registry": 6, "reputation": 6, "single": 1}
_TIMEOUT_S = 30.0


class Planned(NamedTuple):
    """A topic to create."""

    name: str
    partitions: int
    config: dict[str, str]


def config_of(topic: Topic) -> dict[str, str]:
    """A topic's settings. Times are the broker's (LogAppendTime): under event time, retention would delete the past
    and brokers refuse the future."""
    config = {
        "cleanup.policy": topic.cleanup,
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(topic.max_message_bytes),
    }
    if topic.cleanup == "compact":
        config |= {
            "min.cleanable.dirty.ratio": "0.2",
            "delete.retention.ms": str(DELETE_RETENTION_MS),
            # Compaction leaves the active segment alone: roll it, so that a quiet topic is compacted too.
            "segment.ms": str(DAY_MS // 4),
            "max.compaction.lag.ms": str(DAY_MS),
        }
    else:
        config["retention.ms"] = str(topic.retention_ms if topic.retention_ms is not None else -1)
    return config


def plan(prefix: str, partitions: Mapping[Group, int], existing: Mapping[str, int]) -> list[Planned]:
    """What is to be created, given the partition count of each topic that exists. Pure.

    Raises TopicError when an existing topic has another partition count: keys would fall into other partitions than
    those of the topics beside it.
    """
    wanted: list[Planned] = []
    wrong: list[str] = []
    for topic in TOPICS:
        name, count = f"{prefix}{topic.entity}.v1", partitions[topic.group]
        if name not in existing:
            wanted.append(Planned(name, count, config_of(topic)))
        elif existing[name] != count:
            wrong.append(f"{name} has {existing[name]}, not {count}")
    if wrong:
        raise TopicError(
            f"Partition counts differ ({'; '.join(wrong)}): configure those of the cluster, or use another prefix."
        )
    return wanted


def create_topics(
    connection: Connection,
    partitions: Mapping[Group, int] = DEFAULT_PARTITIONS,
    *,
    replication: int = 1,
    dry_run: bool = False,
) -> list[Planned]:
    """Create what is missing and answer what that was (or would be, with dry_run). Doing it twice changes nothing.

    Raises TopicError when a topic can't be created or stands with another partition count.
    """
    admin = AdminClient(connection.base())
    wanted = plan(connection.prefix, partitions, _existing(admin))
    if dry_run or not wanted:
        return wanted
    new = [
        NewTopic(p.name, num_partitions=p.partitions, replication_factor=replication, config=p.config) for p in wanted
    ]
    for name, future in admin.create_topics(new, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result(_TIMEOUT_S + 5)
        except KafkaException as exception:
            error = kafka_error(exception)
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was quicker
                raise TopicError(f"{name} could not be created: {error.str()}") from exception
        except TimeoutError as error:
            raise TopicError(f"{name} could not be created: Kafka did not answer in time; try again.") from error
    _seen(admin, {p.name for p in wanted})
    return wanted


def _seen(admin: AdminClient, names: set[str]) -> None:
    """Wait until a broker tells of them: its view of the cluster may be a moment behind the controller's."""
    until = time.monotonic() + _TIMEOUT_S
    while missing := names - _existing(admin).keys():
        if time.monotonic() > until:
            raise TopicError(f"{min(missing)} was created and can't be seen yet: try again.")
        time.sleep(0.05)


def _existing(admin: AdminClient) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=_TIMEOUT_S)
    except KafkaException as exception:
        raise TopicError(f"Kafka can't be reached: {kafka_error(exception).str()}") from exception
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def describe(connection: Connection, entities: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Topic id and partition count of each entity's topic. Raises TopicError when one is missing."""
    names = {connection.topic(entity): entity for entity in entities}
    admin = AdminClient(connection.base())  # named: dropped, it takes its futures with it
    futures = admin.describe_topics(TopicCollection(list(names)), request_timeout=_TIMEOUT_S)
    found: dict[str, tuple[str, int]] = {}
    for name, future in futures.items():
        try:
            description = future.result(_TIMEOUT_S + 5)
        except KafkaException as exception:
            error = kafka_error(exception)
            missing = error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
            hint = "It does not exist: create the topics first." if missing else f"Kafka says: {error.str()}"
            raise TopicError(f"{name} can't be read. {hint}") from exception
        except TimeoutError as error:
            raise TopicError(f"{name} can't be read: Kafka did not answer in time; try again.") from error
        found[names[name]] = (str(description.topic_id), len(description.partitions))
    return found


def find_leaders(consumer: Consumer, topics: Iterable[str]) -> None:
    """Have a consumer know who leads these topics' partitions before they are assigned to it by hand.

    librdkafka looks for the leader of a topic that it meets in an assignment half a second apart, a restart waited for
    more than a second. Raises RestartNeeded when Kafka can't be reached.
    """
    for name in topics:
        try:
            consumer.list_topics(name, _TIMEOUT_S)
        except KafkaException as exception:
            raise RestartNeeded(f"nobody says who leads {name}: {kafka_error(exception).str()}") from exception
