"""Scoring on decisions made by hand: what counts as caught, what as a false block, and what makes a run fail."""

from collections.abc import Callable
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from streams.contracts.decisions import CheckRecord, Decision, Mode, Reason, RouteSeen, SenderSeen, Versions
from streams.contracts.messages import Message
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.demo import Result, World, render, score, to_json
from streams.demo.pairs.base import REPORTS

Judge = Callable[[Message, Decision], Decision]
_VERSIONS = Versions(policy="-", read="", data="-", input="-", engine="-")


def _decision(message: Message) -> Decision:
    return Decision(
        decision_id=message.event_id,
        event_id=message.event_id,
        event_time_ms=message.event_time_ms,
        leg=message.leg,
        verdict="ALLOW",
        action="DELIVER",
        sender=SenderSeen(key="~", kind="mobile", registered=False),
        recipient="~",
        route=RouteSeen(relay_id=message.route.relay_id),
        versions=_VERSIONS,
    )


def _blocked(decision: Decision, code: str, mode: Mode = "BLOCK", sanction: str | None = None) -> Decision:
    gate = "reputation" if sanction else "forgery"
    checks = (CheckRecord(check="sanctions", outcome="FAIL", evidence={"sanction_id": sanction}),) if sanction else ()
    reasons = (Reason(code=code, gate=gate, mode=mode),)
    return msgspec.structs.replace(decision, verdict="BLOCK", action="REJECT", reasons=reasons, checks=checks)


def _labelled(decision: Decision, code: str, sanction: str | None = None) -> Decision:
    found = _blocked(decision, code, "LABEL", sanction)
    return msgspec.structs.replace(found, verdict="ALLOW", action="LABEL")


_STOPPED: dict[str, Callable[..., Decision]] = {"BLOCK": _blocked, "LABEL": _labelled}


def _sanctions(world: World) -> list[SanctionRow]:
    return [
        SanctionRow(
            subject=pair.name,
            timeline=(SanctionEntry(sanction_id=pair.name, step="TEMP_BLOCK", reason="R", from_ms=pair.effect_ms),),
        )
        for pair in world.pairs
        if pair.effect_ms is not None
    ]


def _run(world: World, judge: Judge = lambda message, decision: decision, late: int = 0) -> Result:
    """Decisions of a gate that is right, each then changed by `judge`."""
    pairs = {pair.name: pair for pair in world.pairs}
    decisions = []
    for message in world.messages:
        decision = _decision(message)
        name, side = world.labels[message.event_id]
        if side == "attack":
            pair = pairs[name]
            code, stopped = pair.code + ("CRITICAL_10D" if pair.code == REPORTS else ""), _STOPPED[pair.mode]
            if pair.effect_ms is None:
                decision = stopped(decision, code)
                if pair.leak:
                    decision = msgspec.structs.replace(decision, leak=code)
            elif message.event_time_ms >= pair.effect_ms:
                decision = stopped(decision, code, sanction=name)
        elif side == "twin" and name in pairs and pairs[name].leak:
            decision = _blocked(decision, pairs[name].code)  # rightly; only that it was not a leak is the twin's point
        elif side == "twin" and (own := pairs[name].twin_reason if name in pairs else None) is not None:
            decision = _labelled(decision, own)
        decisions.append(judge(message, decision))
    return score(world, decisions, _sanctions(world), seconds=2.0, late_enforcement=late)


def test_a_right_gate_passes(small: World) -> None:
    result = _run(small)
    assert result.problems == () and result.ok
    by_name = {attack.name: attack for attack in result.summary.attacks}
    assert by_name["terminated"].caught == by_name["terminated"].injected
    assert by_name["terminated"].passed_before_effect == 0
    line = by_name["spammer's own line"]
    assert 0 < line.passed_before_effect == line.injected - line.caught


def test_a_twin_without_the_reason_that_it_is_there_for_is_a_problem(small: World) -> None:
    def plain(message: Message, decision: Decision) -> Decision:
        return _decision(message) if small.labels[message.event_id] == ("bank spoofed", "twin") else decision

    assert _run(small, plain).problems == ("bank whose row was lost: no message says RELIEF",)


def test_blocked_for_another_reason_is_not_caught(small: World) -> None:
    def other(message: Message, decision: Decision) -> Decision:
        label = small.labels[message.event_id]
        return _blocked(decision, "SENDER_NOT_REGISTERED") if label == ("terminated", "attack") else decision

    result = _run(small, other)
    attack = next(a for a in result.summary.attacks if a.name == "terminated")
    assert attack.caught == 0 and not result.ok
    assert "terminated: 100 of 100 messages were not caught by NUMBER_TERMINATED" in result.problems


def test_own_code_that_only_observed_is_not_caught(small: World) -> None:
    def observed(message: Message, decision: Decision) -> Decision:
        if small.labels[message.event_id] != ("lookalike", "attack"):
            return decision
        return _blocked(decision, "SENDER_LOOKALIKE", mode="OBSERVE")

    result = _run(small, observed)
    assert next(a for a in result.summary.attacks if a.name == "lookalike").caught == 0 and not result.ok


