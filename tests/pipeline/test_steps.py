"""Registrar, gate and meter by themselves: what they remember, forget and answer. No broker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec
import orjson
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from streams.contracts.blacklists import BlacklistManifest
from streams.contracts.decisions import CheckRecord, Decision, Reason, RouteSeen
from streams.contracts.feeds import Beat, Heartbeat
from streams.contracts.registry import SenderEntry, SenderRow
from streams.contracts.reputation import Finding, PairTraffic, SanctionEntry, SanctionRow, Traffic
from streams.contracts.shapes import Fact, Sent, Shapes
from streams.engine.deliveries import partition_of
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.pipeline.behaviour import BehaviourStep
from streams.pipeline.gate import Gate
from streams.pipeline.held import Held
from streams.pipeline.meter import Meter
from streams.pipeline.registrar import Registrar
from streams.pipeline.replicator import Listener, Replicator
from streams.pipeline.settings import Connection
from streams.pipeline.step import Input, InvalidRecord, Output, Step
from streams.replica import Change, MemoryReplica
from streams.replica.changes import Entity
from streams.telemetry.metrics import read as metric
from tests.pipeline.steps import decider, decision, message

T = 1_765_944_000_000


class Fed:
    """A replicator whose replica the test feeds."""

    def __init__(self) -> None:
        self.replica = MemoryReplica()
        self.caught_up = True
        self.required: list[int] = []
        self._listener: Listener | None = None
        self._offset = 0

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def catch_up(self) -> bool:
        return self.caught_up

    def require(self, entity: Entity, partitions: set[int]) -> None:
        self.required += sorted(partitions)
        self.caught_up = False

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass

    def bring(self, entity: Entity, key: str, value: bytes | None, partition: int = 0) -> None:
        self.batch([(entity, key, value)], partition)

    def batch(self, changes: Iterable[tuple[Entity, str, bytes | None]], partition: int = 0) -> None:
        """Several at once, as the replicator takes them."""
        found = [Change(e, partition, n, key, value) for n, (e, key, value) in enumerate(changes, self._offset + 1)]
        self._offset += len(found)
        applied = self.replica.apply(found)
        if self._listener is not None:
            self._listener(applied)


def replicator(fed: Fed) -> Replicator:
    return cast(Replicator, fed)


def take(step: Step, offset: int, key: str, value: bytes | None, partition: int = 0) -> Sequence[Output]:
    return step.handle(Input(partition, offset, key.encode(), value, 0))


def sender(version: int, key: str = "sender:kr:15881234", **more: Any) -> bytes:
    entry = SenderEntry(version=version, from_ms=version, recorded_at_ms=version, **more)
    return msgspec.json.encode(SenderRow(key=key, timeline=(entry,)))


def versions(outputs: Sequence[Output]) -> list[int]:
    assert [o.entity for o in outputs] == ["registry", "registry.history"]
    assert outputs[0].value == outputs[1].value and outputs[0].partition == outputs[1].partition
    return [e["version"] for e in orjson.loads(outputs[0].value or b"")["timeline"]]


KEY = "sender:kr:15881234"


def test_registrar_reads_what_it_wrote_before_it_comes_back() -> None:
    fed = Fed()
    step = Registrar(replicator(fed))
    assert versions(take(step, 0, KEY, sender(1))) == [1]
    assert versions(take(step, 1, KEY, sender(2))) == [1, 2], "within the transaction"
    step.committed()
    assert versions(take(step, 2, KEY, sender(3))) == [1, 2, 3], "committed, but not yet read back"
    assert take(step, 3, KEY, sender(3)) == (), "nothing new: nothing written"


def test_registrar_forgets_an_aborted_transaction_and_reads_to_the_end() -> None:
    fed = Fed()
    step = Registrar(replicator(fed))
    step.assigned([0])
    assert not step.catch_up() and fed.required == [0], "what stands there now is read first"
    fed.caught_up = True
    assert step.catch_up()
    take(step, 0, KEY, sender(1))
    step.aborted()
    assert versions(take(step, 0, KEY, sender(1))) == [1]
    assert not step.catch_up() and fed.required == [0, 0], "its outcome may be unknown"


def test_registrar_gives_up_what_another_one_writes_now() -> None:
    fed = Fed()
    step = Registrar(replicator(fed))
    take(step, 0, KEY, sender(1))
    step.committed()
    step.revoked([0])
    fed.bring("registry", KEY, sender(5))
    assert versions(take(step, 0, KEY, sender(6))) == [5, 6]


def test_registrar_keeps_heartbeats_of_partitions_apart() -> None:
    step = Registrar(replicator(Fed()))
    beat = msgspec.json.encode(Heartbeat(feed="f", beats=(Beat(recorded_at_ms=1, fresh_until_ms=2),)))
    for partition in range(3):
        written = take(step, 0, "~feed:f", beat, partition)
        assert [o.partition for o in written] == [partition, partition], "each partition gets it"


def test_registrar_refuses_a_row_that_grows_too_large_and_remembers_nothing_of_it() -> None:
    step = Registrar(replicator(Fed()))
    with pytest.raises(InvalidRecord, match="ROW_TOO_LARGE"):
        take(step, 0, KEY, sender(1, owner="o", routes={"relays": ["r" * 200] * 6000}))
    assert versions(take(step, 1, KEY, sender(2))) == [2]


def made(output: Output) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(output.value or b"")
    return found


def test_gate_says_when_and_where_and_reads_the_clock_once_a_batch() -> None:
    ticks = iter(range(100, 200))
    step = Gate(decider(), replicator(Fed()), "gate-0", lambda: next(ticks))
    for _ in range(2):
        assert step.catch_up()
        first, second = (take(step, n, "k", msgspec.json.encode(message(n)), 3)[0] for n in range(2))
    assert made(first)["observed"] == {"decided_at_ms": 101, "gate": "gate-0", "source": [3, 0]}
    assert made(second)["observed"]["decided_at_ms"] == 101
    assert list(made(first))[-1] == "observed"
    assert step.newest_ms == {3: T + 1}


def test_gate_answers_an_event_that_names_itself() -> None:
    step = Gate(decider(), replicator(Fed()), "gate-0")
    raw = b'{"event_id":"x","leg":"termination"}'
    with pytest.raises(InvalidRecord) as raised:
        take(step, 0, "k", raw)
    (answer,) = step.fallback(Input(0, 0, b"k", raw, 0), raised.value.reason)
    assert (made(answer)["verdict"], made(answer)["event_id"]) == ("ALLOW", "x")
    assert made(answer)["observed"]["source"] == [0, 0]
    assert step.fallback(Input(0, 1, b"k", b"{", 0), "NOT_JSON") == ()


def sanction(from_ms: int) -> bytes:
    entry = SanctionEntry(sanction_id="s", step="WARN", reason="R", from_ms=from_ms, recorded_at_ms=from_ms)
    return msgspec.json.encode(SanctionRow(subject="account:a", timeline=(entry,)))


@pytest.mark.parametrize(("from_ms", "late"), [(T - 1, 1), (T, 1), (T + 1, 0)])
def test_gate_counts_changes_that_came_too_late(from_ms: int, late: int) -> None:
    fed = Fed()
    step = Gate(decider(), replicator(fed), "gate-0")
    fed.bring("sanctions", "account:b", sanction(0).replace(b"account:a", b"account:b"))
    assert step.late == 0, "before the first message nothing is late"
    before = metric("late_enforcements_total", entity="sanctions")
    take(step, 0, "k", msgspec.json.encode(message(0)))
    fed.bring("sanctions", "account:a", sanction(from_ms))
    assert step.late == late
    assert metric("late_enforcements_total", entity="sanctions") == before + late


def test_gate_says_once_for_each_kind_what_came_too_late_in_a_batch() -> None:
    """An import brings rows by the million; a line for each would keep the gate from deciding."""
    fed = Fed()
    step = Gate(decider(), replicator(fed), "gate-0")
    take(step, 0, "k", msgspec.json.encode(message(0)))
    before = metric("late_enforcements_total", entity="registry")
    rows: list[tuple[Entity, str, bytes | None]] = [
        ("registry", key := f"sender:kr:1588{n}", sender(T - n, key)) for n in range(3)
    ]
    with capture_logs() as said:
        fed.batch([*rows, ("sanctions", "account:a", sanction(T - 7))])
    assert [(line["kind"], line["changes"], line["by_ms"]) for line in said] == [("sender", 3, 2), ("account", 1, 7)]
    assert (step.late, metric("late_enforcements_total", entity="registry")) == (4, before + 3)


def test_gate_is_not_ready_before_its_rows_are() -> None:
    fed = Fed()
    fed.caught_up = False
    assert not Gate(decider(), replicator(fed), "gate-0").catch_up()


def test_gate_says_how_fresh_partners_lists_are_also_when_it_starts_with_them() -> None:
    def manifest(seq: int, trust: str, entries: int, fresh_until_ms: int) -> bytes:
        return msgspec.json.encode(
            BlacklistManifest(
                issuer="carrier-m", seq=seq, digest="0" * 64, trust=trust, since_ms=0, recorded_at_ms=seq,  # type: ignore[arg-type]  # a level of trust
                fresh_until_ms=fresh_until_ms, entries=entries,
            )
        )  # fmt: skip

    def said() -> tuple[float, ...]:
        levels = [metric("blacklist_entries", issuer="carrier-m", trust=t) for t in ("shadow", "label", "block")]
        return metric("blacklist_fresh_until_seconds", issuer="carrier-m"), *levels

    fed = Fed()
    rows = replicator(fed)
    fed.bring("blacklists", "~manifest:carrier-m", manifest(1, "shadow", 7, T))
    step = Gate(decider(), rows, "gate-0")
    assert step.catch_up() and said() == (T / 1000, 7, 0, 0)
    fed.bring("blacklists", "~manifest:carrier-m", manifest(2, "block", 5, T + 1000))
    assert step.catch_up() and said() == (T / 1000 + 1, 0, 0, 5)


def test_gate_counts_decisions_once_they_are_committed() -> None:
    step = Gate(decider(), replicator(Fed()), "gate-0")
    before = metric("decisions_total", verdict="ALLOW", action="DELIVER")
    take(step, 0, "k", msgspec.json.encode(message(0)))
    step.aborted()
    take(step, 0, "k", msgspec.json.encode(message(0)))
    step.committed()
    assert metric("decisions_total", verdict="ALLOW", action="DELIVER") == before + 1


def traffic(outputs: Sequence[Output]) -> list[tuple[str, int, int, int, int, int]]:
    found = [msgspec.json.decode(o.value or b"", type=Traffic) for o in outputs if o.entity == "traffic"]
    return [(t.subject, t.epoch, t.partition, t.first_offset, t.next_offset, t.delivered) for t in found]


def test_the_gate_says_what_accounts_send_and_forgets_what_was_aborted() -> None:
    step = Gate(decider(), replicator(Fed()), "gate-0", sent=2)

    def told(*offsets: int) -> list[tuple[str, int | None]]:
        for offset in offsets:  # an account of five, by number
            take(step, offset, "k", msgspec.json.encode(message(offset)), 4)
        outputs = [o for o in step.flush({4: offsets[-1] + 1}, NONE, 0) if o.entity == "sent"]
        assert all(o.key is None for o in outputs) and len(outputs) <= 2, "one for each partition"
        records = [(msgspec.json.decode(o.value or b"", type=Sent), o.partition) for o in outputs]
        return sorted(
            (subject, partition) for sent, partition in records for subject, facts in sent.facts for _ in facts
        )

    told(7, 8)
    step.aborted()
    first = told(7, 8, 12)
    assert [subject for subject, _ in first] == ["account:acct-2", "account:acct-2", "account:acct-3"]
    assert all(partition == partition_of(subject, 2) for subject, partition in first)
    step.committed()
    assert [subject for subject, _ in told(13)] == ["account:acct-3"]
    silent = Gate(decider(), replicator(Fed()), "gate-0")
    take(silent, 0, "k", msgspec.json.encode(message(0)), 4)
    assert list(silent.flush({4: 1}, NONE, 0)) == []


def behaving() -> BehaviourStep:
    policies = Policies(shipped(), "kr")
    return BehaviourStep(policies, replicator(Fed()), Held(Connection("127.0.0.1:1"), "shapes", "b"), 1)


def sent(epoch: int, size: int, subject: str = "sender:~0f3a9b1c22d4e5f60718#0") -> bytes:
    fact = Fact(T // 60_000 + epoch, "termination", epoch, 1, epoch, size=size)
    return msgspec.json.encode(Sent(epoch_ms=60_000, facts=((subject, (fact,)),)))


def test_behaviour_counts_once_what_was_aborted_and_keeps_what_was_committed() -> None:
    step = behaving()
    for attempt in range(2):
        assert take(step, 0, "", sent(0, 499)) == ()
        (state,) = step.flush({0: 1}, NONE, 0)
        assert (state.entity, state.key, state.partition) == ("shapes", b"sender:~0f3a9b1c22d4e5f60718#0", 0)
        if attempt == 0:
            step.aborted()
    step.committed()
    take(step, 1, "", sent(1, 1))
    finding, state = step.flush({0: 2}, NONE, 0)
    assert (finding.entity, finding.key, finding.partition) == ("findings", state.key, None)
    assert msgspec.json.decode(finding.value or b"", type=Finding).counts == {"sent": 500, "cap": 500}
    step.committed()
    assert list(step.flush({}, NONE, 0)) == [] and step.newest_ms == {0: T // 60_000 * 60_000 + 60_000}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "NOT_SENT"),
        (sent(2**43, 1), "TIME_OUT_OF_RANGE"),
        (msgspec.json.encode({"epoch_ms": 0, "facts": []}), "NOT_SENT"),
    ],
)
def test_behaviour_refuses_what_it_cannot_count(raw: bytes, reason: str) -> None:
    step = behaving()
    with pytest.raises(InvalidRecord) as refused:
        take(step, 0, "", raw)
    assert refused.value.reason == reason and list(step.flush({0: 1}, NONE, 0)) == []
    step = BehaviourStep(Policies(shipped(), "kr"), replicator(Fed()), step._held, 12)
    elsewhere = next(p for p in range(12) if p != partition_of("account:a", 12))
    with pytest.raises(InvalidRecord, match="WRONG_PARTITION"):
        take(step, 0, "", sent(0, 1, "account:a"), elsewhere)


def test_a_state_of_another_version_begins_anew() -> None:
    step = behaving()
    step._held.keep(0, {b"account:a": b'{"subject":7}'})
    take(step, 0, "", sent(0, 3, "account:a"))
    (state,) = step.flush({0: 1}, NONE, 0)
    assert msgspec.json.decode(state.value or b"", type=Shapes).waiting[0].size == 3


def metering() -> Meter:
    return Meter(
        lambda at_ms: 1000, traffic_partitions=2, breaker_ms_at=lambda at_ms: 500, month_at=lambda at_ms: "2025-12"
    )


NONE: frozenset[int] = frozenset()


def test_meter_sums_a_transaction_and_forgets_an_aborted_one() -> None:
    step = metering()
    for attempt in range(2):
        for offset in (7, 9, 12):
            assert take(step, offset, "k", decision(offset, "account:a", at_ms=offset * 100), 4) == ()
        outputs = list(step.flush({4: 13}, NONE, 0))
        if attempt == 0:
            step.aborted()
    assert traffic(outputs) == [
        ("account:a", 0, 4, 7, 13, 2),
        ("account:a", 1, 4, 7, 13, 1),
        ("~watermark", 0, 4, 13, 13, 0),
        ("~watermark", 0, 4, 13, 13, 0),
    ]
    assert [o.partition for o in outputs] == [None, None, 0, 1]
    assert [o.key for o in outputs[2:]] == [b"~watermark:4", b"~watermark:4"]
    step.committed()
    take(step, 13, "k", decision(13, "account:a", at_ms=1300), 4)
    assert traffic(list(step.flush({4: 14}, NONE, 0))) == [("account:a", 1, 4, 13, 14, 1)]


def test_meter_takes_the_sums_of_a_revoked_partition_away_with_it() -> None:
    step = metering()
    for partition in (0, 1):
        take(step, 5, "k", decision(5, "account:a"), partition)
    step.revoked([0])
    assert traffic(list(step.flush({1: 6}, NONE, 0))) == [("account:a", 0, 1, 5, 6, 1)]
    take(step, 5, "k", decision(5, "account:a"), 0)
    assert traffic(list(step.flush({0: 6}, NONE, 0))) == [("account:a", 0, 0, 5, 6, 1)]


def test_meter_at_the_end_closes_what_is_over_by_the_newest_event_of_any_partition() -> None:
    step = metering()
    take(step, 0, "k", decision(0, "account:a", at_ms=2500))
    take(step, 0, "k", decision(1, "account:a", at_ms=5200), 1)
    # Partition 0 was at its end once. While there is something to read, records of it may be on their way.
    marks = traffic(list(step.flush({0: 1, 1: 1}, frozenset({0}), 9001)))[2:]
    assert marks == [("~watermark", 1, 0, 1, 1, 0)] * 2 + [("~watermark", 4, 1, 1, 1, 0)] * 2
    step.committed()
    assert traffic(step.idle(frozenset({0, 1}), 9001)) == [("~watermark", 4, 0, 1, 1, 0)] * 2


def test_meter_does_not_close_the_past_because_it_is_past() -> None:
    """A replayed day stands at its end again and again while it is fed: the wall clock says nothing about it."""
    step = metering()
    take(step, 0, "k", decision(0, "account:a", at_ms=2500))
    step.flush({0: 1}, frozenset({0}), 900_000)
    step.committed()
    assert step.idle(frozenset({0}), 901_999) == []
    assert {t[1] for t in traffic(step.idle(frozenset({0}), 902_000))} == {900}


def test_meter_counts_what_was_delivered_on_the_termination_leg() -> None:
    step = metering()
    raw = decision(1, "account:a")
    take(step, 0, "k", raw)
    take(step, 1, "k", raw.replace(b'"ALLOW"', b'"BLOCK"'))
    take(step, 2, "k", raw.replace(b'"termination"', b'"origination"'))
    with pytest.raises(InvalidRecord, match="NOT_A_DECISION"):
        take(step, 3, "k", b"{")
    assert traffic(list(step.flush({0: 4}, NONE, 0))) == [("account:a", 0, 0, 0, 4, 1)]


def test_meter_counts_how_pairs_fared_by_the_outcome_before_relief() -> None:
    step = metering()
    sent = msgspec.json.decode(decision(1, at_ms=600), type=Decision)
    bank = replace(sent.sender, key="kr:1")
    passed = replace(sent, sender=bank, passed=("format", "route"), route=RouteSeen(relay_id="relay-7"))
    failed = Reason(code="SENDER_REGISTRATION_EXPIRED", gate="forgery", mode="LABEL", basis="generation")
    eased = replace(passed, reasons=(failed, Reason(code="RELIEF", gate="own", mode="OBSERVE")))
    records = [
        passed,
        replace(passed, leg="origination", event_time_ms=400),
        replace(passed, passed=("registration",)),  # a sender that may take any route
        eased,
        replace(eased, verdict="BLOCK", action="REJECT", reasons=(replace(failed, mode="BLOCK", basis="row"),)),
        # Of no pair: no relay, a person, a route that proved nothing, a person's failure.
        replace(passed, route=RouteSeen()),
        replace(passed, sender=sent.sender),
        replace(passed, passed=("registration",), checks=(CheckRecord(check="route", outcome="UNKNOWN"),)),
        replace(eased, reasons=(replace(failed, basis=None),)),
    ]
    for offset, record in enumerate(records):
        take(step, offset, "k", msgspec.json.encode(record), 4)
    outputs = [o for o in step.flush({4: 9}, NONE, 0) if o.entity == "pairs"]
    found = [msgspec.json.decode(o.value or b"", type=PairTraffic) for o in outputs]
    pair = PairTraffic(
        subject="pair:sender:kr:1>relay-7", epoch=1, epoch_ms=500, partition=4, first_offset=0, next_offset=9, passed=2,
        failed={"SENDER_REGISTRATION_EXPIRED": {"generation": 1, "row": 1}},
    )  # fmt: skip
    assert found == [pair, replace(pair, epoch=0, passed=1, failed={})]
    assert {o.key for o in outputs} == {b"pair:sender:kr:1>relay-7"}
    step.aborted()
    assert [o for o in step.flush({4: 9}, NONE, 0) if o.entity == "pairs"] == []
