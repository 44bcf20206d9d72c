"""`python -m streams.drill.judge CASE`: the oracle of *this* version, on decisions that its own engine made.

CASE is a MessagePack file (`Case`); findings go to stdout as JSON. A drill of another version starts it, so the fields
of `Case` are only ever added to.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from streams.config import DEMO_KEYS
from streams.drill.oracle import STALE_AFTER_MS, Findings, Oracle
from streams.engine.decide import ENGINE_VERSION
from streams.engine.pseudonym import Keys
from streams.replay.history import History, Record
from streams.replica.changes import Entity


class Case(msgspec.Struct, kw_only=True):
    """logs: by entity, its history topic and the topic itself. inputs: (partition, offset, bytes) of each event.
    committed: the decisions to judge."""

    jurisdiction: str
    logs: dict[Entity, tuple[list[Record], list[Record]]]
    inputs: list[tuple[int, int, bytes]]
    committed: list[Record]
    stale_after_ms: float = STALE_AFTER_MS


class Said(msgspec.Struct, kw_only=True):
    """engine: who judged. findings: what was found in `judged` decisions."""

    engine: str
    judged: int
    findings: Findings


def judged(case: Case) -> Said:
    """Judge a case. Pure."""
    history = History()
    for entity, (log, topic) in case.logs.items():
        history.add(entity, log, topic)
    oracle = Oracle(history, Keys(*DEMO_KEYS), case.jurisdiction, stale_after_ms=case.stale_after_ms)
    inputs = {(partition, offset): raw for partition, offset, raw in case.inputs}
    return Said(engine=ENGINE_VERSION, judged=len(case.committed), findings=oracle.judge(inputs, case.committed))


def main() -> int:
    """0 when it was judged, whatever was found."""
    case = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Case)
    sys.stdout.buffer.write(msgspec.json.encode(judged(case)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
