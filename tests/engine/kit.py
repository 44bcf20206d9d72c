"""What the engine's tests say their cases with: a view of a few rows, a message, a policy. Times in ms around `T`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
import orjson

from streams.contracts.base import encoder
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow, manifest_key
from streams.contracts.decisions import Decision
from streams.contracts.feeds import Beat, Heartbeat, Manifest, RegistryValue, key_of
from streams.contracts.jobs import JobRow
from streams.contracts.messages import Content, Message, Route, Sender
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.registry import (
    AccountEntry,
    AccountRow,
    AllowEntry,
    AllowRow,
    BlockRow,
    BlockStates,
    CertificateEntry,
    CertificateRow,
    NumberEntry,
    NumberRow,
    NumberStatus,
    RelayEntry,
    RelayRow,
    ResellerEntry,
    ResellerRow,
    Routes,
    SenderEntry,
    SenderRow,
)
from streams.contracts.reports import Report
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.contracts.settings import SettingsRow
from streams.engine.blocks import encode
from streams.engine.case import Case
from streams.engine.decide import Decider
from streams.engine.outcome import Check
from streams.engine.policy import Policies, Policy, build, layer
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica

T = 1_765_944_000_000  # 2025-12-17 13:00 in Seoul, a border of minutes and hours
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BANK = "15881234"
PHONE = "01055501111"
#: Orders in tests are taken without a signature, unless a test is about signatures.
UNSIGNED = {"orders": {"unsigned": ["carrier", "regulator"]}}
KEYS = Keys("k1", b"p" * 32, b"s" * 32)
FEEDS = {
    "kr-number-status": ("kr:mobile", "kr:fixed"),
    "kr-voip-status": ("kr:voip",),
    "kr-service-status": ("kr:service",),
    "kr-sender-registry": ("kr:sender",),
    "kr-certification": ("kr:relay", "kr:reseller", "kr:account"),
}


def policy(profile: str = "enforce", jurisdiction: str = "kr", **over: Any) -> Policy:
    """A shipped pack's policy with tables laid over it."""
    return build(layer(shipped()[jurisdiction, profile], over))


@cache
def enforce() -> Policy:
    """Korea, enforced."""
    return policy()


def policies(over: dict[str, Any] | None = None, jurisdiction: str = "kr") -> Policies:
    """Policies whose default (nothing published) is Korea enforced, so that a test need not publish it."""
    pack = layer(layer(shipped()[jurisdiction, "enforce"], UNSIGNED), over or {})
    return Policies({(jurisdiction, "observe"): pack}, jurisdiction)


def view(
    *values: RegistryValue, sanctions: Iterable[SanctionRow] = (), published: PolicyRow | None = None,
    settings: Iterable[SettingsRow] = (), blacklists: Iterable[BlacklistRow | BlacklistManifest] = (),
    jobs: Iterable[JobRow] = (),
) -> MemoryReplica:  # fmt: skip
    """A replica that holds these values."""
    replica = MemoryReplica(skeletons_of)
    encode_ = encoder().encode
    changes = [
        Change("registry", v.partition if isinstance(v, Manifest) else 0, n, key_of(v), encode_(v))
        for n, v in enumerate(values)
    ]
    changes += [Change("sanctions", 0, n, row.subject, encode_(row)) for n, row in enumerate(sanctions)]
    changes += [Change("settings", 0, n, row.recipient, encode_(row)) for n, row in enumerate(settings)]
    changes += [
        Change("blacklists", 0, n, manifest_key(r.issuer) if isinstance(r, BlacklistManifest) else r.key, encode_(r))
        for n, r in enumerate(blacklists)
    ]
    changes += [Change("jobs", 0, n, row.key, encode_(row)) for n, row in enumerate(jobs)]
    if published is not None:
        changes.append(Change("policy", 0, 0, published.jurisdiction, encode_(published)))
    replica.apply(changes)
    assert not replica.bad
    return replica


def message(address: str = PHONE, **over: Any) -> Message:
    """A person's message from a handset, or what `over` makes of it; `origin_number` follows the address."""
    ton = over.pop("ton", None)
    route = Route(**over.pop("route", {}))
    text = over.pop("text", "")
    fields: dict[str, Any] = {
        "event_id": "e1", "producer": "smsc1", "event_time_ms": T, "ingested_at_ms": over.get("event_time_ms", T),
        "leg": "termination", "channel": "mo", "traffic_class": "p2p", "recipient": "821055509999",
        "origin_number": address if over.get("channel", "mo") == "mo" else None,
    }  # fmt: skip
    return Message(**(fields | over), sender=Sender(address=address, ton=ton), route=route, content=Content(text=text))


def a2p(address: str = BANK, relay: str | None = "relay-7", **over: Any) -> Message:
    """A company's message over a relay."""
    route = {"relay_id": relay} | over.pop("route", {})
    return message(address, channel=over.pop("channel", "mt"), traffic_class="a2p", route=route, **over)


