"""The embedded carrier, epoch by epoch: what reports, feeds, policies and orders come to."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.contracts.decisions import Decision
from streams.contracts.feeds import Manifest
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.reports import Directive
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.replay.drive import Drive, Raw, Refused, Timed
from streams.replay.embedded import Embedded
from tests.engine.kit import (
    BANK,
    DAY,
    FEEDS,
    HOUR,
    KEYS,
    MINUTE,
    PHONE,
    T,
    a2p,
    alive,
    allow,
    beat,
    message,
    number,
    published,
    raw,
    report,
    sender,
)

SPAM: dict[str, Any] = {"channel": "mo", "origin_number": PHONE, "text": "buy now"}
SPOOFED: dict[str, Any] = {"channel": "mo", "origin_number": "01055502222", "text": "win 500"}


class Day:
    """A carrier under the published policy, driven by the hour hand: `at` moves on to a time's epoch."""

    def __init__(self, policy: PolicyRow | None = None, **over: Any) -> None:
        self.run = Embedded(Policies(shipped(), "kr"), KEYS)
        self.run.policy(policy or published(**over))
        self.sent = 0

    def at(self, ms: int) -> Day:
        self.run.begin(ms // MINUTE)
        return self

    def sends(self, sample: Message, at: int, times: int = 1) -> list[Decision]:
        self.at(at)
        found = []
        for _ in range(times):
            self.sent += 1
            one = msgspec.structs.replace(sample, event_id=f"m{self.sent}", event_time_ms=at, ingested_at_ms=at)
            found.append(self.run.message(one, raw(one)))
        return found

    def verdict(self, sample: Message, at: int) -> str:
        (found,) = self.sends(sample, at)
        return f"{found.verdict} {'+'.join(r.code for r in found.reasons)}".strip()

    def reported(self, people: range, at: int = T, **over: Any) -> None:
        self.at(at)
        for n in people:
            fields: dict[str, Any] = {"message_at_ms": at - MINUTE, "reported_at_ms": at, "ingested_at_ms": at}
            self.run.report(report(n, **(fields | over)))


def test_the_spammer_is_stopped_an_epoch_after_the_reports() -> None:
    day, line = Day(), message(PHONE, text="buy now")
    assert day.verdict(line, T - HOUR) == "ALLOW"
    day.reported(range(5), **SPAM)
    assert day.verdict(line, T + MINUTE) == "ALLOW", "the epoch after it was reached"
    assert day.verdict(line, T + 2 * MINUTE) == "BLOCK REPORTS_CRITICAL_10D"
    assert day.verdict(line, T + 2 * MINUTE + 48 * HOUR - 1) == "BLOCK REPORTS_CRITICAL_10D"
    assert day.verdict(line, T + 2 * MINUTE + 48 * HOUR) == "ALLOW", "it expired"
    assert day.run.late_enforcement == 0


def test_the_owner_of_a_spoofed_number_is_a_victim() -> None:
    day, owner = Day(), message(PHONE, text="see you at six")
    day.reported(range(50), **SPOOFED)
    for minutes in (2, 10, 600):
        assert day.verdict(owner, T + minutes * MINUTE) == "ALLOW"
    subjects = [row.subject for row in day.run.sanctions()]
    assert subjects
    assert all(subject.startswith("campaign:") for subject in subjects)


def test_one_person_is_one_person() -> None:
    day, line = Day(), message(PHONE, text="buy now")
    for n in range(50):
        day.reported(range(n, n + 1), reporter="821055509999", **SPAM)
    day.reported(range(100, 150), reporter_group="call-centre", **SPAM)
    assert day.verdict(line, T + 2 * MINUTE) == "ALLOW"


def test_a_report_that_comes_twice_counts_once() -> None:
    day = Day()
    for _ in range(5):
        day.reported(range(2), **SPAM)
    assert day.run.sanctions() == []


def test_a_report_id_counts_once() -> None:
    day = Day()
    day.reported(range(5), report_id="kisa-1", **SPAM)
    assert day.run.sanctions() == []


def test_the_bank_and_its_twin_by_rate() -> None:
    other = "15995678"
    day = Day()
    day.run.feed(sender(relays=("relay-7",)))
    day.run.feed(sender(f"kr:{other}", relays=("relay-7",)))
    bank, twin = a2p(BANK, text="code 1"), a2p(other, text="sale 1")
    day.sends(bank, T - HOUR, 10_000)
    day.sends(twin, T - HOUR, 1_000)
    over: dict[str, Any] = {"route": {"relay_id": "relay-7"}, "message_at_ms": T - HOUR}
    day.reported(range(9), displayed_sender=BANK, **over)
    day.reported(range(20, 29), displayed_sender=other, **over)
    assert day.verdict(bank, T + 2 * MINUTE) == "ALLOW"
    assert day.verdict(twin, T + 2 * MINUTE) == "BLOCK REPORTS_RATE_CRITICAL_10D"


def test_a_few_angry_people_are_not_enough_for_a_rate() -> None:
    day, bank = Day(), a2p(BANK)
    day.run.feed(sender(relays=("relay-7",)))
    day.sends(bank, T - HOUR, 600)
    over: dict[str, Any] = {"route": {"relay_id": "relay-7"}, "message_at_ms": T - HOUR}
    day.reported(range(4), displayed_sender=BANK, **over)
    assert day.verdict(bank, T + 2 * MINUTE) == "ALLOW"


def test_a_campaign_is_stopped_and_the_bank_whose_text_it_copies_is_not() -> None:
    day, text = Day(), "[Bank] your code is 1"
    day.run.feed(sender(relays=("relay-8",)))
    day.reported(range(12), text=text, displayed_sender="07055501111", route={"relay_id": "relay-8"})
    assert day.verdict(a2p("07055502222", "relay-8", text=text), T + 2 * MINUTE) == "BLOCK REPORTS_CRITICAL_10D"
    assert day.verdict(a2p(BANK, "relay-8", text=text), T + 2 * MINUTE) == "ALLOW"


def test_a_stale_hour_blocks_nothing() -> None:
    day, line = Day(), message("07055501111")
    day.run.feed(number("terminated", "+827055501111", to_ms=None))
    for since, until in ((T - HOUR, T), (T + HOUR, T + 2 * HOUR)):
        day.run.feed(beat("kr-voip-status", since, until, FEEDS["kr-voip-status"]))
    assert day.verdict(line, T - 1) == "BLOCK NUMBER_TERMINATED"
    assert day.verdict(line, T) == "ALLOW"
    assert day.verdict(line, T + HOUR - 1) == "ALLOW"
    assert day.verdict(line, T + HOUR) == "BLOCK NUMBER_TERMINATED"


def test_a_generation_proves_absence_once_all_its_parts_are_here() -> None:
    day, line = Day(), message(PHONE)
    words = FEEDS["kr-number-status"]
    day.run.feed(beat("kr-number-status", T, T + HOUR, words))
    for part in range(2):
        assert day.verdict(line, T + part) == "ALLOW"
        day.run.feed(Manifest(generation="g", feed="kr-number-status", from_ms=T, partition=part, partitions=2, rows=0))
    assert day.verdict(line, T + 2) == "BLOCK NUMBER_UNALLOCATED"


def test_no_policy_published_allows_and_observes() -> None:
    run = Embedded(Policies(shipped(), "kr"), KEYS)
    for value in (*alive(), number("suspended")):
        run.feed(value)
    found = run.message(message(PHONE), b"")
    assert (found.verdict, [r.mode for r in found.reasons]) == ("ALLOW", ["OBSERVE"])
    assert found.shadow is not None
    assert found.shadow.verdict == "BLOCK"


def order(act: str, at: int, **over: Any) -> Directive:
    fields: dict[str, Any] = {
        "reference": f"KISA-{act}",
        "subject": "account:acct-77",
        "act": act,
        "from_ms": at,
        "recorded_at_ms": at,
    }
    return Directive(**(fields | over))


def test_an_order_to_suspend_and_its_release() -> None:
    day = Day()
    sent = a2p("07055501111", route={"account_id": "acct-77"})
    other = a2p("07055501111", route={"account_id": "acct-78"})
    day.run.directive(order("suspend", T))
    day.run.directive(order("release", T + HOUR, releases="KISA-suspend"))
    assert day.verdict(sent, T - 1) == "ALLOW"
    assert day.verdict(sent, T) == "BLOCK DIRECTIVE_SUSPEND"
    assert day.verdict(other, T) == "ALLOW"
    assert day.verdict(sent, T + HOUR - 1) == "BLOCK DIRECTIVE_SUSPEND"
    assert day.verdict(sent, T + HOUR) == "ALLOW"


def test_an_order_outranks_an_allow_rule_and_reports_do_not() -> None:
    day, bank = Day(), a2p(BANK)
    day.run.feed(sender(relays=("relay-7",)))
    day.run.feed(allow())
    day.sends(bank, T - HOUR, 600)
    over: dict[str, Any] = {"route": {"relay_id": "relay-7"}, "message_at_ms": T - HOUR}
    day.reported(range(30), displayed_sender=BANK, **over)
    assert day.verdict(bank, T + 2 * MINUTE) == "ALLOW REPORTS_RATE_CRITICAL_10D"
    day.run.directive(order("block", T + HOUR, subject=f"sender:kr:{BANK}"))
    assert day.verdict(bank, T + HOUR).startswith("BLOCK DIRECTIVE_BLOCK")


def test_a_change_that_comes_too_late_is_counted() -> None:
    day = Day()
    day.sends(message(PHONE), T)
    day.run.feed(number("suspended", from_ms=T - HOUR))
    assert day.run.late_enforcement == 1
    day.run.feed(number("suspended", "+821055502222", from_ms=T + 1))
    assert day.run.late_enforcement == 1


def drive(control: list[Timed], sent: list[Message]) -> tuple[list[Decision], list[Refused]]:
    decided: list[Decision] = []
    refused: list[Refused] = []
    run = Drive(Embedded(Policies(shipped(), "kr"), KEYS), decided.append, refused.append, control)
    run.run(Raw(f"messages:{n}", raw(one)) for n, one in enumerate(sent))
    return decided, refused


def test_a_drive_applies_each_epochs_records_before_its_messages() -> None:
    reports = [
        Timed(T, report(n, **SPAM, message_at_ms=T, reported_at_ms=T, ingested_at_ms=T), f"reports:{n}")
        for n in range(5)
    ]
    line = [
        message(PHONE, event_id=f"e{n}", event_time_ms=T + n * MINUTE, ingested_at_ms=T + n * MINUTE) for n in range(4)
    ]
    decided, refused = drive([Timed(T, published()), *reports[::-1]], line)
    assert [d.verdict for d in decided] == ["ALLOW", "ALLOW", "BLOCK", "BLOCK"]
    assert refused == []


def test_a_drive_refuses_what_it_cannot_take_and_goes_on() -> None:
    bad = PolicyRow(jurisdiction="kr", timeline=(PolicyEntry(pack={"ranks": {"content": 1}}),))
    late = report(1, message_at_ms=T - 30 * DAY, reported_at_ms=T - 30 * DAY, ingested_at_ms=T)
    control = [
        Timed(T, bad, "policy:1", b"p"),
        Timed(T, late, "reports:1", b"r"),
        Timed(T, order("release", T), "directives:1", b"d"),
        Timed(T, allow(to_ms=None), "registry:1", b"a"),
    ]
    decided, refused = drive(control, [message(PHONE)])
    assert len(decided) == 1
    assert {(r.place, r.value) for r in refused} == {(t.place, t.value) for t in control}
    assert {r.reason for r in refused} >= {"REPORT_TOO_LATE", "RELEASE_OF_NOTHING", "ALLOW_WITHOUT_END"}


def test_what_cannot_be_read_is_refused_with_its_bytes_and_answered() -> None:
    decided: list[Decision] = []
    refused: list[Refused] = []
    run = Drive(Embedded(Policies(shipped(), "kr"), KEYS), decided.append, refused.append)
    good = raw(message(PHONE))
    bad = [b"{", good[:-5], good.replace(b'"termination"', b'"nowhere"'), b'{"event_id":"x","leg":"termination"}']
    run.run(Raw(f"m:{n}", value) for n, value in enumerate([good, *bad, good]))
    assert [r.value for r in refused] == bad
    assert [d.event_id for d in decided] == ["e1", "e1", "x", "e1"], "the one that is cut off names itself, too"
    assert [d.reasons[0].code for d in decided[1:3]] == ["EVENT_INVALID"] * 2
    assert raw(decided[0]) == raw(decided[3]), "a repeated event gets the same bytes"
