"""A raw transactional loop: decode, set lookup, encode. The yardstick of `bench.gate`, and all that Kafka asks.

    python -m bench.raw_loop BOOTSTRAP PREFIX GROUP MESSAGES

No rules, no rows, no dead letters, no recovery: what the clients themselves cost with the gate's own settings, batch
and commit rule. It answers with one line of JSON: seconds and CPU seconds from the first record to the last commit.
"""

from __future__ import annotations

import json
import sys
import time

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.machine import Clock
from streams.contracts.messages import Message
from streams.pipeline.gate import POLICY
from streams.pipeline.settings import Connection, LoopSettings

OUTPUT = "bench.raw"
TRANSACTION_S = 10.0


class Answer(msgspec.Struct):
    """As little as an SMSC could act on."""

    event_id: str
    event_time_ms: int
    verdict: str


def run(connection: Connection, group: str, messages: int) -> Clock:
    """Handle so many messages; each commit holds outputs and offsets."""
    settings = LoopSettings(connection, group, group)
    consumer, producer = Consumer(settings.consumer()), Producer(settings.producer())
    source, target = connection.topic("messages"), connection.topic(OUTPUT)
    decode, encode = msgspec.json.Decoder(Message).decode, msgspec.json.Encoder().encode
    refused = {f"0105550{n:04d}" for n in range(10_000)}
    producer.init_transactions(TRANSACTION_S)
    consumer.subscribe([source])
    clock, positions, pending, done, since_s = Clock(), dict[int, int](), 0, 0, 0.0
    while done < messages:
        first = consumer.poll(0.005 if pending else 0.02)
        batch = [] if first is None else [first, *consumer.consume(settings.batch - 1, 0)]
        for message in batch:
            value, partition, offset = message.value(), message.partition(), message.offset()
            if message.error() is not None or value is None or partition is None or offset is None:
                continue
            clock.start()
            if not pending:
                producer.begin_transaction()
                since_s = time.monotonic()
            event = decode(value)
            verdict = "BLOCK" if event.sender.address in refused else "ALLOW"
            answer = encode(Answer(event.event_id, event.event_time_ms, verdict))
            producer.produce(target, answer, event.sender.address)
            positions[partition] = offset + 1
            pending += 1
        if POLICY.should_commit(pending, int((time.monotonic() - since_s) * 1000), not batch):
            places = [TopicPartition(source, p, offset) for p, offset in positions.items()]
            producer.send_offsets_to_transaction(places, consumer.consumer_group_metadata(), TRANSACTION_S)
            producer.commit_transaction(TRANSACTION_S)
            done, pending = done + pending, 0
            clock.stop()
    consumer.close()
    return clock


if __name__ == "__main__":
    bootstrap, prefix, group, messages = sys.argv[1:]
    print(json.dumps(run(Connection(bootstrap, prefix), group, int(messages)).seconds()))
