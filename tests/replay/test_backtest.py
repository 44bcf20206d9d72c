"""Backtests by files: what new rows and policies would block, whose, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.errors import InputError
from streams.replay.backtest import MAX_SENDERS, OTHERS, Backtest, Said
from streams.replay.proposed import in_force, pinned, read_rules
from tests.replay.proposals import ENFORCE, NOW, SENT, blocked, sender, tried
from tests.replay.small import MINUTE, T, lines, message, report


def test_the_same_rules_change_nothing(tmp_path: Path) -> None:
    found = tried(tmp_path, SENT, sender())
    assert found.summary() | {"bound_ppm": 0} == {
        "ok": True, "bound_ppm": 0, "would_block": [], "no_longer_blocked": [], "actions": [], "not_judgeable": [],
        "unreadable": 0,
        "registered": {
            "messages": 8, "blocked_today": 2, "blocked_new": 2, "rate_today_ppm": 250_000, "rate_new_ppm": 250_000,
        },
        "others": {"messages": 0, "blocked_today": 0, "blocked_new": 0, "rate_today_ppm": 0, "rate_new_ppm": 0},
    }  # fmt: skip


def test_a_new_row_blocks_by_sender_relay_and_reason(tmp_path: Path) -> None:
    """Recorded later than the messages: a backtest asks what it would have done."""
    found = tried(tmp_path, SENT, sender(relays=("relay-9",), version=2, from_ms=NOW, recorded_at_ms=NOW))
    assert blocked(found) == [(True, "kr:15881234", "relay-7", "SENDER_WRONG_ROUTE", 6)]
    assert blocked(found, "no_longer_blocked") == [(True, "kr:15881234", "relay-9", "SENDER_WRONG_ROUTE", 2)]
    assert found.rises and not found.summary()["ok"]


def test_a_lost_row_is_seen_though_it_ended_later(tmp_path: Path) -> None:
    ended = sender(from_ms=0, to_ms=NOW - 1, end_recorded_at_ms=NOW - 1)
    assert blocked(tried(tmp_path, SENT, ended)) == [
        (True, "kr:15881234", "relay-7", "SENDER_REGISTRATION_EXPIRED", 6)
    ]  # fmt: skip


def test_a_sender_registered_by_either_side_is_registered(tmp_path: Path) -> None:
    sent = [message(n, sender="15889999") for n in range(4)]
    found = tried(tmp_path, sent, sender("kr:15889999"))
    assert blocked(found, "no_longer_blocked") == [(True, "kr:15889999", "relay-7", "SENDER_NOT_REGISTERED", 4)]
    assert found.side(True).messages == 4 and not found.rises


def test_registered_senders_come_first(tmp_path: Path) -> None:
    sent = [*SENT[1:2], *(message(n, sender="+12025550123", relay="relay-7") for n in range(9, 19))]
    relay = {"key": "relay:relay-7", "kind": "relay", "timeline": [{"version": 2, "state": "suspended"}]}
    found = tried(tmp_path, sent, relay)
    assert [(row[0], row[4]) for row in blocked(found)] == [(True, 1), (False, 10)]


@pytest.mark.parametrize(("bound", "rises"), [(499_999, True), (500_000, False), (1_000_000, False)])
def test_the_bound_is_on_the_rise(bound: int, rises: bool, tmp_path: Path) -> None:
    """2 of 8 today, 6 of 8 by the new rows: a rise of half."""
    found = tried(tmp_path, SENT, sender(relays=("relay-9",), version=2), bound=bound)
    assert (found.side(True).blocked_today, found.side(True).blocked_new) == (2, 6)
    assert found.rises is rises


def _said(blocked: bool, name: str = "kr:1", registered: bool = True) -> Said:
    return Said(name, registered, "relay-7", "REJECT" if blocked else "DELIVER", blocked, "R" if blocked else "")


def test_a_new_policy_blocks_what_today_s_labels(tmp_path: Path) -> None:
    labels = PolicyEntry(profile="enforce", pack={"modes": {"SENDER_WRONG_ROUTE": "LABEL"}})
    found = tried(tmp_path, SENT, new=labels)
    assert blocked(found, "no_longer_blocked") == [(True, "kr:15881234", "relay-9", "SENDER_WRONG_ROUTE", 2)]
    assert found.summary()["actions"] == [{"today": "REJECT", "new": "LABEL", "messages": 2}]


def test_thresholds_of_a_new_policy_are_counted_again(tmp_path: Path) -> None:
    """From files reports are replayed, so a sanction follows by each side's own rules."""
    sent = [
        message(n, sender="+12025550123", relay="relay-9", at=T + n * MINUTE, content={"text": "win a prize"})
        for n in range(20)
    ]
    told = [report(n, T + 2 * MINUTE + n) for n in range(3)]
    count = {"thresholds": {"campaign": {"count": {"24h": {"warn": 1, "critical": 3}}}}}
    found = tried(tmp_path, sent, new=PolicyEntry(profile="enforce", pack=count), reports=told)
    assert found.side(False).blocked_today == 0 < found.side(False).blocked_new
    assert {row[3] for row in blocked(found)} == {"REPORTS_CRITICAL_24H"}


def test_what_can_t_be_read_is_counted(tmp_path: Path) -> None:
    bad = message(9) | {"leg": 7}
    found = tried(tmp_path, [*SENT, bad])
    assert (found.unreadable, found.side(True).messages) == (1, 8)


REFUSED = {
    "no row": ({"key": "x"}, "is no row of a registry"),
    "a wrong key": ({**sender(), "key": "relay:x"}, "would be refused (WRONG_KEY"),
    "an empty row": ({**sender(), "timeline": []}, "would be refused (EMPTY_TIMELINE"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_proposal_with_a_bad_row_is_refused(name: str, tmp_path: Path) -> None:
    row, sentence = REFUSED[name]
    with pytest.raises(InputError) as refused:
        read_rules(None, [lines(tmp_path / "new", sender(), row)], NOW)
    assert sentence in str(refused.value) and "new:2" in str(refused.value)


def test_the_policy_of_today_is_the_one_in_force() -> None:
    row = PolicyRow(
        jurisdiction="kr",
        timeline=(ENFORCE, PolicyEntry(version=2, from_ms=100), PolicyEntry(version=3, from_ms=10**15)),
    )
    found = in_force(row, 200)
    assert found is not None and found.version == 2
    assert in_force(None, 200) is None and pinned(None, "kr") is None


def test_unregistered_senders_without_end_are_bounded() -> None:
    found = Backtest(0)
    for number in range(MAX_SENDERS + 3):
        found.compare(_said(False, f"~{number}", False), _said(True, f"~{number}", False))
    assert len(found.would_block) == MAX_SENDERS + 1
    assert found.would_block[next(k for k in found.would_block if k.sender == OTHERS)] == 3
