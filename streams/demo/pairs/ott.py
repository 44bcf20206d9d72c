"""A pair on accounts: a handle that is banned on one platform is somebody else's on another."""

from __future__ import annotations

from streams.config import DEMO_KEYS
from streams.contracts.messages import Route, Sender
from streams.contracts.reputation import Finding
from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_FROM_MS, HOUR_MS, rhythm
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words
from streams.engine.pseudonym import Keys, state_pseudonym
from streams.engine.sanctioning import person_id

CODE = "HANDLE_BANNED"
_HANDLES = 4


def banned_handle(stage: Stage, sizes: Sizes) -> Pair:
    """Handles that a person has banned on one platform, digits among them; their namesakes on another."""
    owner = Owner(stage, "banned handle")
    attack, twin = labels(owner.name)
    relays = {"talk": owner.relay(), "pixel": owner.relay()}
    handles = [*(f"byeolbit{i}" for i in range(_HANDLES - 1)), owner.number()]  # the last is a number: still a handle
    for handle in handles:
        _ban(stage, handle)
    text = words("투자 방에 초대합니다 {n}", "Join my trading room {n}")
    for label, platform in ((attack, "talk"), (twin, "pixel")):
        for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
            handle = handles[i % _HANDLES]
            line = Line(
                label=label, sender=Sender(address=f"@{handle}"), channel="ott", origin_id=f"{platform}:{handle}",
                route=Route(relay_id=relays[platform]),
            )  # fmt: skip
            owner.send(line, (event_ms,), text)
    return Pair(owner.name, "same handle on another platform", CODE)


def _ban(stage: Stage, handle: str) -> None:
    imposed_ms, reference = DAY_FROM_MS - 3 * HOUR_MS, f"desk-{handle}"
    person = state_pseudonym(Keys(*DEMO_KEYS), f"kr:ott:talk:{handle}")
    stage.orders.append(
        Finding(
            subject=f"sender:{person}#0", finding_id=person_id("carrier", reference), source="person", step="BLOCK",
            from_ms=imposed_ms, recorded_at_ms=imposed_ms, reason=CODE, reference=reference, version=1,
            urgent="an investment fraud in progress",
        )
    )  # fmt: skip