def case(message_: Message, view_: MemoryReplica, policy_: Policy | None = None) -> Case:
    """The message under judgement, Korea enforced."""
    return Case(message_, view_, policy_ or enforce())


def said(check: Check | None) -> str:
    """A check's answer in one word: `-` (does not apply), PASS, UNKNOWN, or the codes of a FAIL."""
    if check is None:
        return "-"
    return "+".join(check.codes) if check.outcome == "FAIL" else check.outcome


def decide(message_: Message, view_: MemoryReplica, over: dict[str, Any] | None = None) -> Decision:
    """The decision on a message, Korea enforced."""
    return Decider(policies(over), KEYS).decide(message_, msgspec.json.encode(message_), view_)


def published(profile: str = "enforce", **pack: Any) -> PolicyRow:
    """A published policy of Korea."""
    entry = PolicyEntry(profile="enforce" if profile == "enforce" else "observe", pack=UNSIGNED | pack)
    return PolicyRow(jurisdiction="kr", timeline=(entry,))


def alive(*feeds: str, complete: bool = True, since: int = T - DAY, until: int = T + DAY) -> list[RegistryValue]:
    """Heartbeats, and manifests of a generation, of these feeds (all of Korea's if none is named)."""
    found: list[RegistryValue] = []
    for feed in feeds or tuple(FEEDS):
        found.append(beat(feed, since, until, words=FEEDS[feed] if complete else ()))
        found.append(Manifest(generation=f"g-{feed}", feed=feed, from_ms=since, partition=0, rows=0))
    return found


def beat(feed: str, recorded: int, until: int, words: tuple[str, ...] = ()) -> Heartbeat:
    """One heartbeat."""
    return Heartbeat(feed=feed, beats=(Beat(recorded_at_ms=recorded, fresh_until_ms=until),), complete_for=words)


def sender(key: str = f"kr:{BANK}", relays: tuple[str, ...] = (), mode: str = "exclusive", **over: Any) -> SenderRow:
    """A registered sender, bound to relays."""
    routes = over.pop("routes", None) or msgspec.convert({"mode": mode, "relays": relays}, Routes)
    return SenderRow(key=f"sender:{key}", timeline=(SenderEntry(routes=routes, **over),))


def relay(name: str = "relay-7", **over: Any) -> RelayRow:
    """A relay's row."""
    return RelayRow(key=f"relay:{name}", timeline=(RelayEntry(**over),))


def reseller(name: str = "reseller-1", **over: Any) -> ResellerRow:
    """A reseller's row."""
    return ResellerRow(key=f"reseller:{name}", timeline=(ResellerEntry(**over),))


def certificate(holder: str, number: str = "C-1", **over: Any) -> CertificateRow:
    """A mass-sender certificate."""
    return CertificateRow(key=f"certificate:{number}", timeline=(CertificateEntry(holder=holder, **over),))


def account(name: str = "acct-1", **over: Any) -> AccountRow:
    """An account's row."""
    return AccountRow(key=f"account:{name}", timeline=(AccountEntry(**over),))


def number(status: NumberStatus, e164: str = "+821055501111", **over: Any) -> NumberRow:
    """A number's own row."""
    return NumberRow(key=f"number:{e164}", timeline=(NumberEntry(status=status, **over),))


def block(status: NumberStatus, e164: str = "+821055501111", as_of: int = T - DAY) -> BlockRow:
    """A block in which one number has a state and all others none."""
    states = BlockStates(generation=f"g{as_of}", as_of_ms=as_of, states=encode({int(e164[-4:]): status}))
    return BlockRow(key=f"block:{e164[:-4]}", current=states)


def allow(rank: str = "protected", key: str = f"kr:{BANK}", **over: Any) -> AllowRow:
    """An allow rule; protected ones end."""
    fields: dict[str, Any] = {"rank": rank, "to_ms": T + DAY, "owner": "duty desk", "reason": "test"} | over
    return AllowRow(key=f"allow:{key}", timeline=(AllowEntry(**fields),))


def sanction(subject: str, step: str = "TEMP_BLOCK", **over: Any) -> SanctionRow:
    """A subject under one sanction that counts at T."""
    fields: dict[str, Any] = {"sanction_id": "s1", "step": step, "from_ms": T - HOUR, "reason": "R"} | over
    return SanctionRow(subject=subject, timeline=(SanctionEntry(**fields),))


def report(n: int = 0, **over: Any) -> Report:
    """Report number n by person number n about a message at T, an hour later."""
    fields: dict[str, Any] = {
        "report_id": f"r{n}", "reporter": f"8210555{n:05}", "message_at_ms": T, "reported_at_ms": T + HOUR,
        "ingested_at_ms": T + HOUR, "displayed_sender": PHONE,
    }  # fmt: skip
    route = over.pop("route", {})
    return Report(**(fields | over), route=Route(**route))


def raw(value: Any) -> bytes:
    """Canonical bytes, to compare decisions and rows by."""
    return encoder().encode(value)


def plain(value: Any) -> Any:
    """A value as JSON data."""
    return orjson.loads(raw(value))
