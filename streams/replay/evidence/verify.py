"""A bundle, judged by somebody who has nothing but the file and the carrier's public key.

Every line stands for itself: what can't be told without what stays at the carrier is NOT JUDGEABLE, never passed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.evidence import FORMAT, Evidence, Kept, ReadRow
from streams.engine.decide import DATA_VERSION, ENGINE_VERSION
from streams.replay.evidence.judged import Judged, failed, holds, passed, unjudged
from streams.replay.evidence.rules import follows
from streams.replay.evidence.view import BundleView, policies_of, value_of
from streams.replay.history import NO_ROW, version_at
from streams.signing import PublicKey, SignatureRefused, opened

_EVIDENCE = msgspec.json.Decoder(Evidence)
_DECISION = msgspec.json.Decoder(Decision)
_ENCODE = encoder().encode


def verify(data: bytes, key: PublicKey) -> list[Judged]:
    """Everything that can be said of a signed bundle; it holds if nothing is FAIL."""
    try:
        payload = opened(FORMAT, data, key)
        signature = passed("signature", "The bundle is as the owner of this key signed it.")
    except SignatureRefused as refused:
        payload = data.partition(b"\n")[2]
        signature = failed("signature", f"The bundle can't be relied on: {refused}.")
    return [signature, *contents(payload)]


def contents(payload: bytes) -> Iterator[Judged]:
    """The lines about a payload, whoever signed it."""
    try:
        evidence = _EVIDENCE.decode(payload)
        decision = _DECISION.decode(evidence.decision.value)
        canonical = _ENCODE(evidence) == payload
    except (ValueError, RecursionError) as error:
        yield failed("form", f"It is no bundle of evidence: {error}.")
        return
    yield holds("form", canonical, "It is written as bundles are.", "It holds more than a bundle does, or other.")
    yield from _decision(evidence, decision)
    yield from _rows(evidence, decision)
    try:
        view = BundleView(evidence)
        policies = policies_of(evidence)
        policy = policies.place(decision.jurisdiction).at(view, decision.event_time_ms)
    except Exception as error:  # a forged row or pack may do anything to what reads it: no evidence, whatever it was
        yield failed("policy", f"What the bundle holds can't be read: {type(error).__name__}: {error}.")
        return
    yield _policy(evidence, decision, policy.version)
    marks = [mark for held in evidence.feeds.values() for mark in held]
    right = all(_intact(mark) and mark.entity == "registry.history" for mark in marks)
    told = f"{len(marks)} heartbeats and manifests of {len(evidence.feeds)} feeds are there byte for byte."
    yield holds("feeds", right, told, "Heartbeats or manifests are not the bytes that were hashed.")
    yield from _versions(evidence, decision)
    same_rules = (decision.versions.engine, decision.versions.data) == (ENGINE_VERSION, DATA_VERSION)
    if policy.version != decision.versions.policy:
        return
    try:
        yield from follows(evidence, decision, view, policies, policy, same_rules)
    except Exception as error:  # as above
        yield failed("rules", f"They can't be asked again: {type(error).__name__}: {error}.")


def _decision(evidence: Evidence, decision: Decision) -> Iterator[Judged]:
    kept = evidence.decision
    right = _intact(kept) and kept.entity == "decisions" and _ENCODE(decision) == kept.value.encode()
    place = f"{kept.entity}, partition {kept.partition}, offset {kept.offset}"
    yield holds("decision", right, f"It is there byte for byte ({place}).", "Its bytes are not those that were hashed.")
    leak = decision.leak is not None
    yield holds(
        "case", (evidence.case == "leak") is leak, f"The case is a {evidence.case}.",
        f"The case is called a {evidence.case}, the decision {'books a' if leak else 'books no'} leak.",
    )  # fmt: skip


def _rows(evidence: Evidence, decision: Decision) -> Iterator[Judged]:
    if evidence.message is None:
        yield unjudged("rows", "The message is no longer held, so which rows were read can't be told.")
        return
    named = [row.version for row in evidence.reads]
    while named and named[-1] == NO_ROW:
        named.pop()
    yield holds(
        "rows", ",".join(named) == decision.versions.read, f"They are those of versions.read ({len(named)}).",
        "They are not those that versions.read names.",
    )  # fmt: skip
    e_ms = decision.event_time_ms
    for row in evidence.reads:
        if row.record is not None or row.excerpt is not None:
            yield _row(row, e_ms)
        elif row.version != NO_ROW and not row.withheld:
            yield failed(f"row {row.key}", f"versions.read names its version {row.version}; it is not there.")
    withheld = sum(row.withheld for row in evidence.reads)
    if withheld:
        yield unjudged("rows withheld", f"{withheld} rows stay at the carrier: they say something of other people.")
    absent = sum(row.version == NO_ROW and not row.withheld for row in evidence.reads)
    if absent:
        yield unjudged("rows absent", f"That {absent} keys had no row that counted is the carrier's word.")


def _row(row: ReadRow, e_ms: int) -> Judged:
    what = f"row {row.key}"
    try:
        version = version_at(value_of(row), e_ms)
    except Exception as error:  # as above
        return failed(what, f"It can't be read: {error}.")
    if version != row.version:
        return failed(what, f"It says version {version} for then, versions.read says {row.version}.")
    if row.record is None:
        return unjudged(what, f"An excerpt, at version {version}: its own bytes name a person and stay at the carrier.")
    kept = row.record
    if not _intact(kept) or (kept.entity, kept.key) != (f"{row.entity}.history", row.key):
        return failed(what, "Its bytes are not those that were hashed.")
    return passed(what, f"Version {version}, {kept.entity} partition {kept.partition} offset {kept.offset}.")


def _policy(evidence: Evidence, decision: Decision, version: str) -> Judged:
    intact = all(
        _intact(kept) and (kept.entity, kept.key) == ("policy.history", name)
        for name, kept in evidence.policies.items()
    )
    right = intact and version == decision.versions.policy
    wrong = f"The rules give {version}, the decision names {decision.versions.policy}."
    return holds("policy", right, f"The rules are those that the decision names ({version}).", wrong)


def _versions(evidence: Evidence, decision: Decision) -> Iterator[Judged]:
    said = decision.versions
    if (said.engine, said.data) == (ENGINE_VERSION, DATA_VERSION):
        yield passed("engine", f"This is the engine that decided ({said.engine}, data {said.data}).")
    else:
        yield unjudged(
            "engine", f"Engine {said.engine} with data {said.data} decided; this is {ENGINE_VERSION} with "
            f"{DATA_VERSION}: verify with that version of dualblock.",
        )  # fmt: skip
    stated = evidence.statement
    yield unjudged(
        "input", f"versions.input is under the carrier's key. The carrier says: the message's bytes "
        f"{'are held and fit' if stated.input else 'are not held'}; the whole decision "
        f"{'came out again' if stated.recomputes else 'did not come out again'}.",
    )  # fmt: skip


def _intact(kept: Kept) -> bool:
    return hashlib.sha256(kept.value.encode("utf-8", "replace")).hexdigest() == kept.sha256
