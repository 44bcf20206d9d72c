"""What behaviour costs: the gate for each message, the topic in bytes, the step for each message, an embedded run.

    python -m bench.shapes [--messages N] [--batch N] [--seed N] [--write]

A demo's day is decided first; then a gate's steps are taken once more for the same messages, transaction by
transaction, with what behaviour needs and without it in turns; and the step takes the records, its states read and
written each time, without Kafka. CPU time of this process.
"""

from __future__ import annotations

import gc
import time

import msgspec

from bench.command import parser, told
from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.messages import Message
from streams.contracts.shapes import Fact, Sent, Shapes
from streams.demo import build_world, control
from streams.engine.behaving import take
from streams.engine.decide import Decided, Decider
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.pipeline.shaped import Shaped
from streams.replay.behaviours import Behaviours
from streams.replay.drive import Drive, Timed, raw_messages
from streams.replay.embedded import Embedded

PARTITIONS = 12
_Part = list[tuple[Message, Decided]]


def measured(messages: int, batch: int, seed: int) -> list[str]:
    """Decide, tell, judge, and say what it came to."""
    world, encode = build_world(seed, messages), encoder().encode
    policies, keys = Policies(shipped(), "kr"), Keys(*DEMO_KEYS)
    embedded = Embedded(policies, keys)
    taken = [Timed(c.at_ms, c.record) for c in control(world)]
    Drive(embedded, lambda decision: None, lambda refused: None, taken).run(raw_messages(world.messages, encode))
    decider, parts, shaped = Decider(policies, keys), list[_Part](), Shaped(keys, PARTITIONS)
    records, telling, deciding = list[tuple[int, bytes]](), 0.0, 0.0
    for first in range(0, messages, batch):
        part: _Part = []
        raws = [(message, encode(message)) for message in world.messages[first : first + batch]]
        gc.collect()
        begun = time.process_time()
        part = [(message, decider.decided(message, raw, embedded.view)) for message, raw in raws]
        decided = time.process_time()
        for message, one in part:
            shaped.note(message, one)
        outputs = shaped.flush()
        telling += time.process_time() - decided
        deciding += decided - begun
        shaped.forget()
        records += [(output.partition or 0, output.value or b"") for output in outputs]
        parts.append(part)
        gc.freeze()
    stepping, states, written = _stepped(records, policies, embedded)
    judging = _judged(parts, policies, keys, embedded)
    size, largest = sum(len(raw) for _, raw in records) / messages, max(map(len, states.values()))
    mean = sum(map(len, states.values())) / len(states)
    each = 1e6 / messages
    return [
        f"gate     {telling * each:.1f} µs CPU a message, {deciding * each:.0f} for its decision, by {batch:,}",
        f"topic    {len(records) / messages:.4f} records and {size:.0f} bytes a message before compression",
        f"step     {stepping * each:.1f} µs CPU a message, {written / messages:.2f} states written for each",
        f"embedded {judging * each:.1f} µs CPU a message",
        f"state    {len(states):,} subjects, {mean:.0f} bytes each, {largest:,} the largest",
    ]


def _stepped(
    records: list[tuple[int, bytes]], policies: Policies, embedded: Embedded
) -> tuple[float, dict[str, bytes], int]:  # fmt: skip
    """CPU seconds of the step over the records of each transaction, the states, and how many were written."""
    sent, read = msgspec.json.Decoder(Sent).decode, msgspec.json.Decoder(Shapes).decode
    states, written, encode, begun = dict[str, bytes](), 0, encoder().encode, time.process_time()
    for at in range(0, len(records), PARTITIONS):
        opened: dict[tuple[str, int], list[Fact]] = {}
        for _, raw in records[at : at + PARTITIONS]:
            record = sent(raw)
            for subject, facts in record.facts:
                opened.setdefault((subject, record.epoch_ms), []).extend(facts)
        for (subject, epoch_ms), every in opened.items():
            held = states.get(subject)
            state, _ = take(
                None if held is None else read(held), subject, epoch_ms, every,
                lambda at_ms: policies.at(embedded.view, at_ms),
            )  # fmt: skip
            states[subject] = encode(state)
        written += len(opened)
    return time.process_time() - begun, states, written


def _judged(parts: list[_Part], policies: Policies, keys: Keys, embedded: Embedded) -> float:
    """CPU seconds of an embedded run's side of it, epoch by epoch."""
    behaviours, begun, epoch = Behaviours(policies, keys), time.process_time(), None
    for part in parts:
        for message, decided in part:
            at = message.ingested_at_ms // decided.pack.epoch_ms
            if at != epoch:
                behaviours.close(embedded.view)
                epoch = at
            behaviours.note(message, decided)
    behaviours.close(embedded.view)
    return time.process_time() - begun


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    numbers = {"messages": 100_000, "batch": 5000, "seed": 1}
    given = parser("shapes", "What behaviour costs.", numbers).parse_args(arguments)
    return told("shapes", given, arguments, measured(given.messages, given.batch, given.seed))


if __name__ == "__main__":
    main()
