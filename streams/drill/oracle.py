"""The one oracle: what was fed, what a read_committed reader saw and what the rows said, and nothing else. Pure.

* lost: an input without a decision. doubled: a decision too many for an input.
* wrong: differs, `observed` aside, from its recomputation at the versions that it names.
* stale: names a version that had been superseded by one readable more than a second before it was decided.
* out_of_order: behind a later message of the same sender, by `observed.source`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.drill.report import FAULTS, ScenarioReport
from streams.engine.decide import Decider
from streams.engine.intake import InvalidEvent, read_message
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.replay.history import History, Record
from streams.replay.recompute import Recomputer
from streams.replica.changes import Change, Entity, Value
from streams.replica.memory import MemoryReplica

Source = tuple[int, int]
STALE_AFTER_MS = 1000
_DECISION = msgspec.json.Decoder(Decision)
_EXAMPLES = 5


@dataclass
class Findings:
    """What the oracle found; `examples` says it of a few decisions in words."""

    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    stale: int = 0
    out_of_order: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, kind: str, example: str) -> None:
        """Count one fault."""
        setattr(self, kind, getattr(self, kind) + 1)
        if sum(e.startswith(kind) for e in self.examples) < _EXAMPLES:
            self.examples.append(f"{kind}: {example}")

    def into(self, report: ScenarioReport) -> None:
        """Add to a scenario's report."""
        for kind in FAULTS:
            setattr(report, kind, getattr(report, kind) + getattr(self, kind))
        report.problems.extend(self.examples)


class Oracle:
    """history: of registry, sanctions and policy. keys: those of the gates. stale_after_ms: how long a newer row may
    have been readable before it must have been read."""

    def __init__(
        self, history: History, keys: Keys, jurisdiction: str = "kr", *, stale_after_ms: float = STALE_AFTER_MS
    ) -> None:
        self._stale_after_ms = stale_after_ms
        self._history, self._keys, self._jurisdiction = history, keys, jurisdiction
        self._recomputer = Recomputer(history, keys, jurisdiction)
        self._encode = encoder().encode

    def judge(
        self,
        inputs: Mapping[Source, bytes],
        committed: Iterable[Record],
        *,
        unanswered: frozenset[Source] = frozenset(),
        ahead_ms: Mapping[str, int] | None = None,
        recompute: bool = True,
    ) -> Findings:
        """Judge a whole run.

        inputs: the bytes of each event by (partition, offset) in `messages`. committed: `decisions` as a
        read_committed reader saw it, in order within each partition. unanswered: inputs that must have no decision
        (dead letters that name no event). ahead_ms: by gate, how far its clock was put ahead on purpose; staleness is
        measured on the true clock. recompute: look for what is wrong or stale, too.
        """
        found, seen = Findings(), Counter[Source]()
        newest: dict[tuple[bytes, int], int] = {}
        for record in committed:
            decision = _DECISION.decode(record.value)
            observed = decision.observed
            source = observed.source if observed is not None else (-1, -1)
            raw = inputs.get(source)
            if observed is None or raw is None or source in unanswered:
                found.note("wrong", f"{decision.event_id}: no such input as {source}")
                continue
            seen[source] += 1
            if seen[source] > 1:
                found.note("doubled", f"{decision.event_id} from {source} was decided {seen[source]} times")
                continue
            place = (record.key, source[0])
            if source[1] < newest.get(place, -1):
                found.note("out_of_order", f"{decision.event_id} from {source} behind offset {newest[place]}")
            newest[place] = max(newest.get(place, -1), source[1])
            if not recompute:
                continue
            ahead = (ahead_ms or {}).get(observed.gate, 0)
            self._evidence(found, decision, raw, observed.decided_at_ms - ahead)
        for source in sorted(inputs.keys() - seen.keys() - unanswered):
            found.note("lost", f"{source} has no decision")
        return found

    def _evidence(self, found: Findings, decision: Decision, raw: bytes, decided_ms: int) -> None:
        again = self._recomputer.again(raw, decision)
        if again.value != self._encode(msgspec.structs.replace(decision, observed=None)):
            found.note("wrong", f"{decision.event_id} does not recompute at the versions {decision.versions.read}")
            return
        known_ms = int(decided_ms - self._stale_after_ms)
        for key, named, newest in self._recomputer.superseded(again.reads, decision, known_ms):
            found.note("stale", f"{decision.event_id} read {key} at {named} where {newest} was readable")
            return  # one decision is stale once

    def unlike_replay(self, inputs: Mapping[Source, bytes], committed: Iterable[Record]) -> list[str]:
        """Event ids whose decision differs from an embedded replay over the rows of the end.

        Empty when every change was readable before its from_ms and changed only keys that had a row before.
        """
        view = MemoryReplica(skeletons_of)
        rows = [(e, k, 0, v) for (e, k), v in self._history.rows.items()]
        marks: list[tuple[Entity, str, int, Value]] = [
            ("registry", k, p, v) for (k, p), v in self._history.marks.items()
        ]
        for offset, (entity, key, partition, value) in enumerate([*rows, *marks]):
            view.apply([Change(entity, partition, offset, key, self._encode(value))])
        decider = Decider(Policies(shipped(), self._jurisdiction), self._keys, recall=0)
        unlike: list[str] = []
        for record in committed:
            decision = _DECISION.decode(record.value)
            raw = inputs.get(decision.observed.source) if decision.observed is not None else None
            try:
                message, flags = read_message(raw or b"")
            except InvalidEvent:
                continue
            said = self._encode(msgspec.structs.replace(decision, observed=None))
            if self._encode(decider.decide(message, raw or b"", view, flags)) != said:
                unlike.append(decision.event_id)
        return unlike
