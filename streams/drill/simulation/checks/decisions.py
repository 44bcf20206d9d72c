"""Decisions: one for each message, in order, and each as the rules have it."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.drill.simulation.checks.views import Views
from streams.drill.simulation.cluster import KEYS, policies
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.world import BUSINESSES
from streams.engine.decide import Decider
from streams.engine.intake import InvalidEvent, read_message

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played

#: Several checks read them; what is read is frozen.
_decode = lru_cache(maxsize=1 << 10)(msgspec.json.Decoder(Decision).decode)
_encode = encoder().encode
Source = tuple[int, int]


def decisions(played: Played) -> list[tuple[int, int, Decision]]:
    """(partition, offset, decision) of every committed one."""
    return [(p, r.offset, _decode(r.value or b"")) for p, r in played.cluster.log.every("decisions")]


def check(played: Played) -> None:
    """Lost, doubled, out of order, wrong."""
    found: dict[Source, Decision] = {}
    order: dict[tuple[int, str, int], int] = defaultdict(lambda: -1)
    for partition, offset, decision in decisions(played):
        observed = decision.observed
        if observed is None:
            raise Broken(f"decisions: {decision.event_id} does not say where it comes from")
        source = observed.source
        if source in found:
            raise Broken(f"doubled: the message at {source} has two decisions")
        found[source] = decision
        place = (partition, decision.sender.key, source[0])
        if source[1] <= order[place]:
            raise Broken(f"order: {decision.sender.key} at decisions {partition}:{offset}")
        order[place] = source[1]
    _complete(played, found)
    _right(played, found)


def _complete(played: Played, found: dict[Source, Decision]) -> None:
    log = played.cluster.log
    dead = [tuple(int(dict(r.headers)[n]) for n in ("partition", "offset")) for _, r in log.every("messages.dead")]
    for partition, record in log.every("messages"):
        source = (partition, record.offset)
        try:
            read_message(record.value or b"")
        except InvalidEvent:
            if dead.count(source) != 1:
                raise Broken(f"dead letters: {dead.count(source)} of the message at {source}") from None
            if (b"event_id" in (record.value or b"")) != (source in found):
                raise Broken(f"lost: the invalid message at {source} was not answered as it should") from None
        else:
            if source not in found:
                raise Broken(f"lost: the message at {source} has no decision")
            if source in dead:
                raise Broken(f"dead letters: the message at {source} is a good one")


def _right(played: Played, found: dict[Source, Decision]) -> None:
    cluster = played.cluster
    views, decider = Views(cluster.log), Decider(policies(), KEYS, recall=0)
    for (partition, offset), decision in found.items():
        said = _encode(msgspec.structs.replace(decision, observed=None))
        for business in BUSINESSES:
            codes = [r.code for r in decision.reasons]
            if decision.sender.key == f"kr:{business}" and "SENDER_NOT_REGISTERED" in codes:
                raise Broken(f"false block: {business} is registered, {partition}:{offset} says it isn't")
        if played.stepwise:
            wanted = played.expected[partition, offset]
            if wanted is None or _encode(wanted) != said:
                raise Broken(f"wrong: at {partition}:{offset} {said!r}, the embedded run says {wanted}")
            continue
        record = cluster.log.partition(("messages", partition))[offset]
        raw = (record.value if record is not None else None) or b""
        try:
            message, flags = read_message(raw)
        except InvalidEvent:
            continue
        tick = decision.observed.decided_at_ms if decision.observed is not None else 0
        again = decider.decide(message, raw, views.at(cluster.views[tick]), flags)
        if _encode(again) != said:
            raise Broken(f"wrong: at {partition}:{offset} {said!r}, its rows say {again}")
