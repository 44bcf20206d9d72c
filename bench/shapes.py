"""What behaviour costs: the gate for each message, the topic in records and bytes, and the agent for each record.

    python -m bench.shapes [--messages N] [--batch N] [--seed N] [--write]

A demo's day is decided first; then the shapes of the same messages and decisions are made once more, by transactions of
so many messages, as a gate under load makes them, and taken by the agent's step with its state read and written each
time. CPU time of this process.
"""

from __future__ import annotations

import time

import msgspec

from bench.command import parser, told
from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.shapes import Shapes
from streams.demo import build_world, control
from streams.engine.behaving import Subject, on_shapes
from streams.engine.decide import Decider
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.shaping import Open, Shaper, deltas
from streams.packs import shipped
from streams.replay.drive import Drive, Timed, raw_messages
from streams.replay.embedded import Embedded


def measured(messages: int, batch: int, seed: int) -> list[str]:
    """Decide, shape, judge, and say what it came to."""
    world, encode = build_world(seed, messages), encoder().encode
    policies, keys = Policies(shipped(), "kr"), Keys(*DEMO_KEYS)
    embedded = Embedded(policies, keys)
    taken = [Timed(c.at_ms, c.record) for c in control(world)]
    Drive(embedded, lambda decision: None, lambda refused: None, taken).run(raw_messages(world.messages, encode))
    decider = Decider(policies, keys)
    pairs = [(message, decider.decided(message, encode(message), embedded.view)) for message in world.messages]
    shaper, records, begun = Shaper(keys), list[bytes](), time.process_time()
    for first in range(0, len(pairs), batch):
        opened: Open = {}
        part = pairs[first : first + batch]
        for message, decided in part:
            shaper.note(message, decided, opened)
        records += [encode(delta) for delta in deltas(opened, 0, first, first + len(part))]
    shaping = time.process_time() - begun
    states, decode, read = dict[str, bytes](), msgspec.json.Decoder(Shapes).decode, msgspec.json.Decoder(Subject).decode
    begun = time.process_time()
    for record in records:
        delta = decode(record)
        held = states.get(delta.subject)
        policy = policies.at(embedded.view, delta.epoch * delta.epoch_ms)
        state, _ = on_shapes(None if held is None else read(held), delta, policy)
        states[delta.subject] = msgspec.json.encode(state)
    judging = time.process_time() - begun
    size, largest = sum(map(len, records)) / len(records), max(map(len, states.values()))
    mean = sum(map(len, states.values())) / len(states)
    return [
        f"gate     {shaping / len(pairs) * 1e6:.1f} µs CPU a message, transactions of {batch:,}",
        f"topic    {len(records) / len(pairs):.2f} records a message, {size:.0f} bytes each before compression",
        f"agent    {judging / len(records) * 1e6:.0f} µs CPU a record, its state read and written, without Kafka",
        f"state    {len(states):,} subjects, {mean:.0f} bytes each, {largest:,} the largest",
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    numbers = {"messages": 100_000, "batch": 5000, "seed": 1}
    given = parser("shapes", "What behaviour costs.", numbers).parse_args(arguments)
    return told("shapes", given, arguments, measured(given.messages, given.batch, given.seed))


if __name__ == "__main__":
    main()
