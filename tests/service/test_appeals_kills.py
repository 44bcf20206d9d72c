"""Appeals through the real agents, killed right after their table writes; topics must equal the embedded model, and
the commands must say what stands there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from streams.cli.kafka import send
from streams.config import DEMO_KEYS
from streams.contracts.appeals import Appeal, Notice, Outcome, Review
from streams.contracts.reputation import Finding, SanctionRow
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.sanctioning import person_id
from streams.packs import shipped
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from streams.replay.embedded import Embedded
from tests.agents.drill import until
from tests.cli.tool import Said, dualblock
from tests.service.test_agents_kills import AT, PARTITIONS, SPAMMERS, Bed, reports

DAY = 86_400_000
ACCOUNT = "account:acct-7"
ORDER = Finding(
    subject=ACCOUNT, finding_id=person_id("carrier", "desk-1"), source="person", step="BLOCK", from_ms=AT,
    recorded_at_ms=AT, reason="PROHIBITED_CONTENT", reference="desk-1", version=1, urgent="it goes on",
)  # fmt: skip
ROAD = (
    ("reports", "reports"), ("tally", "votes"), ("appeals", "appeals"), ("sanctions", "findings"), ("tally", "reviews"),
    ("sanctions", "findings"),
)  # fmt: skip
# Each run dies there: at the first filing, at the last decision of a subject, and where the tally hears of one.
KILLS = ("sanctions:1:after-table-write", "sanctions:6:after-table-write", "tally:1:after-table-write")


def first(road: Embedded) -> Embedded:
    """A person's order, and what people report."""
    road.order(ORDER)
    for report in reports():
        road.report(report)
    return road


def blocks(road: Embedded) -> list[tuple[str, str]]:
    """(subject, sanction) of everything that blocks, in order."""
    return [
        (row.subject, e.sanction_id)
        for row in road.sanctions()
        for e in row.timeline
        if e.step in ("TEMP_BLOCK", "BLOCK")
    ]


def appeals() -> list[Appeal]:
    """Against all of them; the first is refused, the others are upheld. Two filings are none."""
    found: list[Appeal] = []
    for n, (subject, sanction) in enumerate(blocks(first(model()))):
        acts = ("file", "refuse" if n == 0 else "uphold")
        for hours, act in enumerate(acts):
            at = AT + DAY + 3_600_000 * hours
            found.append(
                Appeal(
                    appeal_id=f"a{n}", act=act, subject=subject, sanction_id=sanction, evidence=f"{act}-{n}",  # type: ignore[arg-type]  # one of the three acts
                    recorded_at_ms=at,
                )
            )  # fmt: skip
    return found


def wrong() -> list[Appeal]:
    return [
        Appeal(appeal_id="w1", act="file", subject=ACCOUNT, sanction_id="nothing", evidence="e", recorded_at_ms=AT),
        Appeal(appeal_id="w2", act="refuse", subject=ACCOUNT, sanction_id=ORDER.finding_id, evidence="e",
               recorded_at_ms=AT),
    ]  # fmt: skip


def model() -> Embedded:
    return Embedded(Policies(shipped(), "kr"), Keys(*DEMO_KEYS))


def whole() -> Embedded:
    """What one process makes of all of it."""
    road = first(model())
    for appeal in appeals():
        road.appeal(appeal)
    return road


def settled(bed: Bed) -> bool:
    """Whether every agent on the road has come to the end of what it reads."""
    return bed.settled(ROAD)


