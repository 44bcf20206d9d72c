"""Producing from an event loop: what must wait for Kafka does so in a future, and the loop goes on."""

from __future__ import annotations

import asyncio

from confluent_kafka import KafkaError, Message, Producer

from streams.pipeline.errors import PipelineError

_ANY = -1  # the partitioner's choice


async def acknowledged(
    producer: Producer, topic: str, value: bytes, key: bytes, partition: int = _ANY, *, within_s: float
) -> None:
    """Kafka has the record when this returns. Somebody on this loop must poll the producer meanwhile.

    Raises PipelineError, KafkaException, BufferError (the queue is full) and TimeoutError.
    """
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def delivered(error: KafkaError | None, _: Message) -> None:  # in `poll`, so on this loop
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(PipelineError(error.str()))

    producer.produce(topic, value, key, partition, on_delivery=delivered)
    await asyncio.wait_for(done, within_s)
