"""Appeals and reviews through the real agents, killed right after their table writes; topics must equal the embedded
model, and the commands must say what stands there and be carried out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.config import DEMO_KEYS, Settings
from streams.contracts.appeals import Appeal, Notice, Outcome, Review
from streams.contracts.base import encoder
from streams.contracts.recent import Mark, Recent
from streams.contracts.releases import Release, ReleaseReview
from streams.contracts.reports import Report
from streams.contracts.reputation import Finding, SanctionRow
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys, person_key
from streams.engine.releasing import Gathered, finding_of, take
from streams.engine.sanctioning import person_id
from streams.engine.weights import weight
from streams.packs import shipped
from streams.pipeline.reporting import ReportSink
from streams.replay.embedded import Embedded
from streams.service.workers import build_loop
from tests.cli.tool import Said, dualblock
from tests.pipeline.toy import produce, running
from tests.service.bed import AT, PARTITIONS, Bed
from tests.service.test_agents_kills import SPAMMERS, reports

DAY = 86_400_000
ACCOUNT = "account:acct-7"
ORDER = Finding(
    subject=ACCOUNT, finding_id=person_id("carrier", "desk-1"), source="person", step="BLOCK", from_ms=AT,
    recorded_at_ms=AT, reason="PROHIBITED_CONTENT", reference="desk-1", version=1, urgent="it goes on",
)  # fmt: skip
ROAD = (
    ("reports", "reports"), ("tally", "votes"), ("appeals", "appeals"), ("releases", "releases"),
    ("sanctions", "findings"), ("tally", "reviews"), ("sanctions", "findings"),
)  # fmt: skip
# Each run dies there: at the first filing, at the last decision of a subject, where the tally hears of one, and at a
# review's decision, behind the releases that opened it.
KILLS = (
    "sanctions:1:after-table-write", "sanctions:6:after-table-write", "tally:1:after-table-write",
    "releases:8:after-table-write",
)  # fmt: skip
POLICIES, KEYS = Policies(shipped(), "kr"), Keys(*DEMO_KEYS)
PACK = POLICIES.default.pack


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
    """Against all of them but the last; the first is refused, the others are upheld. Two filings are none."""
    found: list[Appeal] = []
    for n, (subject, sanction) in enumerate(blocks(first(model()))[:-1]):
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


def releases() -> list[Release]:
    """Five recipients release messages of the line that did not appeal, one of them three times; a person agrees."""
    subject, sanction = blocks(first(model()))[-1]
    people = (1, 1, 1, 2, 3, 4, 5)
    found = [
        Release(
            release_id=f"spambox-{n}", act="release", subject=subject, recipient=f"~{who:020x}",
            released_at_ms=AT + DAY + n, recorded_at_ms=AT + DAY + n,
        )
        for n, who in enumerate(people)
    ]  # fmt: skip
    decision = Release(
        release_id="desk-5", act="overturn", subject=subject, review_id=gathered(found).reviews[0].review_id,
        sanction_id=sanction, grounds="file-5", recorded_at_ms=AT + 2 * DAY,
    )  # fmt: skip
    return [*found, decision]


def gathered(every: list[Release]) -> Gathered:
    """What the step alone makes of releases of one subject."""
    state: Gathered | None = None
    for release in every:
        state, _ = take(state, release, PACK)
    assert state is not None
    return state


def model() -> Embedded:
    return Embedded(POLICIES, KEYS)


def whole() -> Embedded:
    """What one process makes of all of it."""
    road = first(model())
    for appeal in appeals():
        road.appeal(appeal)
    decided = finding_of(releases()[-1], PACK)
    assert decided is not None
    road.order(decided)
    return road


@pytest.fixture(scope="module")
def bed(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    bed = Bed.made(kafka, "appeals", tmp_path_factory.mktemp("agents"), ROAD)
    bed.send("findings", [(ORDER.subject, ORDER)])
    bed.send("reports", [(r.report_id, r) for r in reports()])
    bed.settle()
    bed.codes.clear()
    bed.send("appeals", [(a.subject, a) for a in (*appeals(), *wrong())])
    bed.send("releases", [(r.subject, r) for r in releases()])
    bed.kill(KILLS)
    bed.settle()
    yield bed


def test_every_worker_died_where_it_was_told(bed: Bed) -> None:
    assert bed.codes == [-9] * len(KILLS) + [0]


def test_sanctions_are_exactly_those_of_the_model(bed: Bed) -> None:
    last = {key: value for _, key, value in bed.read("sanctions")}
    rows = [msgspec.json.decode(value, type=SanctionRow) for _, value in sorted(last.items())]
    assert rows == whole().sanctions()
    outcomes = [a.outcome for row in rows for e in row.timeline for a in e.appeals]
    assert sorted(filter(None, outcomes)) == ["refused"] + ["upheld"] * 2
    assert all(e.end_recorded_at_ms for row in rows[1:] for e in row.timeline if e.step == "TEMP_BLOCK")


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


def test_so_many_releases_opened_one_review_and_a_person_closed_it(bed: Bed) -> None:
    told = [msgspec.json.decode(v, type=ReleaseReview) for _, _, v in bed.read("releases.reviews")]
    (wanted,) = gathered(releases()).reviews
    assert told[-1] == wanted
    assert {r.review_id for r in told} == {wanted.review_id}
    assert (wanted.releasers, wanted.outcome) == (5, "overturned"), "one who releases three times counts once"
    without = {o.outcome_id for o in first(model()).outcomes}
    assert not without, "reports and releases alone tell nobody how they fared"
    judged = {o.subject for o in whole().outcomes if o.overturned}
    assert wanted.subject in judged


def test_what_is_no_appeal_is_a_dead_letter_with_its_own_bytes(bed: Bed) -> None:
    dead = {msgspec.json.decode(v, type=Finding).appeal_id for _, _, v in bed.read("findings.dead")}
    assert dead == {"w1", "w2"}


# -- the commands, on what stands there ------------------------------------------------------------------------------


def say(bed: Bed, *arguments: str) -> Said:
    return dualblock(*arguments, env=bed.settings("cli"))


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


# -- and what they order, carried out by the agents while one is at work ----------------------------------------------


@pytest.fixture(scope="module")
def live(bed: Bed) -> Iterator[Bed]:
    with bed.running():
        yield bed


def row_of(bed: Bed, subject: str) -> SanctionRow | None:
    found = [v for _, k, v in bed.read("sanctions") if k == subject.encode()]
    return msgspec.json.decode(found[-1], type=SanctionRow) if found else None


def imposed(bed: Bed, subject: str, reference: str) -> str:
    """A person's order that the agents have carried out; its id."""
    asked = ("--step", "BLOCK", "--reason", "PROHIBITED_CONTENT", "--urgent", "it goes on", "--reference", reference)
    said = say(bed, "sanction", "impose", subject, *asked)
    assert said.code == 0, said.err
    name, _, rest = said.out.partition(": BLOCK on ")
    bed.wait(lambda: row_of(bed, rest.partition(" ")[0]) is not None, "the sanction was not imposed")
    return name


