"""Explanations: words for everything that can be said, and the right ones for what was decided."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from streams.contracts.decisions import Decision
from streams.contracts.reputation import StepName
from streams.engine.checks import CHECKS
from streams.engine.content import CHECKS as CONTENT
from streams.engine.pack import RANKS
from streams.engine.tally import WINDOWS
from streams.packs import shipped
from streams.replay.explain import CODES_OF, Explanation, explain
from streams.replay.sentences import CHECKS as WORDS
from streams.replay.sentences import CODES, GATES, said
from streams.replay.sentences import RANKS as RANK_WORDS

ROOT = Path(__file__).parents[2]


def decision(**more: Any) -> Decision:
    held = {
        "decision_id": "d", "event_id": "e1", "event_time_ms": 1_765_944_000_000, "leg": "termination",
        "verdict": "ALLOW", "action": "DELIVER", "sender": {"key": "kr:15881234", "kind": "representative",
        "registered": True}, "recipient": "~k.1", "route": {"relay_id": "relay-7"},
        "versions": {"policy": "sha256:ab", "read": "1,-", "data": "d", "input": "i", "engine": "0"}, **more,
    }  # fmt: skip
    return msgspec.convert(held, Decision)


def fail(check: str, code: str, mode: str = "BLOCK", gate: str = "forgery", **evidence: Any) -> dict[str, Any]:
    return {
        "reasons": [{"code": code, "gate": gate, "mode": mode}],
        "checks": [{"check": check, "outcome": "FAIL", "evidence": evidence}],
    }


def blocked(won: str, **more: Any) -> Explanation:
    return explain(decision(verdict="BLOCK", action="REJECT", won=won, **more))


def test_every_check_has_its_words() -> None:
    assert {name for name, _ in (*CHECKS, *CONTENT)} <= WORDS.keys()


def test_every_code_of_every_pack_has_its_words() -> None:
    for pack in shipped().values():
        for code in {**pack.get("enforce", {}), **pack.get("modes", {})}:
            assert said(code) is not None, code


def test_every_code_that_a_check_can_say_has_its_words_and_its_check() -> None:
    """Codes are written out in the checks' sources: upper case with an underscore, in quotes."""
    rooms = (ROOT / "streams/engine/checks", ROOT / "streams/engine/content")
    sources = "".join(p.read_text() for room in rooms for p in room.glob("*.py"))
    found = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', sources))
    assert found >= {"NUMBER_TERMINATED", "SENDER_WRONG_ROUTE", "CHECK_FAILED"}
    assert found <= CODES.keys()
    assert found - {"CHECK_FAILED"} <= {code for codes in CODES_OF.values() for code in codes}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("level", ["WARN", "CRITICAL"])
@pytest.mark.parametrize("rate", ["", "RATE_"])
def test_every_reason_of_a_sanction_has_its_words(window: str, level: str, rate: str) -> None:
    assert said(f"REPORTS_{rate}{level}_{window.upper()}") is not None


@pytest.mark.parametrize("act", ["SUSPEND", "TERMINATE", "BLOCK", "THROTTLE"])
def test_every_order_has_its_words(act: str) -> None:
    assert said(f"DIRECTIVE_{act}") is not None


@pytest.mark.parametrize("code", ["", "X", "REPORTS_", "REPORTS_X_10D", "REPORTS_WARN_2D", "DIRECTIVE_X", "A_B_C"])
def test_an_unknown_code_has_none_and_does_not_stop_us(code: str) -> None:
    assert said(code) is None
    (line,) = blocked("forgery", **fail("format", code or "?")).checks
    assert "for which this version has no words" in line.sentence


def test_every_rank_has_its_words() -> None:
    assert {*RANKS, "default"} == RANK_WORDS.keys()