LEAK = "relay allowed what it could know"


@pytest.mark.parametrize(
    ("side", "leak", "problem"),
    [
        ("attack", None, f"{LEAK}: 100 of 100 messages were not caught by NUMBER_SUSPENDED"),
        ("attack", "no_gate", f"{LEAK}: 100 of 100 messages were not caught by NUMBER_SUSPENDED"),
        ("twin", "NUMBER_SUSPENDED", "relay could not know yet: 100 of 100 honest messages were blocked"),
    ],
)
def test_a_pair_on_the_leak_column_is_told_by_what_is_booked(
    small: World, side: str, leak: str | None, problem: str
) -> None:
    def booked(message: Message, decision: Decision) -> Decision:
        if small.labels[message.event_id] != (LEAK, side):
            return decision
        return msgspec.structs.replace(decision, leak=leak)

    assert _run(small, booked).problems == (problem,)


def test_one_miss_after_the_effect_fails(small: World) -> None:
    last = next(m for m in reversed(small.messages) if small.labels[m.event_id] == ("spammer's own line", "attack"))
    result = _run(small, lambda m, d: _decision(m) if m.event_id == last.event_id else d)
    assert any("spammer's own line: 1 of" in problem for problem in result.problems)


def test_no_sanction_is_no_catch(small: World) -> None:
    result = _run(small, lambda m, d: _decision(m) if d.checks else d)
    by_reports = sum(pair.by_reports for pair in small.pairs)
    assert sum("no sanction took effect" in problem for problem in result.problems) == by_reports


def test_a_label_is_no_catch_of_what_must_be_blocked_and_the_other_way_round(small: World) -> None:
    def other(message: Message, decision: Decision) -> Decision:
        name, side = small.labels[message.event_id]
        if side != "attack" or name not in ("terminated", "advertisement at 21:00:00"):
            return decision
        return (_labelled if decision.verdict == "BLOCK" else _blocked)(decision, decision.reasons[0].code)

    caught = {attack.name: attack.caught for attack in _run(small, other).summary.attacks}
    assert caught["terminated"] == caught["advertisement at 21:00:00"] == 0
    assert caught["suspended"] > 0


def test_a_twin_that_bears_the_attacks_code_fails(small: World) -> None:
    victim = next(m for m in small.messages if small.labels[m.event_id] == ("advertisement at 21:00:00", "twin"))
    result = _run(small, lambda m, d: _labelled(d, "AD_QUIET_HOURS") if m.event_id == victim.event_id else d)
    (problem,) = result.problems
    assert problem.startswith("at 20:59:59: 1 messages have AD_QUIET_HOURS among their reasons")


@pytest.mark.parametrize("pair", ["ported out", "background"])
def test_a_blocked_twin_fails(small: World, pair: str) -> None:
    owner = next((p.name for p in small.pairs if p.twin == pair), "background")
    victim = next(m for m in small.messages if small.labels[m.event_id] == (owner, "twin"))
    result = _run(small, lambda m, d: _blocked(d, "ANY") if m.event_id == victim.event_id else d)
    assert next(t for t in result.summary.twins if t.name == pair).falsely_blocked == 1
    assert not result.ok


def test_late_enforcement_and_lost_or_doubled_decisions_fail(small: World) -> None:
    assert not _run(small, late=1).ok
    decisions = [_decision(m) for m in small.messages[1:]]
    lost = score(small, decisions)
    assert any(p.startswith("1 messages have no decision") for p in lost.problems)
    doubled = score(small, [*decisions, decisions[0], _decision(small.messages[0])])
    assert any("1 have several" in p for p in doubled.problems)


def test_json_has_the_promised_fields_and_tables_render(small: World) -> None:
    def leaky(message: Message, decision: Decision) -> Decision:
        here = message.route.relay_id == "relay-01"
        return msgspec.structs.replace(decision, leak="no_gate" if here else decision.leak)

    result = _run(small, leaky)
    found = msgspec.json.decode(to_json(result))
    assert list(found) == [
        "messages", "decisions", "seconds", "seed", "attacks", "twins", "sanctions", "late_enforcement", "leaks",
    ]  # fmt: skip
    assert set(found["attacks"][0]) == {"name", "injected", "caught", "passed_before_effect"}
    assert set(found["twins"][0]) == {"name", "messages", "falsely_blocked"}
    pairs = len(small.pairs)
    by_reports = sum(pair.by_reports for pair in small.pairs)
    assert (len(found["attacks"]), len(found["twins"]), found["sanctions"]) == (pairs, pairs + 1, by_reports)
    assert found["leaks"][0] == {"relay": "relay-01", "reason": "no_gate", "messages": 200}
    assert [(leak["reason"], leak["messages"]) for leak in found["leaks"][1:]] == [("NUMBER_SUSPENDED", 100)]
    assert msgspec.json.decode(to_json(result, differences=0))["differences"] == 0
    console = Console(width=80, record=True, file=StringIO())
    console.print(render(small, result))
    text = console.export_text()
    assert "All attacks caught, no twin blocked." in text and "relay-01" in text
