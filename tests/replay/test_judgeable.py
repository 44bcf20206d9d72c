"""Backtests over recorded decisions: what follows from what they hold, and what is counted as not judgeable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.contracts.decisions import Decision, Reason
from streams.engine.policy import Policy, build, layer
from streams.errors import InputError
from streams.packs import shipped
from streams.replay.backtest import Backtest
from streams.replay.files import Inputs, drive, gate
from streams.replay.judgeable import UNKNOWN_ALLOW, UNKNOWN_CAP, Judge
from streams.replay.proposed import read_rules
from streams.replay.touched import NEEDS_MESSAGE, RECIPIENT_HIDDEN, SENDER_HIDDEN
from tests.replay.proposals import KEYS, NOW, SENT, blocked, sender, tried
from tests.replay.small import POLICY, REGISTRY, lines, message


def recorded(
    tmp_path: Path, sent: list[dict[str, Any]], policy: dict[str, Any] = POLICY, **more: Any
) -> list[Decision]:
    """What the small carrier decided."""
    registry = (*REGISTRY, *more.pop("rows", ()))
    inputs = Inputs(
        messages=(lines(tmp_path / "m", *sent),), registry=(lines(tmp_path / "r", *registry),),
        policy=(lines(tmp_path / "p", policy),),
    )  # fmt: skip
    found: list[Decision] = []
    drive(gate("kr", KEYS), inputs, found.append, lambda letter: None, lambda: None)
    return found


def policy_of(pack: dict[str, Any] | None = None, profile: str = "enforce") -> Policy:
    return build(layer(shipped()["kr", profile], pack or {}))


def judged(
    decisions: list[Decision], tmp_path: Path, *rows: dict[str, Any], new: Policy | None = None,
    today: Policy | None = None, known: bool = True,
) -> Backtest:  # fmt: skip
    today = today or policy_of()
    rules = read_rules(None, [lines(tmp_path / "new", *rows)] if rows else [], NOW)
    found = Backtest(0)
    policies = [policy_of(), policy_of(profile="observe"), today] if known else []
    Judge(today, new or today, rules, {p.version: p for p in policies}).run(decisions, found)
    return found


def modes(**given: str) -> dict[str, Any]:
    return {"modes": given}


def test_modes_are_tried_on_recorded_decisions(tmp_path: Path) -> None:
    found = judged(recorded(tmp_path, SENT), tmp_path, new=policy_of(modes(SENDER_WRONG_ROUTE="LABEL")))
    assert blocked(found, "no_longer_blocked") == [(True, "kr:15881234", "relay-9", "SENDER_WRONG_ROUTE", 2)]
    assert not found.not_judgeable and found.side(True).messages == 8


def test_what_observed_only_would_block_as_its_shadow_said(tmp_path: Path) -> None:
    observe = {"jurisdiction": "kr", "timeline": [{"profile": "observe", "version": 1}]}
    found = judged(recorded(tmp_path, SENT, observe), tmp_path, today=policy_of(profile="observe"), new=policy_of())
    assert blocked(found) == [(True, "kr:15881234", "relay-9", "SENDER_WRONG_ROUTE", 2)]
    assert found.rises


def test_a_listed_route_never_blocks_whatever_the_policy(tmp_path: Path) -> None:
    """The check holds itself back to LABEL, and a recorded LABEL under a BLOCK says so."""
    listed = sender("kr:16441000", ("relay-7",), routes={"mode": "listed", "relays": ["relay-7"]})
    sent = [message(1, sender="16441000", relay="relay-9")]
    decided = recorded(tmp_path, sent, rows=(listed,))
    assert decided[0].action == "LABEL"
    found = judged(decided, tmp_path, new=policy_of({"label": "other"}))
    assert not found.would_block and not found.not_judgeable


def test_a_cap_that_nobody_knows_is_not_guessed(tmp_path: Path) -> None:
    lax = policy_of(modes(SOURCE_NOT_LISTED="OBSERVE") | {"enforce": {"SOURCE_NOT_LISTED": "LABEL"}})
    account = {"key": "account:a", "kind": "account", "timeline": [{"version": 1, "networks": ["192.0.2.0/24"]}]}
    route = {"relay_id": "relay-7", "account_id": "a", "peer_ip": "203.0.113.9"}
    decided = recorded(tmp_path, [message(1, route=route)], rows=(account,))
    assert [r.code for r in decided[0].reasons] == ["SOURCE_NOT_LISTED"]
    strict = policy_of(modes(SOURCE_NOT_LISTED="BLOCK") | {"enforce": {"SOURCE_NOT_LISTED": "LABEL"}})
    found = judged(decided, tmp_path, today=lax, new=strict)
    assert dict(found.not_judgeable) == {(True, UNKNOWN_CAP): 1}


def test_an_allow_rule_that_had_no_say_is_not_guessed(tmp_path: Path) -> None:
    """Blocked as a forgery and under a sanction: behind the forgery a protected sender may have stood."""
    (one,) = recorded(tmp_path, SENT[:1])
    sanctioned = msgspec.structs.replace(
        one, reasons=(*one.reasons, msgspec.structs.replace(one.reasons[0], code="REPORTS", gate="reputation"))
    )
    found = judged([sanctioned], tmp_path, new=policy_of(modes(SENDER_WRONG_ROUTE="LABEL")))
    assert dict(found.not_judgeable) == {(True, UNKNOWN_ALLOW): 1}
    assert found.blind


def test_a_mode_of_an_unknown_policy_is_not_guessed(tmp_path: Path) -> None:
    strange = [msgspec.structs.replace(d, versions=msgspec.structs.replace(d.versions, policy="sha256:?"))
               for d in recorded(tmp_path, SENT)]  # fmt: skip
    found = judged(strange, tmp_path, new=policy_of(modes(SENDER_WRONG_ROUTE="LABEL")), known=False)
    assert dict(found.not_judgeable) == {(True, UNKNOWN_ALLOW): 2}
    assert found.side(True).messages == 6, "what nobody objected to stays allowed"


def test_what_both_policies_treat_alike_stands_as_it_was(tmp_path: Path) -> None:
    """Decided before an upgrade changed the shipped pack, by a policy that nobody has any more."""
    strange = [msgspec.structs.replace(d, versions=msgspec.structs.replace(d.versions, policy="sha256:?"))
               for d in recorded(tmp_path, SENT)]  # fmt: skip
    found = judged(strange, tmp_path, new=policy_of(modes(ORIGIN_MISMATCH="LABEL")), known=False)
    assert not found.not_judgeable
    assert (found.side(True).messages, found.side(True).blocked_today, found.side(True).blocked_new) == (8, 2, 2)


MOBILE = "01055501111"
TOUCHED: dict[str, tuple[dict[str, Any], dict[tuple[bool, str], int]]] = {
    "a clear sender that a row names": (
        {"key": "dno:kr:15881234", "kind": "dno", "timeline": [{"version": 1}]}, {(True, NEEDS_MESSAGE): 1},
    ),
    "a clear sender that no row names": (sender("kr:16001234"), {}),
    "people's numbers, and the sender is a pseudonym": (sender("kr:01055502222"), {(False, SENDER_HIDDEN): 1}),
    "numbers of another kind": (sender("kr:07055502222"), {}),
    "a number's state": (
        {"key": "number:+821055501111", "kind": "number", "timeline": [{"version": 1, "status": "active"}]},
        {(False, SENDER_HIDDEN): 1},
    ),
    "a relay": (
        {"key": "relay:relay-7", "kind": "relay", "timeline": [{"version": 2}]},
        {(True, NEEDS_MESSAGE): 1, (False, NEEDS_MESSAGE): 1},
    ),
    "a recipient": (
        {"key": "consent:org:1>~abc", "kind": "consent", "timeline": [{"version": 1}]},
        {(True, RECIPIENT_HIDDEN): 1, (False, RECIPIENT_HIDDEN): 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOUCHED)
def test_what_pseudonyms_hide_is_not_judged(name: str, tmp_path: Path) -> None:
    row, expected = TOUCHED[name]
    decided = recorded(tmp_path, [message(1), message(2, sender=MOBILE, traffic_class="p2p", channel="mo")])
    assert decided[1].sender.key.startswith("~")
    found = judged(decided, tmp_path, row)
    assert dict(found.not_judgeable) == expected
    assert found.side(True).messages + found.side(False).messages == 2 - sum(expected.values())


def test_a_new_look_alike_touches_names_only(tmp_path: Path) -> None:
    new = {"key": "institution:kr:bank", "kind": "institution", "timeline": [{"version": 1, "names": ["My Bank"]}]}
    names = ("MyBank", "Other")
    sent = [message(n, sender=name, channel="rcs") for n, name in enumerate(names)]
    found = judged(recorded(tmp_path, sent), tmp_path, new)
    assert sum(found.not_judgeable.values()) == 1 and found.side(False).messages == 1


JUDGE_REFUSED: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "a threshold": ({"late_report_ms": 1}, [], "changes late_report_ms"),
    "a grammar": ({"grammar": {"region": "JP"}}, [], "changes grammar"),
    "a heartbeat": ({}, [REGISTRY[3]], "heartbeats or manifests"),
}


@pytest.mark.parametrize("name", JUDGE_REFUSED)
def test_what_no_decision_can_answer_is_refused(name: str, tmp_path: Path) -> None:
    pack, rows, sentence = JUDGE_REFUSED[name]
    with pytest.raises(InputError, match=sentence):
        judged([], tmp_path, *rows, new=policy_of(pack))


REGISTRATIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "another relay": {"relays": ("relay-9",)},
    "any relay": {"routes": {"mode": "open"}},
    "another relay, listed only": {"routes": {"mode": "listed", "relays": ["relay-9"]}},
    "suspended": {"state": "suspended"},
    "ended": {"to_ms": NOW - 1, "end_recorded_at_ms": NOW - 1},
    "an account": {"routes": {"mode": "exclusive", "accounts": ["acct-1"]}},
    "a reseller and a relay": {"routes": {"mode": "exclusive", "relays": ["relay-7"], "resellers": ["res-1"]}},
    "shared": {"shared": True},
    "for the other leg": {"legs": ["origination"]},
}


HIDDEN = {
    "another relay, listed only": 2, "an account": 1, "a reseller and a relay": 1, "shared": 2, "for the other leg": 2,
    "any relay": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", REGISTRATIONS)
def test_a_new_registration_is_judged_as_messages_judge_it(name: str, tmp_path: Path) -> None:
    """What decisions show of a business sender is enough to ask its registration again; the rest is counted."""
    routes: list[dict[str, Any]] = [{"relay_id": "relay-7"}, {"relay_id": "relay-9"}, {}]
    routes += [{**r, "account_id": "acct-1", "chain": ["res-1"]} for r in routes]
    sent = [message(n, route=r) for n, r in enumerate(routes)]
    row = sender(**{"version": 2, **REGISTRATIONS[name]})
    judge = judged(recorded(tmp_path, sent), tmp_path, row)
    whole = tried(tmp_path, sent, row)
    hidden = judge.not_judgeable.total()
    assert set(judge.not_judgeable) <= {(True, NEEDS_MESSAGE)}
    assert judge.side(True).messages + hidden == whole.side(True).messages == len(sent)
    assert (judge.would_block, judge.no_longer) == (whole.would_block, whole.no_longer)
    # A proved route that is lost without a block: whether a sanctioned campaign would stop it now, nobody knows.
    assert hidden == HIDDEN.get(name, 0)


def test_a_new_registration_is_not_asked_where_more_hangs_on_it(tmp_path: Path) -> None:
    protected = {"key": "allow:kr:15881234", "kind": "allow", "timeline": [
        {"version": 1, "to_ms": 2 * NOW, "owner": "duty desk", "reason": "codes"}]}  # fmt: skip
    (one,) = recorded(tmp_path, SENT[1:2], rows=(protected,))
    assert one.won == "protected_allow"
    lost = sender(relays=("relay-9",), version=2)
    assert dict(judged([one], tmp_path, lost).not_judgeable) == {(True, NEEDS_MESSAGE): 1}
    relieved = [msgspec.structs.replace(d, reasons=(*d.reasons, Reason(code="RELIEF", gate="own", mode="OBSERVE")))
                for d in recorded(tmp_path, SENT[:1])]  # fmt: skip
    assert dict(judged(relieved, tmp_path, lost).not_judgeable) == {(True, NEEDS_MESSAGE): 1}


def test_a_new_registration_makes_a_sender_registered(tmp_path: Path) -> None:
    decided = recorded(tmp_path, [message(1, sender="15889999")])
    assert not decided[0].sender.registered and decided[0].verdict == "BLOCK"
    found = judged(decided, tmp_path, sender("kr:15889999"))
    assert blocked(found, "no_longer_blocked") == [(True, "kr:15889999", "relay-7", "SENDER_NOT_REGISTERED", 1)]