@pytest.mark.parametrize("code", [*CODES, *GATES])
def test_a_sentence_is_filled_without_evidence(code: str) -> None:
    """An old record may hold less evidence than this version expects."""
    check = next((name for name, codes in CODES_OF.items() if code in codes), "sanctions")
    gate = "directive" if code == "DIRECTIVE" else "reputation" if code == "SANCTION" else "forgery"
    if code in ("CHECK_FAILED", "EVENT_INVALID"):
        gate = "own"
        note = explain(decision(**fail("intake", code, gate=gate, mode="OBSERVE"))).notes[0]
        assert "{" not in note and code in note
        return
    (line,) = blocked("forgery", **fail(check, code, gate=gate)).checks
    assert "{" not in line.sentence and code in line.sentence


def test_a_block_says_what_won_and_what_would_have_helped() -> None:
    words = blocked("forgery", **fail("status", "NUMBER_TERMINATED", state="terminated", from_ms=1_765_900_000_000))
    assert "was blocked on the termination leg, to be rejected" in words.verdict
    assert words.checks[0].sentence == (
        "The number was terminated on 2025-12-16 15:46:40 UTC and its grace is over (NUMBER_TERMINATED, blocks)."
    )
    assert words.why == (
        "BLOCK won by a forged caller ID, which only an order or an emergency allow outranks (NUMBER_TERMINATED)."
    )
    assert words.changed == (
        "NUMBER_TERMINATED would not stand if the number were in service or ported out, or its grace were still "
        "running.",
        "An emergency allow rule for this sender on this route would have outranked it.",
    )


def test_two_reasons_are_told_apart() -> None:
    words = blocked(
        "forgery",
        reasons=[
            {"code": "NUMBER_SUSPENDED", "gate": "forgery", "mode": "BLOCK"},
            {"code": "RELAY_UNKNOWN", "gate": "standing", "mode": "BLOCK"},
            {"code": "RESELLER_UNCERTIFIED", "gate": "standing", "mode": "LABEL"},
        ],
        checks=[
            {"check": "status", "outcome": "FAIL", "evidence": {"state": "suspended"}},
            {"check": "certification", "outcome": "FAIL",
             "evidence": {"relay:relay-9": "RELAY_UNKNOWN", "reseller:r-1": "RESELLER_UNCERTIFIED"}},
        ],
    )  # fmt: skip
    assert "NUMBER_SUSPENDED" in words.checks[0].sentence and "RELAY" not in words.checks[0].sentence
    assert "relay:relay-9" in words.checks[1].sentence and "reseller:r-1" in words.checks[1].sentence
    assert "RESELLER_UNCERTIFIED, labels" in words.checks[1].sentence
    assert "All 2 of these block: each one alone would have been enough." in words.changed


def test_a_sanction_says_on_whom_and_what() -> None:
    words = blocked(
        "sanction",
        **fail("sanctions", "REPORTS_CRITICAL_10D", gate="reputation", on="sender", sanction_id="s", step="TEMP_BLOCK"),
    )
    assert words.checks[0].sentence == (
        "Distinct people who reported reached the critical threshold within 10 days (on its sender, step TEMP_BLOCK) "
        "(REPORTS_CRITICAL_10D, blocks)."
    )
    assert {"TEMP_BLOCK"} <= set(get_args(StepName))


def test_a_directive_is_outranked_by_nothing() -> None:
    words = blocked("directive", **fail("sanctions", "DIRECTIVE_BLOCK", gate="directive"))
    assert words.changed == ("DIRECTIVE_BLOCK would not stand if the order were released.",)


def test_unknown_never_blocks_and_is_said() -> None:
    checks = [{"check": "abroad", "outcome": "UNKNOWN", "evidence": {"why": "no HLR answer"}}]
    words = explain(decision(checks=checks, passed=["format"]))
    assert [(line.check, line.outcome, line.sentence) for line in words.checks] == [
        ("abroad", "UNKNOWN", "No HLR answer; that never blocks."),
        ("format", "PASS", "The sender is written as one may be on this channel."),
    ]
    assert words.changed == ("Fresh and complete data could have changed abroad: unknown is never held against it.",)


