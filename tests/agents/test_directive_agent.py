"""The directive agent as a step: who may order, which version counts, what is refused with which reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.agents.deadletter import Delivery
from streams.agents.directives import DirectiveAgent
from streams.agents.errors import Refused
from streams.agents.steps import Names
from streams.contracts.base import encoder
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.reports import Directive, Signature
from streams.contracts.reputation import Finding
from streams.engine.directing import FORM, Orders, payload_of
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.signing import PrivateKey, detached, public_text
from tests.engine.kit import HOUR, KEYS, T, policies, view

OURS, OTHER = (PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
LISTED = {"kisa": {"authority": "regulator", "public": public_text(OURS.public_key())}}
ORDER = Directive(reference="KISA-1", subject="account:acct-7", act="suspend", from_ms=T, recorded_at_ms=T)


def signed(order: Directive, key: PrivateKey = OURS, name: str = "kisa") -> Directive:
    value = detached(FORM, payload_of(encoder().encode(order)), key)
    return msgspec.structs.replace(order, signature=Signature(key=name, value=value))


class Agent:
    """The agent over the table of one partition. keys: what the policy lists."""

    def __init__(self, keys: dict[str, Any] | None = None) -> None:
        over = {"orders": {"unsigned": [], "keys": LISTED if keys is None else keys}}
        self.step = DirectiveAgent(Names("t."), policies(over), KEYS)
        self.table: dict[bytes, Orders] = {}
        self.offset = 0

    def gets(self, order: Directive | bytes, offset: int | None = None, key: str | None = None) -> Finding:
        self.offset += 1
        raw = order if isinstance(order, bytes) else encoder().encode(order)
        named = key if key is not None else msgspec.json.decode(raw, type=Directive).reference
        at = self.offset if offset is None else offset
        delivery = Delivery("t.directives.v1", 0, at, 0, named.encode(), raw)
        (effect,) = self.step.handle("directives", delivery, view()).effects
        state, (output,) = effect.step(self.table.get(effect.key), effect.event)
        self.table[effect.key] = state
        return msgspec.json.decode(output.value or b"", type=Finding)

    def refuses(self, order: Directive | bytes, **over: Any) -> str:
        before = dict(self.table)
        with pytest.raises(Refused) as refused:
            self.gets(order, **over)
        assert self.table == before
        return refused.value.reason


def test_a_signed_order_is_carried_out() -> None:
    found = Agent().gets(signed(ORDER))
    assert (found.subject, found.step, found.authority) == ("account:acct-7", "TEMP_BLOCK", "regulator")
    assert found.reference == "KISA-1"


def test_fields_of_a_later_version_are_signed_and_do_no_harm() -> None:
    later = encoder().encode(ORDER)[:-1] + b',"legal_basis":"art. 50"}'
    value = detached(FORM, payload_of(later), OURS)
    raw = later[:-1] + f',"signature":{{"key":"kisa","value":"{value}"}}}}'.encode()
    assert Agent().gets(raw).step == "TEMP_BLOCK"
    assert Agent().refuses(raw.replace(b"art. 50", b"art. 51")) == "BAD_SIGNATURE"


CHANGED: list[tuple[str, Directive, str]] = [
    ("no signature", ORDER, "NOT_SIGNED"),
    ("an unknown key", signed(ORDER, name="nobody"), "UNKNOWN_KEY"),
    ("another's signature", signed(ORDER, OTHER), "BAD_SIGNATURE"),
    ("another subject", msgspec.structs.replace(signed(ORDER), subject="account:acct-8"), "BAD_SIGNATURE"),
    ("a longer time", msgspec.structs.replace(signed(ORDER), to_ms=T + HOUR), "BAD_SIGNATURE"),
    ("a higher version", msgspec.structs.replace(signed(ORDER), version=9), "BAD_SIGNATURE"),
    ("no base64", msgspec.structs.replace(ORDER, signature=Signature(key="kisa", value="§")), "BAD_SIGNATURE"),
    ("in another's name", signed(msgspec.structs.replace(ORDER, authority="ministry")), "KEY_OF_ANOTHER"),
]


@pytest.mark.parametrize(("what", "order", "reason"), CHANGED, ids=[c[0] for c in CHANGED])
def test_what_is_not_the_authoritys_is_refused(what: str, order: Directive, reason: str) -> None:
    assert Agent().refuses(order) == reason


def test_a_revoked_key_signs_nothing_even_in_the_past() -> None:
    assert Agent({"kisa": LISTED["kisa"] | {"revoked": True}}).refuses(signed(ORDER)) == "KEY_REVOKED"
    entries = [
        PolicyEntry(pack={"orders": {"keys": {"kisa": LISTED["kisa"]}}}),
        PolicyEntry(
            pack={"orders": {"keys": {"kisa": LISTED["kisa"] | {"revoked": True}}}}, from_ms=T + HOUR,
            recorded_at_ms=T + HOUR, version=2,
        ),
    ]  # fmt: skip
    agent = DirectiveAgent(Names("t."), Policies(shipped(), "kr"), KEYS)
    raw = encoder().encode(signed(ORDER))
    delivery = Delivery("t.directives.v1", 0, 1, 0, b"KISA-1", raw)
    kept = view(published=PolicyRow(jurisdiction="kr", timeline=(entries[0],)))
    assert agent.handle("directives", delivery, kept).effects
    with pytest.raises(Refused, match="KEY_REVOKED"):
        agent.handle("directives", delivery, view(published=PolicyRow(jurisdiction="kr", timeline=tuple(entries))))


def test_a_key_that_is_only_retired_has_signed_what_it_signed() -> None:
    retired = [
        PolicyEntry(pack={"orders": {"keys": {"kisa": LISTED["kisa"]}}}),
        PolicyEntry(pack={}, from_ms=T + HOUR, recorded_at_ms=T + HOUR, version=2),
    ]
    agent = DirectiveAgent(Names("t."), Policies(shipped(), "kr"), KEYS)
    row = view(published=PolicyRow(jurisdiction="kr", timeline=tuple(retired)))
    for at, ends in ((T, "carried out"), (T + HOUR, "UNKNOWN_KEY")):
        order = signed(msgspec.structs.replace(ORDER, recorded_at_ms=at))
        delivery = Delivery("t.directives.v1", 0, 1, 0, b"KISA-1", encoder().encode(order))
        try:
            said = "carried out" if agent.handle("directives", delivery, row).effects else ""
        except Refused as refused:
            said = refused.reason
        assert said == ends


def version(number: int, **over: Any) -> Directive:
    return signed(msgspec.structs.replace(ORDER, version=number, **over))


def test_a_replayed_older_version_is_refused() -> None:
    agent = Agent()
    agent.gets(version(1))
    agent.gets(version(2, act="withdraw"))
    assert agent.refuses(version(1)) == "OLD_VERSION"
    assert agent.refuses(version(0)) == "OLD_VERSION"


def test_what_comes_again_after_a_crash_is_carried_out_again() -> None:
    agent = Agent()
    first = agent.gets(version(1), offset=10)
    second = agent.gets(version(3, to_ms=T + HOUR), offset=11)
    held = dict(agent.table)
    assert agent.gets(version(1), offset=10) == first
    assert agent.gets(version(3, to_ms=T + HOUR), offset=11) == second
    assert agent.gets(version(3, to_ms=T + HOUR), offset=12) == second, "a producer that sent twice"
    assert agent.table == held


def test_a_version_says_one_thing_about_one_subject() -> None:
    agent = Agent()
    agent.gets(version(1))
    assert agent.refuses(version(1, act="block")) == "VERSION_REUSED"
    assert agent.refuses(version(2, subject="account:acct-8")) == "SUBJECT_CHANGED"


def test_keys_are_references() -> None:
    assert Agent().refuses(signed(ORDER), key="KISA-2") == "KEY_MISMATCH"


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"reference":"x"}', b"\xff"])
def test_what_is_no_order_is_refused(raw: bytes) -> None:
    assert Agent().refuses(raw, key="x") == "NOT_A_DIRECTIVE"
