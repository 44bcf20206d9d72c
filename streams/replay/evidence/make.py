"""A bundle, made at the carrier: the decision is computed again from the history topics, and what that read is packed.

A history is read once for each round of keys: which rows a decision reads depends on what stands in the ones before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from streams.contracts.base import encoder
from streams.contracts.blacklists import MANIFEST as LIST_MANIFEST
from streams.contracts.decisions import Decision
from streams.contracts.evidence import Evidence, Kept, ReadRow, StandIn, Statement
from streams.contracts.policy import PolicyRow
from streams.engine.decide import ENGINE_VERSION
from streams.engine.intake import InvalidEvent, read_message
from streams.engine.pack import Grammar
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys, input_hash
from streams.packs import PROFILES, shipped
from streams.replay.evidence.disclose import Disclosure
from streams.replay.history import History, Record
from streams.replay.recompute import GuidedView, Read, Recomputed, Recomputer
from streams.replica.changes import Entity

#: Reads an entity's history topic from its beginning.
Scan = Callable[[Entity], Iterable[Record]]
ENTITIES: tuple[Entity, ...] = ("policy", "registry", "sanctions", "settings", "blacklists", "jobs")
#: A row names the next ones in at most so many steps (reseller → parent and the like).
_ROUNDS = 8
_DECISION = msgspec.json.Decoder(Decision)
_ENCODE = encoder().encode


class Found(NamedTuple):
    """A decision as it stands on the topic, and its message's bytes if they are still held."""

    record: Record
    decision: Decision
    raw: bytes | None


def found(record: Record, raw: bytes | None, keys: Keys) -> Found:
    """Bytes that are not the ones that were decided are none."""
    decision = _DECISION.decode(record.value)
    same = raw is not None and input_hash(keys, raw) == decision.versions.input
    return Found(record, decision, raw if same else None)


def make(case: Found, scan: Scan, keys: Keys, jurisdiction: str, made_at_ms: int) -> Evidence:
    """The bundle of a decision. scan: gives histories. Where the message is gone, only the policy can be named."""
    decision, raw = case.decision, case.raw
    said = _ENCODE(msgspec.structs.replace(decision, observed=None))
    again, history = Recomputed(None), History()
    if raw is not None:
        again, history = _collected(raw, decision, said, scan, keys, jurisdiction)
    else:
        history.add("policy", scan("policy"))
        again = Recomputed(None, policy=Recomputer(history, keys, jurisdiction).policy(decision))
    place = decision.jurisdiction or jurisdiction
    states = {jurisdiction: history.states("policy", jurisdiction)[-1], place: again.policy}
    policies = Policies(shipped(), jurisdiction).place(place)
    view = GuidedView(history)
    view.tested = (place, again.policy.value if isinstance(again.policy.value, PolicyRow) else None)
    grammar = policies.at(view, decision.event_time_ms).pack.grammar
    message, withheld, stand_in, reads = _shown(case, again, keys, grammar)
    return Evidence(
        case="decision" if decision.leak is None else "leak",
        jurisdiction=jurisdiction,
        made_at_ms=made_at_ms,
        made_by=ENGINE_VERSION,
        decision=_kept("decisions", case.record),
        message=message,
        withheld=withheld,
        stand_in=stand_in,
        reads=reads,
        feeds={feed: _marks(history, feed) for feed in again.feeds},
        alike={} if "sender.address" in withheld else dict(again.alike),
        policies={n: _kept("policy.history", s.record) for n, s in states.items() if s.record is not None},
        packs={name: {profile: shipped()[name, profile] for profile in PROFILES} for name in states},
        statement=Statement(input=raw is not None, recomputes=again.value == said),
    )


def _collected(
    raw: bytes, decision: Decision, said: bytes, scan: Scan, keys: Keys, jurisdiction: str
) -> tuple[Recomputed, History]:
    """Heartbeats as they were when it was decided: later ones forget old beats. Where that does not give the decision
    (a broker's clock that was ahead), as they are now."""
    observed = decision.observed
    again, history = Recomputed(None), History()
    for until_ms in ([] if observed is None else [observed.decided_at_ms]) + [2**53]:
        wanted: set[str] = set()
        for _ in range(_ROUNDS):
            history = History()
            for entity in ENTITIES:
                history.add(entity, _sought(entity, scan(entity), wanted, until_ms))
            again = Recomputer(history, keys, jurisdiction).again(raw, decision)
            asked = {read.key for read in again.reads}
            if asked <= wanted:
                break
            wanted |= asked
        if again.value == said:
            break
    return again, history


def _sought(entity: Entity, records: Iterable[Record], wanted: set[str], until_ms: int) -> Iterable[Record]:
    for record in records:
        key = record.key.decode("utf-8", "replace")
        if entity == "policy" or key in wanted:
            yield record
        elif entity == "registry" and (
            record.append_ms <= until_ms if key.startswith("~") else key.startswith("institution:") or ":alnum:" in key
        ):
            yield record  # heartbeats; names, which are found by what looks like them
        elif entity == "blacklists" and key.startswith(LIST_MANIFEST):
            yield record


def _shown(
    case: Found, again: Recomputed, keys: Keys, grammar: Grammar
) -> tuple[str | None, tuple[str, ...], StandIn | None, tuple[ReadRow, ...]]:
    if case.raw is None or again.value is None:
        return None, (), None, ()
    try:
        message, _ = read_message(case.raw)
    except InvalidEvent:
        return None, (), None, ()
    disclosure = Disclosure(case.decision, message, grammar, keys)
    shown, withheld = disclosure.message()
    return shown, withheld, disclosure.stand_in(), tuple(_row(read, disclosure, keys) for read in again.reads)


def _row(read: Read, disclosure: Disclosure, keys: Keys) -> ReadRow:
    record, value = read.state.record, read.state.value
    shown = disclosure.row(read.entity, read.key, value)
    sealed = None if record is None else input_hash(keys, record.value)
    if record is None or shown.withheld:
        return ReadRow(
            entity=read.entity, key=shown.key, version=read.named, withheld=shown.withheld,
            sealed=sealed if shown.withheld else None,
        )  # fmt: skip
    if shown.value is not None:
        excerpt = _ENCODE(shown.value).decode()
        return ReadRow(entity=read.entity, key=shown.key, version=read.named, excerpt=excerpt, sealed=sealed)
    kept = _kept(f"{read.entity}.history", record)
    return ReadRow(entity=read.entity, key=shown.key, version=read.named, record=kept)


def _marks(history: History, feed: str) -> tuple[Kept, ...]:
    of_feed = [(place, record) for place, record in history.mark_records.items() if history.marks[place].feed == feed]
    return tuple(_kept("registry.history", record) for _, record in sorted(of_feed, key=lambda held: held[0]))


def _kept(entity: str, record: Record) -> Kept:
    value = record.value.decode()
    return Kept(
        entity=entity, partition=record.partition, offset=record.offset, key=record.key.decode("utf-8", "replace"),
        value=value, sha256=hashlib.sha256(record.value).hexdigest(),
    )  # fmt: skip
