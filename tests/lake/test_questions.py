"""The ten questions over a demo run, each answer held against one computed from the run's records without SQL."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from streams.contracts.base import encoder
from streams.demo import build_world
from streams.engine.attribution import attribute
from streams.engine.policy import Policies
from streams.engine.skeleton import skeletons_of
from streams.lake.ask import ask, questions
from streams.lake.errors import LakeError
from streams.lake.views import Views
from streams.packs import shipped
from streams.replay.drive import Drive, Timed, raw_messages
from streams.replay.embedded import Embedded
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica
from tests.lake.kit import KEYS, SEOUL, fill, lake, records

Rows = list[dict[str, Any]]
ZONE = ZoneInfo(SEOUL)


class Run(NamedTuple):
    """A demo run as records of the topics, and a lake of them."""

    directory: Path
    decisions: Rows
    reports: Rows
    votes: Rows
    findings: Rows
    history: Rows  # of sanctions


class Recorder(MemoryReplica):
    """Remembers every version of every sanction row, as the topic of the history does."""

    history: list[bytes]

    def apply(self, changes: Iterable[Change]) -> Any:
        changes = list(changes)
        self.history += [change.value for change in changes if change.entity == "sanctions" and change.value]
        return super().apply(changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    world, encode = build_world(7, 28_000), encoder().encode
    view = Recorder(skeletons_of)
    view.history = []
    policies = Policies(shipped(), "kr")
    gate = Embedded(policies, KEYS, view)
    decided: list[bytes] = []
    control = [Timed(0, world.policy, "policy:1"), *(Timed(at, value, "registry:1") for at, value in world.feeds)]
    control += [Timed(r.ingested_at_ms, r, "reports:1") for r in world.reports]

    def keep(decision: Any) -> None:
        number = len(decided)
        at = decision.event_time_ms + number * 37 % 1013
        observed = {"decided_at_ms": at, "gate": f"gate-{number % 2}", "source": [0, number]}
        decided.append(encode(decision)[:-1] + b',"observed":' + encode(observed) + b"}")

    Drive(gate, keep, lambda refused: None, control).run(raw_messages(world.messages, encode))
    votes = [encode(vote) for r in world.reports for vote in attribute(r, view, policies, KEYS)]
    topics = {
        "decisions": [*decided, decided[0]], "reports": [encode(r) for r in world.reports], "votes": votes,
        "findings": [encode(f) for f in gate.findings], "sanctions.history": view.history,
    }  # fmt: skip
    directory = tmp_path_factory.mktemp("lake")
    with lake(directory) as held:
        fill(held, [r for entity, values in topics.items() for r in records(entity, values)])
    plain = [[json.loads(value) for value in values] for values in topics.values()]
    plain[0].pop()  # the first event came twice, and is one message
    return Run(directory, *plain)


@pytest.fixture(scope="module")
def views(run: Run) -> Iterator[Views]:
    with Views(run.directory) as held:
        yield held


def asked(views: Views, name: str, **given: Any) -> list[tuple[Any, ...]]:
    found = ask(views, name, given).rows
    assert found, "a question that nothing answers shows nothing"
    return found


def day(ms: int) -> Any:
    return datetime.fromtimestamp(ms / 1000, ZONE).date()


def local(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, ZONE):%Y-%m-%d %H:%M:%S}+09"


def by_count(counts: Counter[Any]) -> list[tuple[Any, ...]]:
    return [(*key, n) for key, n in counts.items()]


def codes(decision: dict[str, Any], mode: str) -> set[str]:
    return {r["code"] for r in decision.get("reasons", ()) if r["mode"] == mode}


def blocks(decisions: Rows) -> list[tuple[Any, ...]]:
    counts: Counter[Any] = Counter()
    for d in decisions:
        if d["verdict"] == "BLOCK":
            # Several sanctions may have one reason: a message counts once under it.
            for code, gate in {(r["code"], r["gate"]) for r in d["reasons"] if r["mode"] == "BLOCK"}:
                counts[day(d["event_time_ms"]), d["leg"], code, gate] += 1
    return sorted(by_count(counts))


def test_blocks(run: Run, views: Views) -> None:
    found = asked(views, "blocks")
    assert sorted(found) == blocks(run.decisions)
    assert [(r[0], -r[4]) for r in found] == sorted((r[0], -r[4]) for r in found)


def test_blocks_of_a_time(run: Run, views: Views) -> None:
    times = sorted(d["event_time_ms"] for d in run.decisions)
    start, end = times[len(times) // 3], times[len(times) // 2]
    found = asked(views, "blocks", **{"from": start, "to": end})
    assert sorted(found) == blocks([d for d in run.decisions if start <= d["event_time_ms"] < end])


def test_registered(run: Run, views: Views) -> None:
    times = defaultdict(list)
    for d in run.decisions:
        if d["sender"]["registered"] and d["action"] != "DELIVER":
            for code in codes(d, "BLOCK" if d["verdict"] == "BLOCK" else "LABEL"):
                key = (d["sender"]["key"], d["action"], code, d.get("route", {}).get("relay_id") or "-")
                times[key].append(d["event_time_ms"])
    expected = [(*key, len(at), local(min(at)), local(max(at))) for key, at in times.items()]
    assert asked(views, "registered") == sorted(expected, key=lambda r: (-r[4], *r[:4]))


def test_relays(run: Run, views: Views) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for d in run.decisions:
        relay = d.get("route", {}).get("relay_id")
        if d["leg"] == "termination" and relay is not None:
            leak = d.get("leak")
            counts[relay].update(["all", d["verdict"], *(["no_gate" if leak == "no_gate" else "leak"] if leak else [])])
    expected = [
        (relay, c["all"], c["BLOCK"], c["leak"], c["no_gate"], c["leak"] * 10**6 // c["all"],
         c["no_gate"] * 10**6 // c["all"])
        for relay, c in counts.items()
    ]  # fmt: skip
    assert asked(views, "relays") == sorted(expected, key=lambda r: (-r[3], -r[4], r[0]))
    assert any(row[3] for row in expected) and any(row[4] for row in expected)


def standing(run: Run) -> dict[str, dict[str, Any]]:
    """The last row of each subject."""
    return {row["subject"]: row for row in run.history}


def test_reported(run: Run, views: Views) -> None:
    votes: dict[str, Rows] = defaultdict(list)
    for vote in run.votes:
        votes[vote["subject"]].append(vote)
    steps = defaultdict(set)
    for finding in run.findings:
        if finding.get("releases") is None:
            steps[finding["subject"]].add(f"{finding['step']} {finding['reason']}")
    expected = []
    for subject, cast in votes.items():
        entries = sorted(
            (e["from_ms"], e["step"], e["reason"]) for e in standing(run).get(subject, {"timeline": []})["timeline"]
            if e["step"] not in ("OBSERVE", "WARN")
        )  # fmt: skip
        expected.append((
            subject, len({v["report_id"] for v in cast}), len({v["group"] or v["reporter"] for v in cast}),
            local(min(v["reported_at_ms"] for v in cast)), ", ".join(sorted(steps[subject])),
            ", ".join(f"{step} {reason}" for _, step, reason in entries),
        ))  # fmt: skip
    found = asked(views, "reported")
    assert found == sorted(expected, key=lambda r: (-r[2], -r[1], r[0]))[:50]
    assert any(row[5] for row in found) and any(row[4] and not row[5] for row in found)


def test_shadow(run: Run, views: Views) -> None:
    """The demo enforces everything, so the answer is made interesting by a lake of its own below."""
    now: Counter[str] = Counter()
    would: Counter[str] = Counter()
    registered: Counter[str] = Counter()
    for d in run.decisions:
        if d["verdict"] == "BLOCK":
            now.update(codes(d, "BLOCK"))
        elif (d.get("shadow") or {}).get("verdict") == "BLOCK":
            would.update(set(d["shadow"]["codes"]))
            registered.update(set(d["shadow"]["codes"]) if d["sender"]["registered"] else ())
    expected = [(code, now[code], would[code], registered[code]) for code in now | would]
    assert asked(views, "shadow") == sorted(expected, key=lambda r: (-r[2], -r[1], r[0]))


def test_shadow_of_what_was_let_through(run: Run, tmp_path: Path) -> None:
    """The same decisions as a carrier that only observes would have made them: every block is a shadow."""
    observed = []
    for d in run.decisions:
        said = {**d}
        if d["verdict"] == "BLOCK":
            blocked = sorted(codes(d, "BLOCK"))
            said |= {
                "verdict": "ALLOW",
                "action": "DELIVER",
                "shadow": {"verdict": "BLOCK", "action": d["action"], "codes": blocked},
            }
            said["reasons"] = [{**r, "mode": "OBSERVE"} for r in d["reasons"]]
        observed.append(json.dumps(said).encode())
    with lake(tmp_path) as held:
        fill(held, records("decisions", observed))
    would: Counter[str] = Counter()
    registered: Counter[str] = Counter()
    for d in run.decisions:
        if d["verdict"] == "BLOCK":
            would.update(codes(d, "BLOCK"))
            registered.update(codes(d, "BLOCK") if d["sender"]["registered"] else ())
    with Views(tmp_path) as views:
        found = asked(views, "shadow")
    assert found == sorted([(c, 0, n, registered[c]) for c, n in would.items()], key=lambda r: (-r[2], r[0]))
    assert any(row[3] for row in found)


def test_latency(run: Run, views: Views) -> None:
    waits = defaultdict(list)
    for number, d in enumerate([*run.decisions, run.decisions[0]]):
        seen = d["observed"] if number < len(run.decisions) else run.decisions[0]["observed"]
        waits[day(d["event_time_ms"]), seen["gate"]].append(seen["decided_at_ms"] - d["event_time_ms"])
    found = asked(views, "latency")
    assert [row[:3] for row in found] == [(*key, len(w)) for key, w in sorted(waits.items())]
    for row, (_, wait) in zip(found, sorted(waits.items()), strict=True):
        ranked = sorted(wait)
        for share, said in ((0.5, row[3]), (0.99, row[4])):
            below, upto = sum(w < said for w in ranked), sum(w <= said for w in ranked)
            assert below <= share * len(ranked) <= upto + 1, "the quantile stands where its share of the waits is"
        assert row[5] == ranked[-1]


def test_unknown(run: Run, views: Views) -> None:
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for d in run.decisions:
        for pair in {
            (c["check"], c.get("evidence", {}).get("why", "")) for c in d.get("checks", ()) if c["outcome"] == "UNKNOWN"
        }:
            seen[pair].update(["all", *(["registered"] if d["sender"]["registered"] else [])])
    expected = [(*pair, n["all"], n["registered"]) for pair, n in seen.items()]
    assert asked(views, "unknown") == sorted(expected, key=lambda r: (-r[2], r[0], r[1]))


def test_delay(run: Run, views: Views) -> None:
    first: dict[str, int] = {}
    reports: dict[str, set[str]] = defaultdict(set)
    for vote in run.votes:
        first[vote["subject"]] = min(vote["reported_at_ms"], first.get(vote["subject"], 2**53))
        reports[vote["subject"]].add(vote["report_id"])
    begun: dict[str, dict[str, Any]] = {}
    for f in run.findings:
        held = begun.get(f["subject"])
        if f["step"] in ("THROTTLE", "TEMP_BLOCK", "BLOCK") and not f.get("releases") and f["source"] == "tally":
            begun[f["subject"]] = f if held is None or f["from_ms"] < held["from_ms"] else held
    expected = [
        (s, f["step"], local(first[s]), local(f["from_ms"]), (f["from_ms"] - first[s]) // 60_000, len(reports[s]))
        for s, f in begun.items() if s in first and f["from_ms"] >= first[s]
    ]  # fmt: skip
    found = [(row[0], row[1], *row[3:]) for row in asked(views, "delay")]
    assert found == sorted(expected, key=lambda r: (-r[4], r[0]))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_in_force(run: Run, views: Views, share: float) -> None:
    """As a gate would have known it at that time: from the last version of the row that was recorded by then."""
    starts = sorted({e["from_ms"] for row in run.history for e in row["timeline"] if e["step"] != "OBSERVE"})
    at = starts[min(len(starts) - 1, int(share * len(starts)))]
    expected = set()
    for subject, row in standing(run).items():
        for e in row["timeline"]:
            if e["recorded_at_ms"] <= at and e["from_ms"] <= at and (e["to_ms"] is None or at < e["to_ms"]):
                expected.add((subject, e["sanction_id"], e["step"], local(e["from_ms"])))
    found = asked(views, "inforce", at=at)
    assert {(row[0], row[7], row[1], row[5]) for row in found} == expected and len(found) == len(expected)


def paused(until: int) -> list[dict[str, Any]]:
    return [{"appeal_id": "a", "filed_at_ms": 50, "decide_by_ms": 500, "paused_from_ms": 60, "paused_to_ms": until}]


def entry(number: int, start: int, end: int | None, at: int = 0, **more: Any) -> dict[str, Any]:
    return {"sanction_id": f"s{number}", "step": "TEMP_BLOCK", "reason": "R", "from_ms": start, "to_ms": end,
            "recorded_at_ms": at, **more}  # fmt: skip


IN_FORCE: dict[str, tuple[list[list[dict[str, Any]]], set[str]]] = {
    "it stands": ([[entry(1, 10, None)]], {"s1"}),
    "it ended before": ([[entry(1, 10, None)], [entry(1, 10, 90, end_recorded_at_ms=80)]], set()),
    "it is not recorded yet": ([[entry(1, 10, None, at=101)]], set()),
    "it left the row long after it had ended": ([[entry(1, 10, 120)], [entry(2, 900, None, at=900)]], {"s1"}),
    "it was withdrawn before it began": ([[entry(1, 90, 300)], [entry(2, 95, None, at=80)]], {"s2"}),
    "an appeal holds it back": ([[entry(1, 10, None, appeals=paused(150))]], set()),
    "the appeal is over": ([[entry(1, 10, None, appeals=paused(100))]], {"s1"}),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_FORCE)
def test_in_force_by_cases(name: str, tmp_path: Path) -> None:
    versions, expected = IN_FORCE[name]
    values = [json.dumps({"subject": "account:a", "timeline": timeline}).encode() for timeline in versions]
    with lake(tmp_path) as held:
        fill(held, records("sanctions.history", values))
    with Views(tmp_path) as views:
        assert {row[7] for row in ask(views, "inforce", {"at": 100}).rows} == expected


def test_sender(run: Run, views: Views) -> None:
    blocked = Counter(
        d["sender"]["key"] for d in run.decisions if d["sender"]["registered"] and d["verdict"] == "BLOCK"
    )
    reported = {v["subject"].partition("#")[0].removeprefix("sender:") for v in run.votes}
    key = next(key for key, _ in blocked.most_common() if key in reported)
    expected: Counter[Any] = Counter()
    for d in run.decisions:
        if d["sender"]["key"] == key:
            why = ", ".join(r["code"] for r in d.get("reasons", ()) if r["mode"] != "OBSERVE")
            place = f"{d['leg']} over {d.get('route', {}).get('relay_id') or '-'}"
            expected[day(d["event_time_ms"]), "decisions", place, d["action"], why] += 1
    for r in run.reports:
        if f"kr:{r['displayed_sender']}" == key:
            place = f"{r['leg']} over {r['route']['relay_id'] or '-'}"
            expected[day(r["reported_at_ms"]), "reports", place, "reported", r["category"]] += 1
    for f in run.findings:
        if f["subject"].startswith(f"sender:{key}#"):
            expected[day(f["recorded_at_ms"]), "findings", f["source"], f["step"], f["reason"]] += 1
    found = asked(views, "sender", sender=key)
    assert sorted(found) == sorted(by_count(expected))
    assert {"decisions", "reports"} <= {row[1] for row in found}


def test_there_are_ten_and_an_empty_lake_answers_each(tmp_path: Path) -> None:
    lake(tmp_path).close()
    assert len(questions()) == 10
    with Views(tmp_path) as views:
        for question in questions().values():
            given = {word: {"at": 1, "sender": "x"}[word] for word in question.takes if word in ("at", "sender")}
            assert ask(views, question.name, given).rows == []


REFUSED = {
    "no such question": ("nobody", {}, "There is no question 'nobody'"),
    "too much": ("inforce", {"at": 1, "sender": "x"}, "inforce takes --at, not --sender"),
    "too little": ("sender", {}, "sender needs --sender"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_question_is_asked_as_it_is(case: str, views: Views) -> None:
    name, given, said = REFUSED[case]
    with pytest.raises(LakeError, match=said):
        ask(views, name, given)
