"""A partner's list and bulk sends in the drill's world: the oracle computes the decisions that rest on them again."""

from __future__ import annotations

from collections import Counter

import msgspec

from streams.contracts.blacklists import BlacklistManifest
from streams.contracts.jobs import JobRow
from streams.drill.world import AHEAD_MS, LIST_EVERY
from tests.drill.hand import START_MS, Hand

CODES = {"BLACKLISTED_SENDER", "JOB_SIGNATURE_BAD", "JOB_EXPIRED", "JOB_RECIPIENT_UNBOUND"}


def played(hand: Hand, messages: int = 600) -> Counter[str]:
    """Codes of all decisions; every tenth of a second a message and a change, each of which is there at once."""
    codes = Counter[str]()
    for n in range(messages):
        at_ms = START_MS + 100 * n
        change = hand.world.change(n, at_ms)
        hand.change(change, at_ms)
        decision = hand.decide(hand.world.message(n, at_ms + 50), at_ms=at_ms + 60)
        codes.update(reason.code for reason in decision.reasons)
        codes.update(name for name in decision.passed if name == "job")
    return codes


def test_lists_and_jobs_are_hit_and_recomputed() -> None:
    hand = Hand()
    codes = played(hand)
    assert codes.keys() >= CODES | {"job"}, codes
    found = hand.judged()
    assert (found.wrong, found.stale, found.lost, found.examples) == (0, 0, 0, [])


def test_a_decision_on_another_job_or_list_is_found() -> None:
    for entity in ("jobs", "blacklists"):
        hand = Hand()
        played(hand, 200)
        log = hand.logs[entity]  # type: ignore[index]  # the two words are entities
        for n, record in enumerate(log):
            value = record.value.replace(b'"JOB_SIGNATURE_BAD"', b'"JOB_OTHER_JOB"').replace(b'"block"', b'"label"')
            log[n] = record._replace(value=value)
        assert hand.judged().wrong > 0, entity


def test_a_list_is_a_change_of_several_rows_and_its_manifest_behind_them() -> None:
    hand, seen = Hand(), list[BlacklistManifest]()
    for n in range(4 * LIST_EVERY):
        change = hand.world.change(n, START_MS + n)
        if change.entity == "blacklists":
            last = ((change.key, change.value), *change.also)[-1][1]
            assert isinstance(last, BlacklistManifest) and change.from_ms == START_MS + n + AHEAD_MS
            seen.append(last)
    assert [m.seq for m in seen] == [2, 3, 4, 5] and len({m.digest for m in seen}) > 1
    assert len({m.since_ms for m in seen}) == 1


def test_the_jobs_are_what_a_gate_may_read() -> None:
    rows = [change.value for change in Hand().world.beside if change.entity == "jobs"]
    assert len(rows) == 3
    assert all(msgspec.json.decode(msgspec.json.encode(row), type=JobRow) == row for row in rows)
