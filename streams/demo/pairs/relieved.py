"""A bank spoofed over a route that nobody ever saw it on; its twin is the bank itself, whose row an import lost."""

from __future__ import annotations

from msgspec.structs import replace

from streams.contracts.registry import Routes
from streams.demo.cast import Owner, both_legs, labels
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, MINUTE_MS, at, spread
from streams.demo.numbers import GENERATION, sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words

#: When the evening's import comes, and for how long the bank then sends its statements before the night gets quiet.
IMPORT_MS = at(21)
_BURST_MS = 10 * MINUTE_MS


def lost_row(stage: Stage, sizes: Sizes) -> Pair:
    """Forged until the evening, over a relay of the forger's. At 21:00 an import no longer has the bank's row: the
    bank's own messages fail their registration from then on, are labelled as a fresh drop, and trip the breaker."""
    owner = Owner(stage, "bank spoofed")
    attack, twin = labels(owner.name)
    relay, wrong = owner.relay(), owner.relay()
    bank, forger = owner.account(relay, owner.chain(relay, 1)), owner.account(wrong)
    number = owner.number("representative")
    row = owner.register(number, bank.org, Routes(mode="exclusive", relays=(relay,)))
    # As `dualblock registry import --force` ends what its list does not hold.
    (entry,) = row.timeline
    gone = replace(entry, to_ms=IMPORT_MS, end_recorded_at_ms=IMPORT_MS, dropped_by=f"{GENERATION}-evening")
    stage.rows.append((IMPORT_MS, replace(row, timeline=(gone,))))
    text = words("[온새미은행] 11월 명세서가 도착했습니다 {n}", "[Onsaemi Bank] Your statement is ready, ref {n}")
    before = [*spread(owner.rng, sizes.side // 5, DAY_FROM_MS, IMPORT_MS)]
    burst = spread(owner.rng, sizes.side // 3, IMPORT_MS, IMPORT_MS + _BURST_MS)
    after = spread(owner.rng, sizes.side - len(burst), IMPORT_MS + _BURST_MS, DAY_TO_MS)
    for label, account, times in (
        (attack, forger, spread(owner.rng, sizes.side, DAY_FROM_MS, IMPORT_MS)),
        (twin, bank, [*before, *burst, *after]),
    ):
        legs = both_legs(Line(label=label, sender=sender(number), traffic_class="a2p"), account)
        for i, event_ms in enumerate(times):
            owner.send(legs[i // 2 % 2], (event_ms,), text)
    return Pair(owner.name, "bank whose row was lost", "SENDER_WRONG_ROUTE", twin_reason="RELIEF")
