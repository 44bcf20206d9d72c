"""From a change's append to the last ready replica, by what replicas say of themselves."""

from __future__ import annotations

import msgspec

from streams.contracts.decisions import Progress
from streams.drill.lateness import Change, Steps, lateness
from streams.replay.history import Record


def said(*steps: tuple[str, str, int, int]) -> Steps:
    """(component, entity, next offset, at ms)"""
    records = [
        Record(0, n, b"", msgspec.json.encode(Progress(component=c, topic=e, partition=0, next_offset=o)), at)
        for n, (c, e, o, at) in enumerate(steps)
    ]
    return Steps(records, "p.")


CHANGE = Change("registry", 0, 10, 1000, 3000)


def test_the_last_ready_replica_counts() -> None:
    steps = said(("a", "registry", 11, 1100), ("b", "registry", 10, 1050), ("b", "registry", 12, 1900))
    assert lateness([CHANGE], steps, {"a": [], "b": []}) == (1, 0, 900.0)


def test_late_is_after_the_time_from_which_it_counts() -> None:
    assert lateness([CHANGE], said(("a", "registry", 11, 3001)), {"a": []}) == (1, 1, 2001.0)


def test_a_replica_that_was_killed_is_not_ready_until_it_has_caught_up() -> None:
    dead = said(("a", "registry", 11, 1100), ("b", "registry", 11, 5000), ("b", "policy", 1, 6000))
    assert lateness([CHANGE], dead, {"a": [], "b": [1200]}) == (1, 0, 100.0)
    later = Change("registry", 0, 10, 6100, 9000)
    back = said(("b", "policy", 1, 6000), ("b", "registry", 5, 5500), ("b", "registry", 11, 6300))
    assert lateness([later], back, {"b": [1200]}) == (1, 0, 200.0)