@pytest.fixture(scope="module")
def bed(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    bed = Bed(kafka, f"appeals-{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("agents"))
    connection = Connection(kafka, bed.prefix)
    create_topics(connection, PARTITIONS)  # type: ignore[arg-type]  # the groups, spelt out
    send(connection, "findings", [(ORDER.subject, ORDER)])
    send(connection, "reports", [(r.report_id, r) for r in reports()])
    _settle(bed)
    send(connection, "appeals", [(a.subject, a) for a in (*appeals(), *wrong())])
    for order in KILLS:
        worker = bed.worker(order)
        try:
            bed.codes.append(worker.wait(90))
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
    _settle(bed)
    yield bed


def _settle(bed: Bed) -> None:
    worker = bed.worker("-")
    try:
        for _ in until(120, "the agents did not settle"):
            if settled(bed):
                break
        worker.terminate()
        assert worker.wait(30) == 0
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()


def test_every_worker_died_where_it_was_told(bed: Bed) -> None:
    assert bed.codes == [-9] * len(KILLS)


def test_sanctions_are_exactly_those_of_the_model(bed: Bed) -> None:
    last = {key: value for _, key, value in bed.read("sanctions")}
    rows = [msgspec.json.decode(value, type=SanctionRow) for _, value in sorted(last.items())]
    assert rows == whole().sanctions()
    outcomes = [a.outcome for row in rows for e in row.timeline for a in e.appeals]
    assert sorted(filter(None, outcomes)) == ["refused"] + ["upheld"] * 3


def test_history_ends_as_the_topic_does(bed: Bed) -> None:
    told = {key: value for _, key, value in bed.read("sanctions.history")}
    assert told == {key: value for _, key, value in bed.read("sanctions")}


def test_notices_are_those_of_the_model_each_at_least_once(bed: Bed) -> None:
    found = {n.notice_id: n for n in (msgspec.json.decode(v, type=Notice) for _, _, v in bed.read("notices"))}
    expected = whole().notices
    assert expected.items() <= found.items()
    beyond = [n.kind for name, n in found.items() if name not in expected]
    assert set(beyond) <= {"after", "withdrawn"}, "of sanctions that did not follow any more"
    assert {"after", "appeal_filed", "appeal_upheld", "appeal_refused"} <= {n.kind for n in found.values()}


def test_reporters_hear_how_they_fared(bed: Bed) -> None:
    found = {o.outcome_id: o for o in (msgspec.json.decode(v, type=Outcome) for _, _, v in bed.read("outcomes"))}
    assert found == {o.outcome_id: o for o in whole().outcomes}
    assert any(o.overturned for o in found.values())
    reviews = {msgspec.json.decode(v, type=Review).result for _, _, v in bed.read("reviews")}
    assert reviews == {"overturned", "confirmed"}


def test_what_is_no_appeal_is_a_dead_letter_with_its_own_bytes(bed: Bed) -> None:
    dead = {msgspec.json.decode(v, type=Finding).appeal_id for _, _, v in bed.read("findings.dead")}
    assert dead == {"w1", "w2"}


# -- the commands, on what stands there ------------------------------------------------------------------------------


def say(bed: Bed, *arguments: str) -> Said:
    names = ("BOOTSTRAP", "PREFIX", "STATE_DIR", "ALLOW_DEMO_KEYS")
    env = {k: v for k, v in bed.environment("cli").items() if k in {f"DUALBLOCK_{name}" for name in names}}
    return dualblock(*arguments, env=env)


def test_a_case_tells_the_whole_history(bed: Bed) -> None:
    said = say(bed, "case", f"sender:{SPAMMERS[0]}", "--json")
    found = json.loads(said.out)
    assert found["subject"].startswith("sender:~"), "a person's number goes no further than the command"
    assert {e["what"] for e in found["events"]} >= {"reports", "finding", "notice", "appeal", "review", "end"}
    assert found["votes"]["count"] == {"reports": 7, "reporters": 7}
    assert [e["at_ms"] for e in found["events"]] == sorted(e["at_ms"] for e in found["events"])
    assert SPAMMERS[0][1:] not in said.out
    words = say(bed, "case", ACCOUNT)
    assert "A person in the name of carrier led to BLOCK for PROHIBITED_CONTENT" in " ".join(words.out.split())


def test_nothing_is_known_about_others(bed: Bed) -> None:
    said = say(bed, "case", "account:nobody")
    assert (said.code, said.err) == (1, "Nothing is known about account:nobody.\n")


def test_notices_are_resolved_at_the_carrier(bed: Bed, tmp_path: Path) -> None:
    subscribers = tmp_path / "ours.csv"
    subscribers.write_text("number,since\n" + "\n".join(f"{n},2020" for n in (*SPAMMERS[:2], "01055559999")) + "\n")
    before = bed.ends("notices")
    said = say(bed, "notices", "resolve", "--subscribers", str(subscribers))
    assert said.code == 1, "one of three is not ours"
    assert "1 people are not subscribers" in said.err
    assert all(n in said.out for n in SPAMMERS[:2])
    assert SPAMMERS[2] not in said.out
    assert bed.ends("notices") == before, "nothing is written to Kafka"
    subscribers.write_text("\n".join(SPAMMERS))
    out = tmp_path / "told.csv"
    whole_list = say(bed, "notices", "resolve", "--subscribers", str(subscribers), "--out", str(out))
    assert whole_list.code == 0
    assert "~" not in {line.split(",")[1][0] for line in out.read_text().splitlines()}
    assert out.stat().st_mode & 0o077 == 0


def test_a_person_imposes_what_the_agent_will_take(bed: Bed) -> None:
    asked = ("sanction", "impose", "account:acct-8", "--step", "TEMP_BLOCK", "--reason", "SPAM_COMPLAINTS")
    said = say(bed, *asked, "--reference", "desk-2", "--for", "48h", "--advertising-only", "--leg", "origination")
    assert said.code == 0, said.err
    finding = [msgspec.json.decode(v, type=Finding) for _, k, v in bed.read("findings") if k == b"account:acct-8"][-1]
    assert (finding.source, finding.scope.purpose, finding.scope.legs) == ("person", "advertising", ("origination",))
    assert finding.from_ms - finding.recorded_at_ms == DAY, "after the notice period"
    assert (finding.to_ms or 0) - finding.from_ms == 2 * DAY
    refused = say(bed, *asked, "--reference", "desk-3")
    assert (refused.code, "NO_END" in refused.err) == (2, True)
    nowhere = say(bed, *asked, "--reference", "desk-3", "--for", "1h", "--leg", "sideways")
    assert (nowhere.code, "no such part of the service" in nowhere.err) == (2, True)


def test_who_imposed_it_lifts_it(bed: Bed) -> None:
    sanction = ORDER.finding_id
    theirs = say(bed, "sanction", "lift", ACCOUNT, sanction, "--reference", "x", "--authority", "carrier-2")
    assert (theirs.code, "NOT_ITS_AUTHORITY" in theirs.err) == (2, True)
    unknown = say(bed, "sanction", "lift", ACCOUNT, "nothing", "--reference", "x")
    assert (unknown.code, "is under no sanction nothing" in unknown.err) == (2, True)


def test_an_appeal_is_checked_before_it_is_written(bed: Bed) -> None:
    before = bed.ends("appeals")
    again = say(bed, "appeal", "decide", ACCOUNT, "--appeal-id", "a0", "--outcome", "uphold", "--grounds", "g")
    assert (again.code, "ALREADY_DECIDED" in again.err) == (2, True)
    unknown = say(bed, "appeal", "decide", ACCOUNT, "--appeal-id", "a9", "--outcome", "uphold", "--grounds", "g")
    assert (unknown.code, "No appeal a9" in unknown.err) == (2, True)
    nothing = say(bed, "appeal", "file", ACCOUNT, "nothing", "--appeal-id", "a9", "--evidence", "e")
    assert (nothing.code, "NO_SUCH_SANCTION" in nothing.err) == (2, True)
    assert bed.ends("appeals") == before