def test_an_allow_rule_says_what_it_outranked() -> None:
    words = explain(decision(won="emergency_allow", **fail("route", "SENDER_WRONG_ROUTE", level="relay", mode_="x")))
    assert words.why.endswith("It outranks SENDER_WRONG_ROUTE.")
    assert words.changed == ("Without the allow rule it would have been blocked by SENDER_WRONG_ROUTE.",)


def test_shadow_leak_and_flags_are_said() -> None:
    words = explain(
        decision(
            shadow={"verdict": "BLOCK", "action": "REJECT", "codes": ["SENDER_WRONG_ROUTE"]},
            leak="no_gate",
            flags=["time_from_ingest", "brand_new"],
            **fail("route", "SENDER_WRONG_ROUTE", mode="OBSERVE", level="relay"),
        )
    )
    assert words.notes == (
        "Under profile enforce it would be BLOCK (REJECT) for SENDER_WRONG_ROUTE.",
        "Leak: it came without a usable verdict of the gate upstream; booked against relay-7.",
        "Event time and ingest time lie too far apart: ingest time decided.",
        "Flag: brand_new.",
    )
    assert words.changed == (
        "In mode BLOCK, what was found could have blocked it: SENDER_WRONG_ROUTE (only observed).",
    )


def test_a_clean_message_has_nothing_that_would_have_changed_it() -> None:
    assert explain(decision(passed=["format"])).changed == (
        "Nothing that was looked at: every check that applies passed.",
    )


def test_an_unreadable_event_says_so() -> None:
    words = explain(
        decision(
            reasons=[{"code": "EVENT_INVALID", "gate": "own", "mode": "OBSERVE"}],
            checks=[{"check": "intake", "outcome": "UNKNOWN", "evidence": {"why": "NOT_JSON"}}],
        )
    )
    assert words.notes == (
        "The event could not be read (NOT_JSON) and was let through, so that nobody waits (EVENT_INVALID).",
    )


def test_what_the_breaker_held_back() -> None:
    told = {"code": "SENDER_REGISTRATION_EXPIRED", "gate": "forgery", "mode": "LABEL", "basis": "generation"}
    found = explain(
        decision(
            action="LABEL", reasons=[told, {"code": "RELIEF", "gate": "own", "mode": "OBSERVE"}],
            checks=[{"check": "registration", "outcome": "FAIL", "evidence": {"dropped_by": "g2", "relief": "ab12"}}],
        )
    )  # fmt: skip
    assert found.checks[0].sentence.endswith(
        "It rests on a new generation that no longer holds it. "
        "Relief ab12 of this sender on this relay makes it a label."
    )
    assert found.notes == (
        "The breaker has relieved a rule for this sender on this relay: it failed all at once what it passed until "
        "then (RELIEF).",
    )
    fresh = [{"check": "registration", "outcome": "FAIL", "evidence": {"trial": True}}]
    assert "for a while it only labels" in explain(decision(reasons=[told], checks=fresh)).checks[0].sentence


def test_what_the_countrys_own_authority_calls_it() -> None:
    found = fail("registration", "SENDER_NOT_REGISTERED")
    (line,) = blocked("forgery", **found, jurisdiction="in").checks
    assert line.sentence.endswith("(SENDER_NOT_REGISTERED, blocks; there 620 HEADER_NOT_FOUND).")
    judged = decision(verdict="BLOCK", action="REJECT", won="forgery", **found)
    assert "620" not in explain(judged).checks[0].sentence
    assert "620 HEADER_NOT_FOUND" in explain(judged, "in").checks[0].sentence
    assert "620" not in explain(judged, "xx").checks[0].sentence


def test_whose_rules_judged_it_is_said() -> None:
    notes = explain(decision(jurisdiction="generic", flags=["jurisdiction_without_pack"])).notes
    assert notes == ("The rules of generic judged it, not the carrier's own.",
                     "Its country has no pack: what holds anywhere was applied.")  # fmt: skip
