"""Partners' blacklists at the message: who is hit, how hard, and who never is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.blacklists import BlacklistEntry, BlacklistManifest, BlacklistRow, row_key
from streams.contracts.decisions import Decision
from streams.engine.decide import Decider
from streams.engine.pseudonym import partner_pseudonym
from tests.engine.kit import (
    BANK,
    DAY,
    HOUR,
    KEYS,
    PHONE,
    T,
    a2p,
    account,
    alive,
    allow,
    block,
    message,
    number,
    plain,
    policies,
    relay,
    sanction,
    sender,
    view,
)

B, C = "carrier-b", "carrier-c"
SHARED = b"k" * 32
BUSINESS = f"sender:kr:{BANK}"
PERSON = f"person:{partner_pseudonym(SHARED, '+821055501111')}"
OBSERVED = T - 2 * DAY
#: No feed vouches for anything, so that nothing but the list can object.
QUIET = {"enforce": {}, "modes": {"BLACKLISTED_SENDER": "BLOCK", "BLACKLISTED_HOST": "BLOCK"}}


def entry(trust: str = "block", **over: Any) -> BlacklistEntry:
    fields: dict[str, Any] = {
        "trust": trust, "seq": 7, "observed_at_ms": OBSERVED, "expires_ms": T + 30 * DAY, "reason": "FRAUD",
        "grounds": "person", "from_ms": T - HOUR, "to_ms": T + DAY, "recorded_at_ms": T - 2 * HOUR, "version": 70,
    }  # fmt: skip
    return BlacklistEntry(**(fields | over))


def row(subject: str, *entries: BlacklistEntry, issuer: str = B) -> BlacklistRow:
    return BlacklistRow(key=row_key(issuer, subject), timeline=entries or (entry(),))


def manifest(issuer: str = B, since_ms: int = T - DAY) -> BlacklistManifest:
    return BlacklistManifest(
        issuer=issuer, seq=7, digest="0" * 64, trust="block", since_ms=since_ms, recorded_at_ms=since_ms,
        fresh_until_ms=T + DAY, entries=1,
    )  # fmt: skip


def decided(message_: Any, *values: Any, sanctions: Any = (), **over: Any) -> Decision:
    rows = [v for v in values if isinstance(v, BlacklistRow | BlacklistManifest)]
    held = view(*[v for v in values if v not in rows], blacklists=rows, sanctions=sanctions)
    keys = KEYS._replace(partners=((B, SHARED),))
    return Decider(policies(QUIET | over), keys).decide(message_, msgspec.json.encode(message_), held)


def mine(decision: Decision) -> list[tuple[str, str]]:
    return [(r.code, r.mode) for r in decision.reasons if r.gate == "blacklist"]


def test_a_listed_business_is_blocked_and_the_decision_says_by_whose_list() -> None:
    found = decided(a2p(), manifest(), row(BUSINESS))
    assert (found.verdict, found.won, mine(found)) == ("BLOCK", "blacklist", [("BLACKLISTED_SENDER", "BLOCK")])
    (record,) = [c for c in found.checks if c.check == "blacklist"]
    assert record.evidence == {
        "issuer": B, "trust": "block", "seq": 7, "listed_for": "FRAUD", "observed_at_ms": OBSERVED,
    }  # fmt: skip
    assert "70" in found.versions.read.split(",")


def test_a_person_is_found_under_the_key_shared_with_the_issuer_and_never_named() -> None:
    found = decided(message(), manifest(), row(PERSON))
    assert mine(found) == [("BLACKLISTED_SENDER", "BLOCK")]
    assert PHONE not in str(plain(found)) and PERSON not in str(plain(found))
    assert mine(decided(message("01055501112"), manifest(), row(PERSON))) == []
    assert mine(decided(message(), manifest(C), row(PERSON, issuer=C))) == []  # no key is shared with c


@pytest.mark.parametrize(
    ("trust", "mode", "action"),
    [("shadow", "OBSERVE", "DELIVER"), ("label", "LABEL", "LABEL"), ("block", "BLOCK", "REJECT")],
)  # fmt: skip
def test_the_level_of_trust_caps_what_the_pack_allows(trust: str, mode: str, action: str) -> None:
    found = decided(a2p(), manifest(), row(BUSINESS, entry(trust)))
    assert (found.action, mine(found)) == (action, [("BLACKLISTED_SENDER", mode)])


def test_the_pack_caps_what_trust_allows() -> None:
    assert mine(decided(a2p(), manifest(), row(BUSINESS), modes={"BLACKLISTED_SENDER": "LABEL"})) == [
        ("BLACKLISTED_SENDER", "LABEL")
    ]


def test_of_several_issuers_the_most_trusted_counts_and_the_others_are_named() -> None:
    found = decided(
        a2p(), manifest(B), manifest(C), row(BUSINESS, entry("shadow")), row(BUSINESS, entry("label"), issuer=C)
    )
    (record,) = [c for c in found.checks if c.check == "blacklist"]
    assert mine(found) == [("BLACKLISTED_SENDER", "LABEL")]
    assert (record.evidence["issuer"], record.evidence["also"]) == (C, (B,))


@pytest.mark.parametrize(
    "over",
    [{"to_ms": T}, {"to_ms": T - HOUR}, {"from_ms": T + 1}, {"recorded_at_ms": T + 1}],
    ids=["ends now", "delisted an hour before", "begins later", "not recorded yet"],
)
def test_an_entry_counts_while_it_stands(over: dict[str, int]) -> None:
    found = decided(a2p(), manifest(), row(BUSINESS, entry(**over)))
    assert (found.verdict, mine(found)) == ("ALLOW", [])


def test_an_issuer_is_looked_at_from_its_first_list_on() -> None:
    before = decided(a2p(), manifest(since_ms=T + 1), row(BUSINESS))
    assert before == decided(a2p())  # to the versions read
    assert mine(decided(a2p(), row(BUSINESS))) == []


@pytest.mark.parametrize(
    ("entries", "hit"),
    [
        ([("active", T - 90 * DAY, 2)], True),
        ([("active", T - DAY, 2)], False),
        ([("active", T - 90 * DAY, 1), ("active", T - DAY, 2)], False),
        ([("active", T - 90 * DAY, 1), ("terminated", T - DAY, 1)], False),
        ([("active", T - 90 * DAY, 1), ("suspended", T - DAY, 1)], True),
        ([("active", T - 90 * DAY, 1), ("active", T + 1, 2)], True),
    ],
    ids=["issued before", "reissued since", "both on the row", "terminated since", "suspended since", "reissued later"],
)
def test_a_number_that_has_changed_hands_since_is_not_hit(entries: list[Any], hit: bool) -> None:
    first = number("active")
    timeline = tuple(
        msgspec.structs.replace(
            first.timeline[0], status=status, from_ms=from_ms, recorded_at_ms=from_ms, owner_epoch=epoch, version=n
        )
        for n, (status, from_ms, epoch) in enumerate(entries, 1)
    )
    found = decided(message(), manifest(), row(PERSON), msgspec.structs.replace(first, timeline=timeline), modes={
        "BLACKLISTED_SENDER": "BLOCK"
    })  # fmt: skip
    assert bool(mine(found)) is hit
    if not hit:
        (record,) = [c for c in found.checks if c.check == "blacklist"]
        assert (record.outcome, record.evidence) == (
            "UNKNOWN", {"why": "the number has changed hands since carrier-b listed it"},
        )  # fmt: skip


def test_a_service_number_registered_to_somebody_else_since_is_not_hit() -> None:
    old, new = (sender(owner=o).timeline[0] for o in ("org:1", "org:2"))
    held = sender()
    moved = msgspec.structs.replace(held, timeline=(
        msgspec.structs.replace(old, to_ms=T - DAY), msgspec.structs.replace(new, from_ms=T - DAY, version=2),
    ))  # fmt: skip
    assert mine(decided(a2p(), manifest(), row(BUSINESS), moved)) == []
    assert mine(decided(a2p(), manifest(), row(BUSINESS), sender(owner="org:1"))) != []


LINK = "Win now https://w1.prizes.example/x"


def test_a_listed_host_and_address_object_unless_the_route_proves_the_sender() -> None:
    rows = (manifest(), row("host:prizes.example", entry("block")), row("ip:203.0.113.9", entry("label")))
    proved = (*rows, *alive(), sender(relays=("relay-7",)), relay(), block("active", "kr:15881234"))
    route = {"relay_id": "relay-7", "peer_ip": "203.0.113.9"}
    modes = {"BLACKLISTED_HOST": "BLOCK", "BLACKLISTED_ADDRESS": "BLOCK"}
    assert mine(decided(a2p(text=LINK, route=route), *rows, modes=modes)) == [
        ("BLACKLISTED_HOST", "BLOCK"), ("BLACKLISTED_ADDRESS", "LABEL"),
    ]  # fmt: skip
    found = decided(a2p(text=LINK, route=route), *proved, modes=modes)
    assert ("route" in found.passed, mine(found)) == (True, [])
    assert mine(decided(a2p(text="hello", route={"relay_id": "relay-7"}), *rows)) == []


def test_it_stands_just_below_sanctions() -> None:
    over = {"modes": {"BLACKLISTED_SENDER": "BLOCK", "SANCTION": "BLOCK"}}
    subject = f"{BUSINESS}#0"
    found = decided(a2p(), manifest(), row(BUSINESS), sanctions=[sanction(subject)], **over)
    assert (found.won, [r.gate for r in found.reasons]) == ("sanction", ["reputation", "blacklist"])
    protected = (*alive(), sender(relays=("relay-7",)), relay(), allow(routes=("relay-7",)))
    found = decided(a2p(), manifest(), row(BUSINESS), *protected, block("active", "kr:15881234"), account())
    assert (found.verdict, found.won) == ("ALLOW", "protected_allow")
