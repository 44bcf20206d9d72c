"""Appeals in an embedded run: sanctioned, filed, suspended, answered, overdue, and what reports count afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.appeals import Appeal
from streams.contracts.decisions import Decision
from streams.contracts.messages import Message
from streams.contracts.reports import Scope
from streams.contracts.reputation import Finding
from streams.engine.policy import Policies
from streams.engine.sanctioning import FindingRefused, person_id
from streams.packs import shipped
from streams.replay.drive import Drive, Raw, Refused, Timed
from streams.replay.embedded import Embedded
from tests.engine.kit import HOUR, KEYS, MINUTE, PHONE, T, a2p, message, published, raw, report

ACCOUNT = "account:acct-7"
ORDER = Finding(
    subject=ACCOUNT, finding_id=person_id("carrier", "d1"), source="person", step="BLOCK", from_ms=T, recorded_at_ms=T,
    reason="PROHIBITED_CONTENT", reference="d1", version=1, urgent="it goes on",
)  # fmt: skip


def appeal(act: Any, at: int, sanction: str = ORDER.finding_id, subject: str = ACCOUNT) -> Appeal:
    return Appeal(
        appeal_id="a1", act=act, subject=subject, sanction_id=sanction, evidence=f"{act}-1", recorded_at_ms=at
    )  # fmt: skip


def sent(at: int, **over: Any) -> Message:
    fields: dict[str, Any] = {"route": {"account_id": "acct-7"}, "event_id": f"e{at}", "event_time_ms": at} | over
    return a2p("15889999", **fields)


def run(control: list[Any], messages: list[Message], **pack: Any) -> tuple[Embedded, list[Decision], list[Refused]]:
    embedded = Embedded(Policies(shipped(), "kr"), KEYS)
    decided: list[Decision] = []
    refused: list[Refused] = []
    timed = [Timed(0, published(**pack))]
    timed += [Timed(getattr(r, "ingested_at_ms", None) or r.recorded_at_ms, r, "f:1", b"") for r in control]
    Drive(embedded, decided.append, refused.append, timed).run(Raw("", raw(m)) for m in messages)
    return embedded, decided, refused


def codes(decisions: list[Decision]) -> list[str]:
    """Whether each message met the order."""
    return ["met" if any(r.code == ORDER.reason for r in d.reasons) else "-" for d in decisions]


MINUTES = (0, 1, 2, 10, 11, 12, 20, 21, 22, 40)


@pytest.mark.parametrize(
    ("act", "suspends", "met"),
    [
        ("refuse", False, ["-", "-", *["met"] * 8]),
        ("uphold", False, ["-", "-", *["met"] * 6, "-", "-"]),
        ("refuse", True, ["-", "-", "met", "met", "met", "-", "-", "-", "met", "met"]),
        ("uphold", True, ["-", "-", "met", "met", "met", "-", "-", "-", "-", "-"]),
    ],
)
def test_each_step_counts_from_the_second_epoch_after_its_own(act: str, suspends: bool, met: list[str]) -> None:
    control = [ORDER, appeal("file", T + 10 * MINUTE), appeal(act, T + 20 * MINUTE)]
    messages = [sent(T + n * MINUTE) for n in MINUTES]
    embedded, decided, refused = run(control, messages, appeals={"suspend_on_appeal": suspends})
    assert codes(decided) == met
    assert (refused, embedded.late_enforcement) == ([], 0)


def test_an_appeal_that_nobody_answers_is_overdue_when_its_epoch_is_closed() -> None:
    control = [ORDER, appeal("file", T + MINUTE)]
    for last, said in ((4, []), (5, ["appeal_overdue"])):  # filed in epoch 1, two minutes to decide: due after epoch 3
        messages = [sent(T), sent(T + (last - 1) * MINUTE)]
        embedded, _, _ = run(control, messages, appeals={"decide_ms": 2 * MINUTE})
        assert [n.kind for n in embedded.notices.values() if n.kind == "appeal_overdue"] == said


def test_what_is_refused_is_a_dead_line() -> None:
    _, _, refused = run([appeal("file", T)], [sent(T)])
    assert [r.reason for r in refused] == ["NO_SUCH_SANCTION"]
    embedded, _, _ = run([ORDER], [sent(T)])
    with pytest.raises(FindingRefused):
        embedded.appeal(appeal("refuse", T + MINUTE))


def reports(first: int, at: int) -> list[Any]:
    """Five people report a handset's own line."""
    fields = {"origin_number": PHONE, "channel": "mo", "text": "buy now"}
    return [
        report(n, message_at_ms=at - HOUR, reported_at_ms=at, ingested_at_ms=at, **fields)
        for n in range(first, first + 5)
    ]


@pytest.mark.parametrize(("fresh", "blocked"), [(5, True), (2, False)])
def test_after_an_upheld_appeal_only_fresh_votes_count(fresh: int, blocked: bool) -> None:
    reported, _, _ = run(reports(0, T), [])
    (row,) = [r for r in reported.sanctions() if r.subject.startswith("sender:~")]
    block = next(e for e in row.timeline if e.step == "TEMP_BLOCK")
    at = T + 2 * HOUR
    control = [
        *reports(0, T), appeal("file", at, block.sanction_id, row.subject),
        appeal("uphold", at + MINUTE, block.sanction_id, row.subject), *reports(50, at + HOUR)[:fresh],
    ]  # fmt: skip
    late = message(
        channel="mo", origin_number=PHONE, text="hello", event_id="late", event_time_ms=at + HOUR + 10 * MINUTE
    )
    embedded, decided, refused = run(control, [late])
    assert refused == []
    assert (decided[-1].verdict == "BLOCK") is blocked
    assert {o.overturned for o in embedded.outcomes} == {True}
    assert len(embedded.outcomes) == 5


def test_a_label_that_was_taken_off_is_known_from_the_second_epoch_on() -> None:
    part = msgspec.structs.replace(ORDER, scope=Scope(purpose="advertising"))
    labelled = sent(T, text="(광고) 가을 할인")
    later = [sent(T + n * MINUTE, text="가을 할인", purpose="transactional") for n in (1, 2, 3)]
    other = sent(T + 3 * MINUTE, text="your code is 1", event_id="other")
    _, decided, _ = run([part], [labelled, *later, other])
    assert codes(decided) == ["-", "-", "met", "met", "met"]
    assert [r.mode for r in decided[-1].reasons if r.code == ORDER.reason] == ["LABEL"], "nobody said what it is"
