"""A pair on recipients' own rules: a sender that the recipient has blocked; its twin is the same sender to others."""

from __future__ import annotations

from streams.config import DEMO_KEYS
from streams.contracts.settings import SettingsRequest, Wishes
from streams.demo.cast import Owner, labels
from streams.demo.clock import REGISTRY_AT_MS, rhythm
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.recipient import listed_key, recipient_key
from streams.packs import shipped

_SENDERS = 5


def blocked_by_recipient(stage: Stage, sizes: Sizes) -> Pair:
    """Handsets that write to people who blocked them; the twin: the same handsets to people who did not."""
    owner = Owner(stage, "blocked by recipient")
    attack, twin = labels(owner.name)
    keys, grammar = Keys(*DEMO_KEYS), Policies(shipped(), "kr").default.pack.grammar
    text = words("어제 일은 미안해 {n}시에 통화할래?", "Sorry about yesterday, call me at {n}?")
    numbers = [owner.number() for _ in range(_SENDERS)]
    for label in (attack, twin):
        for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
            number = numbers[i % _SENDERS]
            line = Line(label=label, sender=sender(number, i % 3), channel="mo", origin_number=number)
            (draft,) = owner.send(line, (event_ms,), text)
            if label == attack:
                stage.settings.append(
                    SettingsRequest(
                        request_id=f"settings-{len(stage.settings):06d}",
                        recipient=recipient_key(draft.recipient, grammar, keys),
                        recorded_at_ms=owner.rng.randrange(REGISTRY_AT_MS, event_ms),
                        wishes=Wishes(block=(listed_key(number, grammar, keys),)),
                    )
                )
    return Pair(owner.name, "to somebody else", "RECIPIENT_BLOCKED")
