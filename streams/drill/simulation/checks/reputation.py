"""Tallies, findings and sanctions equal a model that knew everything at once and in order."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from streams.contracts.appeals import Review
from streams.contracts.reports import Directive
from streams.contracts.reputation import WATERMARK, Finding, SanctionRow, Traffic, Vote
from streams.drill.simulation.checks import appeals, pairs
from streams.drill.simulation.checks.traffic import closed_through, delivered, traffic
from streams.drill.simulation.checks.votes import votes
from streams.drill.simulation.cluster import KEYS, policies
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.log import Log
from streams.drill.simulation.world import POLICY, record
from streams.engine.consequences import act_on
from streams.engine.directing import direct
from streams.engine.policy import Policy
from streams.engine.reputation import LABELLED
from streams.engine.tally import Tally, effective_epoch
from streams.engine.tallying import on_closed, on_review, on_traffic, on_vote
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played

_TALLY = msgspec.json.Decoder(Tally)
_FINDING = msgspec.json.Decoder(Finding)
_ROW = msgspec.json.Decoder(SanctionRow)
_DIRECTIVE = msgspec.json.Decoder(Directive)
NEVER = -(2**53)


def check(played: Played) -> None:
    """Stage by stage."""
    cluster = played.cluster
    _stores(played)
    held = _newest(cluster.log, "agents.tallies.changelog")
    tallies = {key.decode(): _TALLY.decode(value) for key, value in held.items()}
    view = MemoryReplica()
    view.apply([Change("policy", 0, 0, "kr", record(POLICY))])
    policy = policies().at(view, 2**53)
    heard = appeals.heard(cluster.log, policy)
    model = _model(played, policy, heard.reviews)
    _tallies(played, tallies, model)
    _findings(cluster.log, model)
    states, told = pairs.model(played, policy)
    pairs.tables(_newest(cluster.log, "agents.breaker.changelog"), states)
    appeals.check(played, _sanctions(played, model, view, policy, (heard, told)), heard)


def _newest(log: Log, entity: str) -> dict[bytes, bytes]:
    """The newest value of each key: what a table holds that is rebuilt from its changelog on an empty disk."""
    return {r.key or b"": r.value or b"" for p in log.places(entity) for r in log.read(p, 0, 1 << 30)[0]}


def _stores(played: Played) -> None:
    """The local stores in use equal those rebuilt from the changelogs."""
    log = played.cluster.log
    for agent in played.cluster.agents:
        for table in agent.app.tables if agent.app is not None else ():
            for partition in agent.partitions:
                place = (table.changelog, partition)
                rebuilt = {r.key: r.value for r in log.read(place, 0, 1 << 30)[0]}
                if agent.disk[place][0] != rebuilt:
                    raise Broken(f"changelog: {table.name}[{partition}] of {agent.name} differs from its changelog")


def _model(played: Played, policy: Policy, reviews: list[Review]) -> dict[str, Tally]:
    """All traffic, then all votes in the order of their epochs, then all reviews, then every epoch closed."""
    model: dict[str, Tally] = {}
    deltas: dict[str, list[Traffic]] = defaultdict(list)
    for _, delta in traffic(played):
        if delta.subject != WATERMARK:
            deltas[delta.subject].append(delta)
    cast: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes(played):
        cast[vote.subject].append(vote)
    through, abroad = closed_through(played), policies().abroad(MemoryReplica(), 2**53)
    for subject in deltas.keys() | cast.keys() | {r.subject for r in reviews}:
        tally = model[subject] = Tally(subject=subject)
        for delta in deltas[subject]:
            on_traffic(tally, delta, policy, NEVER, abroad)
        for vote in sorted(cast[subject], key=lambda v: (effective_epoch(v, policy.pack), v.report_id)):
            on_vote(tally, vote, policy, NEVER, abroad)
        for review in reviews:
            if review.subject == subject:
                on_review(tally, review, policy, NEVER, abroad)
        on_closed(tally, policy, through, abroad=abroad)
    return model


def _tallies(played: Played, tallies: dict[str, Tally], model: dict[str, Tally]) -> None:
    if tallies.keys() != model.keys():
        raise Broken(f"tallies: {tallies.keys() ^ model.keys()} on one side only")
    sums: Counter[str] = Counter()
    for (subject, _), number in delivered(played).items():
        sums[subject] += number
    for subject, tally in tallies.items():
        wanted = model[subject]
        for field in ("voters", "epochs", "delivered", "recent", "abroad", "applied", "cleared"):
            if getattr(tally, field) != getattr(wanted, field):
                raise Broken(
                    f"tallies: {field} of {subject}: {getattr(tally, field)}, the model has {getattr(wanted, field)}"
                )
        if not subject.startswith(LABELLED) and sum(tally.delivered.get("d", {}).values()) != sums[subject]:
            raise Broken(f"tallies: {subject} has {tally.delivered}, the decisions say {sums[subject]}")
        if _by_id(tally.findings) != _by_id(wanted.findings):
            raise Broken(f"tallies: findings of {subject}: {tally.findings}, the model has {wanted.findings}")


def _by_id(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.finding_id: finding for finding in findings}


def _findings(log: Log, model: dict[str, Tally]) -> None:
    """The newest finding of each id is the model's, and what no longer follows was withdrawn."""
    newest: dict[str, Finding] = {}
    released: dict[str, bool] = {}
    for _, found in log.every("findings"):
        finding = _FINDING.decode(found.value or b"")
        if finding.source != "tally":
            continue
        newest[finding.finding_id] = finding
        if finding.releases is not None:
            released[finding.releases] = True
        else:
            released[finding.finding_id] = False
    wanted = {f.finding_id: f for tally in model.values() for f in tally.findings}
    for finding_id, finding in wanted.items():
        if newest.get(finding_id) != finding:
            raise Broken(f"findings: {newest.get(finding_id)}, the model has {finding}")
    for finding_id, gone in released.items():
        if gone == (finding_id in wanted):
            raise Broken(f"findings: {finding_id} {'was withdrawn' if gone else 'stands'} against the model")


def _sanctions(
    played: Played, model: dict[str, Tally], view: MemoryReplica, policy: Policy,
    others: tuple[appeals.Heard, list[Finding]],
) -> dict[str, SanctionRow]:  # fmt: skip
    """Rows of all findings: the model's, of orders, and of others (persons and appeals, the breaker)."""
    heard, told = others
    log = played.cluster.log
    rows: dict[str, SanctionRow] = {}
    found = [f for tally in model.values() for f in tally.findings]
    rules = policies()
    found += [direct(_DIRECTIVE.decode(r.value or b""), view, rules, KEYS) for _, r in log.every("directives")]
    for finding in (*heard.orders, *sorted(found, key=lambda f: f.releases is not None), *heard.appeals, *told):
        rows[finding.subject] = act_on(rows.get(finding.subject), finding, policy.pack).row
    for entity in ("sanctions", "sanctions.history"):
        newest = {key.decode(): _ROW.decode(value) for key, value in _newest(log, entity).items()}
        for subject in newest.keys() | rows.keys():
            has = newest[subject].timeline if subject in newest else ()
            wanted = rows[subject].timeline if subject in rows else ()
            if has != wanted:
                raise Broken(f"sanctions: {entity} of {subject} is {has}, the model has {wanted}")
    written = {(r.key, r.value) for _, r in log.every("sanctions")}
    history = {(r.key, r.value) for _, r in log.every("sanctions.history")}
    if written != history:
        raise Broken(f"sanctions: {len(written ^ history)} versions stand in the topic or in its history only")
    return rows
