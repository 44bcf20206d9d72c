"""What content rules cost a message: microseconds of each part, over the demo's messages, caches cold at the start.

    python -m bench.content [--messages N] [--seed N] [--core N | --no-pin] [--write]

Lists: five of 2 000 invented phrases and ten patterns each, none of which is found: the usual case.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from bench.command import pinned, told
from streams.config import DEMO_KEYS
from streams.contracts.lists import Category, ContentList, ListItem
from streams.contracts.messages import Message
from streams.demo import build_world
from streams.demo.texts import coined
from streams.engine import fingerprint, hosts, text
from streams.engine.case import Case
from streams.engine.content import content_checks
from streams.engine.lists import NOTHING, Compiled
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.engine.subjects import band_subjects
from streams.packs import shipped
from streams.replica.memory import MemoryReplica

_CATEGORIES: tuple[Category, ...] = ("fraud", "phishing", "impersonation", "adult", "gambling")
_CACHES = (fingerprint._bands, hosts._hosts, text.folded)


def lists(rng: Random) -> Compiled:
    """Lists as large as a desk keeps them."""
    made = []
    for category in _CATEGORIES:
        phrases = tuple(
            ListItem(id=f"p{n}", text=f"{coined(rng.randrange(10**6, 10**9))}{coined(rng.randrange(10**6, 10**9))}")
            for n in range(2_000)
        )
        patterns = tuple(ListItem(id=f"r{n}", text=rf"zq{n}x+ ?[0-9]+%") for n in range(10))
        made.append(
            ContentList(
                name=category, category=category, owner="bench", expires_ms=2**53, phrases=phrases, patterns=patterns
            )
        )
    return Compiled(tuple(made), ())


def microseconds(messages: list[Message], part: Callable[[Message], object]) -> float:
    """CPU time of a part, per message."""
    for cache in _CACHES:
        cache.cache_clear()
    begun = time.process_time()
    for message in messages:
        part(message)
    return (time.process_time() - begun) * 1e6 / len(messages)


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    given = pinned("content", "Microseconds of content rules.", {"messages": 50_000, "seed": 1}, arguments)
    world = build_world(given.seed, given.messages)
    policy, keys = Policies(shipped(), "kr").of(world.policy.timeline[-1]), Keys(*DEMO_KEYS)
    view, held, shared = MemoryReplica(skeletons_of), lists(Random(given.seed)), policy.pack.shared_hosts
    cases = {message.event_id: Case(message, view, policy) for message in world.messages}
    parts: dict[str, Callable[[Message], object]] = {
        "exact fingerprint": lambda m: fingerprint.fingerprint(m.content.text),
        "band keys and subjects": lambda m: band_subjects(m.route.relay_id, m.content.text),
        "hosts and checks, no lists": lambda m: content_checks(
            cases[m.event_id], keys, False, NOTHING, hosts.host_subjects(m.content.text, shared), False
        ),
        "hosts and checks, five lists": lambda m: content_checks(
            cases[m.event_id], keys, False, held, hosts.host_subjects(m.content.text, shared), False
        ),
    }
    found = {name: min(microseconds(world.messages, part) for _ in range(3)) for name, part in parts.items()}
    lines = [f"{name:<28}{value:6.1f} µs per message" for name, value in found.items()]
    return told("content", given, arguments, lines)


if __name__ == "__main__":
    main()
