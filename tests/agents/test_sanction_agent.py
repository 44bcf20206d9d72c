"""The sanction and appeal agents as steps: what is told to whom, which appeals are overdue, and closed epochs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.agents.appeals import AppealAgent
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.sanctions import SanctionAgent
from streams.agents.steps import Names
from streams.agents.tally import TallyAgent
from streams.contracts.appeals import Appeal, Closed, Notice
from streams.contracts.base import encoder
from streams.contracts.reports import Directive
from streams.contracts.reputation import WATERMARK, Finding, SanctionRow, Traffic
from streams.engine.appealing import finding_of
from streams.engine.directing import direct
from tests.engine.kit import DAY, KEYS, MINUTE, T, policies, reseller, view

NAMES = Names("t.")
WHO = "account:acct-7"
EPOCH = T // MINUTE
BLOCK = Finding(
    subject=WHO, finding_id="s1", source="tally", step="TEMP_BLOCK", from_ms=T, to_ms=T + 2 * DAY, recorded_at_ms=T,
    reason="REPORTS_CRITICAL_10D", version=7,
)  # fmt: skip
FILED = Appeal(appeal_id="a1", act="file", subject=WHO, sanction_id="s1", evidence="e", recorded_at_ms=T)


def delivery(record: Any, key: str | None, topic: str = "t.findings.v1") -> Delivery:
    return Delivery(topic, 1, 0, 0, None if key is None else key.encode(), encoder().encode(record))


class Agent:
    """The sanction agent over one row, partition 1."""

    def __init__(self, decide_ms: int = 2 * MINUTE) -> None:
        self.told: list[tuple[int, int]] = []
        rules = policies({"appeals": {"decide_ms": decide_ms}})
        self.step = SanctionAgent(NAMES, rules, KEYS, lambda open_now, late: self.told.append((open_now, late)))
        self.row: SanctionRow | None = None

    def gets(self, finding: Finding) -> list[Output]:
        (effect,) = self.step.handle("findings", delivery(finding, finding.subject), view()).effects
        self.row, outputs = effect.step(self.row, effect.event)
        if effect.done is not None:
            effect.done(self.row)
        return list(outputs)

    def closes(self, epoch: int) -> list[str]:
        handled = self.step.handle("epochs", delivery(Closed(epoch=epoch), None), view())
        return [msgspec.json.decode(o.value or b"", type=Notice).kind for o in handled.outputs]


def test_row_history_notice_and_review_leave_together() -> None:
    agent = Agent()
    assert [o.topic for o in agent.gets(BLOCK)] == ["t.sanctions.history.v1", "t.notices.v1"]
    lift = msgspec.structs.replace(
        BLOCK, finding_id="l1", source="person", step="OBSERVE", releases="s1", reason="RELEASED"
    )
    first = agent.gets(lift)
    assert [o.topic for o in first] == ["t.sanctions.history.v1", "t.notices.v1", "t.reviews.v1"]
    assert agent.gets(lift) == first, "again, for whoever was killed before it was sent"


def test_an_overdue_appeal_is_said_once_and_counted_until_it_is_decided() -> None:
    agent = Agent()
    agent.gets(BLOCK)
    agent.gets(finding_of(FILED, MINUTE))
    assert agent.closes(EPOCH + 1) == []
    assert agent.closes(EPOCH + 2) == ["appeal_overdue"]
    assert agent.closes(EPOCH + 3) == []
    refused = msgspec.structs.replace(FILED, act="refuse", recorded_at_ms=T + DAY)
    agent.gets(finding_of(refused, MINUTE))
    assert agent.closes(EPOCH + 4) == []
    assert agent.told == [(1, 0), (1, 1), (1, 1), (0, 0)]


def test_after_a_restart_the_clock_goes_on() -> None:
    before = Agent()
    before.gets(BLOCK)
    before.gets(finding_of(FILED, MINUTE))
    after = Agent()
    assert before.row is not None and after.step.table.recovered is not None
    after.step.table.recovered([(1, before.row)])
    assert after.closes(EPOCH + 2) == ["appeal_overdue"]


def test_what_can_not_be_acted_on_is_refused_with_its_reason() -> None:
    with pytest.raises(Refused) as refused:
        Agent().gets(finding_of(FILED, MINUTE))
    assert refused.value.reason == "NO_SUCH_SANCTION"


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [(b"{", WHO, "NOT_AN_APPEAL"), (encoder().encode(FILED), "a1", "KEY_MISMATCH"), (None, WHO, "NOT_AN_APPEAL")],
)
def test_what_is_no_appeal(value: bytes | None, key: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        AppealAgent(NAMES, policies()).handle("appeals", Delivery("t", 0, 0, 0, key.encode(), value), view())
    assert refused.value.reason == reason


def test_an_appeal_becomes_a_finding() -> None:
    handled = AppealAgent(NAMES, policies()).handle("appeals", delivery(FILED, WHO), view())
    (sent,) = handled.outputs
    assert (sent.topic, sent.key) == ("t.findings.v1", WHO.encode())
    assert msgspec.json.decode(sent.value or b"", type=Finding) == finding_of(FILED, MINUTE)


def test_closed_epochs_are_told_to_the_partition_that_heard_of_them() -> None:
    tally = TallyAgent(NAMES, policies(), 2)

    def watermark(partition: int, epoch: int) -> list[Output]:
        mark = Traffic(
            subject=WATERMARK, epoch=epoch, partition=partition, first_offset=0, next_offset=0, delivered=0
        )  # fmt: skip
        return list(tally.handle("traffic", delivery(mark, f"{WATERMARK}:{partition}"), view()).outputs)

    assert watermark(0, EPOCH) == [], "the other partition has said nothing yet"
    (told,) = watermark(1, EPOCH - 1)
    assert (told.topic, told.partition) == ("t.epochs.v1", 1)
    assert msgspec.json.decode(told.value or b"", type=Closed) == Closed(epoch=EPOCH - 1)


def test_an_expelled_owner_who_is_back_is_found_when_an_epoch_closes() -> None:
    old, new = (reseller(name, owner_keys=("business:1234567890",)) for name in ("old", "new"))
    expel = Directive(reference="K-1", subject="reseller:old", act="expel", from_ms=T, recorded_at_ms=T)
    agent, rows = Agent(), view(old, new)
    agent.gets(direct(expel, rows, policies(), KEYS))

    def found() -> list[Finding]:
        handled = agent.step.handle("epochs", delivery(Closed(epoch=EPOCH), None), rows)
        assert {o.topic for o in handled.outputs} <= {"t.findings.v1"}
        return [msgspec.json.decode(o.value or b"", type=Finding) for o in handled.outputs]

    (first,) = found()
    assert (first.subject, first.step, first.counts) == ("reseller:new", "WARN", {"business": 1})
    assert found() == [], "said once"
    assert agent.step.table.recovered is not None and agent.row is not None
    agent.step.table.recovered([(1, agent.row)])
    assert found() == [first], "after a restart it is said again, under the same id"
