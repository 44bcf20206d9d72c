"""A local Apache Kafka from Maven artifacts, for tests, drills and the demonstration."""

from streams.broker.artifacts import KAFKA_VERSION, missing
from streams.broker.local import LocalBroker

__all__ = ["KAFKA_VERSION", "LocalBroker", "missing"]