def test_a_sanction_is_lifted_by_the_command(live: Bed) -> None:
    subject = "account:acct-20"
    name = imposed(live, subject, "desk-20")
    said = say(live, "sanction", "lift", subject, name, "--reference", "desk-21")
    assert (said.code, f"{name} on {subject} ends at" in said.out) == (0, True), said.err

    def entry() -> Any:
        row = row_of(live, subject)
        assert row is not None
        return row.timeline[0]

    live.wait(lambda: entry().to_ms is not None, "the sanction was not lifted")
    assert entry().sanction_id == name


def test_an_appeal_is_filed_and_decided_by_the_commands(live: Bed) -> None:
    subject = "account:acct-21"
    name = imposed(live, subject, "desk-22")

    def outcomes() -> list[str | None]:
        row = row_of(live, subject)
        return [a.outcome for e in row.timeline for a in e.appeals] if row is not None else []

    filed = say(live, "appeal", "file", subject, name, "--appeal-id", "b1", "--evidence", "ev-1")
    assert (filed.code, "b1: filed; to be decided by" in filed.out) == (0, True), filed.err
    live.wait(lambda: outcomes() == [None], "the appeal was not filed")
    asked = ("appeal", "decide", subject, "--appeal-id", "b1", "--outcome", "uphold", "--grounds", "g-1")
    decided = say(live, *asked)
    assert (decided.code, "b1: upheld, counts from" in decided.out) == (0, True), decided.err
    live.wait(lambda: outcomes() == ["upheld"], "the appeal was not decided")
    row = row_of(live, subject)
    assert row is not None and row.timeline[0].to_ms is not None, "upheld, it ends"


