"""Embedded replay: messages per second on one core, every check on, from bytes to bytes.

    python -m bench.replay [--messages N] [--repeats N] [--seed N] [--core N | --no-pin] [--write]

The demo's world is made and encoded first; that is not timed. A run is what `dualblock replay` does between reading
and writing files: control records (registry, policy, reports, sanctions) in their order, each message decoded, decided
and its decision encoded. Every run is a process of its own, so that no cache is warm from the one before.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Sequence
from typing import NamedTuple

from bench.command import pinned, told
from bench.spread import percentile, spread
from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.decisions import Decision, Observed
from streams.demo import World, build_world
from streams.demo import control as control_records
from streams.engine.pseudonym import Keys
from streams.heap import settle
from streams.replay.drive import Drive, Raw, Refused, Timed
from streams.replay.files import gate

#: What a gate adds to each decision on the topic; outside of the evidence, so the replay has none.
OBSERVED = Observed(decided_at_ms=1_765_944_000_131, gate="gate-0", source=(3, 1_000_000))


class Run(NamedTuple):
    """seconds: wall clock of one run; cpu_seconds: of this process. sizes: bytes of each decision, `observed` empty."""

    seconds: float
    cpu_seconds: float
    blocked: int
    sizes: list[int]


def raws(world: World) -> list[Raw]:
    """The messages as a producer would have written them."""
    encode = encoder().encode
    return [Raw(f"messages:{i}", encode(m)) for i, m in enumerate(world.messages, 1)]


def control_of(world: World) -> list[Timed]:
    """Everything that is no message, with its ingest time in ms."""
    return [Timed(*taken) for taken in control_records(world)]


def run_once(control: list[Timed], messages: Sequence[Raw]) -> Run:
    """Decide all messages once. Raises RuntimeError when a record is refused: then it is not the work it should be."""
    encode, sizes = encoder().encode, list[int]()
    blocked = 0

    def decided(decision: Decision) -> None:
        nonlocal blocked
        sizes.append(len(encode(decision)))
        blocked += decision.verdict == "BLOCK"

    def refused(record: Refused) -> None:
        raise RuntimeError(f"{record.place} was refused: {record.reason}")

    drive = Drive(gate("kr", Keys(*DEMO_KEYS)), decided, refused, control)
    begun, cpu = time.perf_counter(), time.process_time()
    drive.run(messages)
    return Run(time.perf_counter() - begun, time.process_time() - cpu, blocked, sizes)


def run_apart(control: list[Timed], messages: Sequence[Raw]) -> Run:
    """`run_once` in a forked process."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(write, "w") as answer:
                json.dump(run_once(control, messages), answer)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    if not said:
        raise SystemExit("The run failed, see above.")
    return Run(*json.loads(said))


def report(runs: Sequence[Run], messages: int) -> list[str]:
    """The result as lines."""
    rates, sizes = spread([messages / r.seconds for r in runs]), runs[0].sizes
    more = len(b',"observed":') + len(encoder().encode(OBSERVED))
    cpu = spread([r.cpu_seconds * 1e6 / messages for r in runs])
    return [
        f"runs     {len(runs)} of {messages:,} messages, {runs[0].blocked:,} blocked",
        f"rate     {rates.shown('messages/s')}",
        f"cpu      {cpu.shown('µs per message', 1)}",
        f"size     p50 {percentile(sizes, 50)}  p90 {percentile(sizes, 90)}  max {max(sizes)} bytes a decision, "
        f"{more} more on the topic",
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    numbers = {"messages": 200_000, "repeats": 5, "seed": 1}
    given = pinned("replay", "Embedded replay on one core.", numbers, arguments)
    world = build_world(given.seed, given.messages)
    control, messages = control_of(world), raws(world)
    del world
    settle()  # as `dualblock replay` does
    runs = [run_apart(control, messages) for _ in range(given.repeats)]
    return told("replay", given, arguments, report(runs, len(messages)))


if __name__ == "__main__":
    main()