def test_releases_are_imported_listed_and_decided_by_the_commands(live: Bed, tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    people = (1, 2, 2, 3, 4, 5)
    lines: list[dict[str, Any]] = [
        {"id": f"s{n}", "recipient": f"010-5550-{who:04d}", "sender": "15881234", "released_at_ms": now_ms - 1000 * n,
         "text": "Your parcel comes today"}
        for n, who in enumerate(people)
    ]  # fmt: skip
    name = imposed(live, "sender:15881234", "desk-30")
    file, rejects = tmp_path / "released.ndjson", tmp_path / "rejects"
    wrong = [{"id": "no"}, lines[0] | {"recipient": "nobody"}, lines[0] | {"released_at_ms": AT}]
    file.write_text("\n".join(map(json.dumps, [*lines, *wrong])))
    said = say(live, "releases", "import", str(file), "--rejects", str(rejects))
    assert (said.code, "6 releases imported" in said.out) == (1, True), said
    assert [json.loads(line)["reason"] for line in rejects.read_text().splitlines()] == [
        "NOT_A_RELEASE", "NOT_RELEASABLE", "NOT_RELEASABLE",
    ]  # fmt: skip
    written = b"".join(v for _, _, v in live.read("releases"))
    assert b"5550" not in written and b"parcel" not in written, "neither numbers nor texts go further"

    def listed() -> dict[str, dict[str, Any]]:
        return {r["subject"]: r for r in json.loads(say(live, "releases", "list", "--json").out)}

    live.wait(lambda: len(listed()) == 2, "no review was opened")
    subject = "sender:kr:15881234#0"
    assert {s.partition(":")[0] for s in listed()} == {"sender", "campaign"}
    review = listed()[subject]
    assert review["releasers"] == 5, "who releases twice counts once"
    before = {k: v for _, k, v in live.read("sanctions")}
    outcomes = live.ends("outcomes")
    decided = say(live, "releases", "decide", review["review_id"], "--outcome", "overturn", "--grounds", "file-9")
    assert (decided.code, f"sanction {name}" in decided.out) == (0, True), decided.err
    assert before[subject.encode()], "a review alone changed nothing"
    live.wait(lambda: subject not in listed(), "the review was not closed")
    live.wait(lambda: (row_of(live, subject) or before).timeline[0].to_ms is not None, "it was not lifted")  # type: ignore[union-attr]  # a row is there
    assert live.ends("outcomes") == outcomes, "a person's order has no voters"
    again = say(live, "releases", "decide", review["review_id"], "--outcome", "confirm", "--grounds", "x")
    assert (again.code, "was overturned" in again.err) == (2, True)
    unknown = say(live, "releases", "decide", "nothing", "--outcome", "confirm", "--grounds", "x")
    assert (unknown.code, "There is no review nothing" in unknown.err) == (2, True)


def test_outcomes_of_a_real_appeal_reach_the_weights_of_those_who_reported(bed: Bed) -> None:
    """The step `recent` reads what the agents wrote to outcomes, and weighs the same people's next reports by it."""
    at = AT + 3 * DAY
    later = [
        msgspec.structs.replace(r, report_id=f"later-{n}", message_at_ms=at, reported_at_ms=at, ingested_at_ms=at)
        for n, r in enumerate((*reports()[:21:3], msgspec.structs.replace(reports()[0], reporter="821055577777")))
    ]
    settings = Settings(
        bootstrap=bed.bootstrap, prefix=bed.prefix, state_dir=bed.state / "recent", allow_demo_keys=True,
        partitions=PARTITIONS,  # type: ignore[arg-type]  # pydantic makes one of it
    )  # fmt: skip
    closed = Recent(deliveries=(), marks=tuple(Mark(partition=m, closed_before_ms=at + DAY) for m in range(2)))
    produce(bed.bootstrap, f"{bed.prefix}recent.v1", [(p, None, encoder().encode(closed)) for p in range(2)])
    sink = ReportSink(bed.connection, PACK, KEYS, "test")
    for report in later:
        sink.send(report)
    sink.flush()

    def weighed() -> dict[str, Report]:
        every = (msgspec.json.decode(v, type=Report) for _, _, v in bed.read("reports"))
        return {r.report_id: r for r in every if r.report_id.startswith("later-")}

    with running(build_loop("recent", settings)):
        bed.wait(lambda: len(weighed()) == len(later), "the reports did not come through")
    held = whole().outcomes
    for report in later:
        key = person_key(KEYS, report.reporter)
        wanted = weight([o for o in held if o.reporter == key], at, PACK)
        assert weighed()[report.report_id].weight_permille == wanted
    found = [weighed()[report.report_id].weight_permille for report in later]
    assert found[-1] == 1000, "who has no history"
    assert found.count(250) == 5, "the voters behind three sanctions that were overturned"
