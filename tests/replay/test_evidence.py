"""Evidence bundles: what a third party can see to, what it can't, and that nothing can be changed unseen."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.evidence import FORMAT, Evidence
from streams.contracts.messages import Message, Upstream
from streams.engine.blocks import decode as states_of
from streams.replay.evidence.verify import contents, verify
from streams.signing import SignatureRefused, opened, sign
from tests.engine import kit
from tests.replay.bundles import KEY, Carrier, faults, results, signed

NETWORKS = ("203.0.113.0/24",)
RECORDED = kit.T - 2 * kit.DAY
OLD: dict[str, Any] = {"from_ms": RECORDED, "recorded_at_ms": RECORDED}
LEAKY: dict[str, Any] = {"upstream": Upstream(verdict="ALLOW", event_time_ms=kit.T - 60_000)}
TEXT = "오늘만 특가 https://shop.example.test"


def carrier() -> Carrier:
    """A bank on relay-7, a person's number out of service, and everything fresh."""
    made = Carrier().put(*kit.alive(since=RECORDED), kit.sender(relays=("relay-7",), class_="business", **OLD))
    made.put(kit.relay(), kit.relay("relay-8"), kit.account(networks=NETWORKS), kit.reseller())
    made.put(kit.block("active", "+821055501111"), kit.block("active", "kr:15881234"))
    return made.put(kit.number("terminated", **OLD))


def bank(**over: Any) -> Message:
    """The bank's, over relay-8, where it has no business."""
    route = {"chain": ("reseller-1",), "account_id": "acct-1", "peer_ip": "198.51.100.7"}
    return kit.a2p(relay="relay-8", route=route, text=TEXT, **(LEAKY | over))


def person(**over: Any) -> Message:
    """Under a person's number that is out of service, handed over by a relay."""
    return kit.message(channel="mt", origin_number=None, route={"relay_id": "relay-7"}, text=TEXT, **(LEAKY | over))


def test_a_leak_of_a_business_is_judged_whole_but_for_text_recipient_and_input() -> None:
    evidence = carrier().bundle(bank())
    said = results(evidence)
    assert evidence.case == "leak" and evidence.statement.recomputes
    assert {what for what, result in said.items() if result != "PASS"} == {"input", "rows absent", "rows withheld"}
    assert {"check route", "check status", "check source", "row sender:kr:15881234", "verdict", "leak"} <= said.keys()
    lines = {line.what: line.sentence for line in verify(signed(evidence), KEY.public_key())}
    assert lines["leak"].startswith("SENDER_WRONG_ROUTE was known since 2025-12-15 04:00:00 UTC; the first gate")


def test_a_leak_under_a_persons_number_is_judged_from_its_row_without_its_number() -> None:
    evidence = carrier().bundle(person())
    said = results(evidence)
    assert said["leak"] == said["verdict"] == said["check status"] == said["message"] == "PASS"
    assert said["row number:+000000000"] == "NOT JUDGEABLE", "an excerpt is no row byte for byte"
    assert "FAIL" not in said.values()


@pytest.mark.parametrize("message", [bank(), person(), kit.message(text=TEXT), kit.a2p(kit.PHONE, text=TEXT)])
def test_no_persons_number_and_no_text_leave_the_carrier(message: Message) -> None:
    bundle = signed(carrier().bundle(message)).decode()
    assert message.recipient not in bundle and message.recipient[2:] not in bundle
    assert "특가" not in bundle and "shop.example" not in bundle
    if message.sender.address == kit.PHONE:
        assert kit.PHONE not in bundle and kit.PHONE[1:] not in bundle
    assert hashlib.sha256(kit.KEYS.state).hexdigest() not in bundle
    assert "~" in bundle, "they stand there as pseudonyms"


@pytest.mark.parametrize(
    "over",
    [{"address": "Duru Kim"}, {"address": "duru.kim@example.test"}, {"address": "x", "origin_id": "talk:duru.kim"}],
)
def test_no_persons_account_leaves_the_carrier(over: dict[str, Any]) -> None:
    origin = over.get("origin_id", f"talk:{over['address'].replace(' ', '.')}")
    message = kit.message(over["address"], channel="ott", origin_id=origin)
    evidence = carrier().bundle(message)
    assert "duru" not in signed(evidence).decode().casefold()
    said = results(evidence)
    assert said["check origin"] == "NOT JUDGEABLE" and "FAIL" not in said.values()


@pytest.mark.parametrize("who", ["relay", "reseller", "account", "sender"])
def test_owner_keys_stay_at_the_carrier_and_the_rest_is_judged(who: str) -> None:
    keys = ("business:1234567890", "owner:~k1secret", "number:~k1secret")
    made, message = carrier(), bank()
    if who == "sender":
        made.put(kit.sender("kr:ott:talk:shop", relays=("relay-7",), class_="business", owner_keys=keys, **OLD))
        message = kit.a2p("shop", relay="relay-8", channel="ott", origin_id="talk:shop", **LEAKY)
    elif who == "relay":
        made.put(kit.relay("relay-8", owner_keys=keys))
    else:
        made.put(kit.account(networks=NETWORKS, owner_keys=keys) if who == "account" else kit.reseller(owner_keys=keys))
    evidence = made.bundle(message)
    file = signed(evidence).decode()
    assert "secret" not in file and "business:1234567890" in file
    said = results(evidence)
    assert "FAIL" not in said.values() and said["verdict"] == "PASS"
    (line,) = [what for what in said if what.startswith(f"row {who}:")]
    assert said[line] == "NOT JUDGEABLE", "an excerpt is no row byte for byte"
    (row,) = [row for row in evidence.reads if row.entity == "registry" and f"row {row.key}" == line]
    assert row.record is None and row.sealed is not None


def test_a_row_with_a_business_number_alone_is_there_byte_for_byte() -> None:
    made = carrier().put(kit.relay("relay-8", owner_keys=("business:1234567890",)))
    assert results(made.bundle(bank()))["row relay:relay-8"] == "PASS"


def test_what_an_application_shows_stays_and_its_account_goes() -> None:
    message = kit.message("duru.kim@example.test", channel="ott", origin_id="talk:com.example.shop")
    evidence = carrier().bundle(message)
    assert decision_of(evidence).sender.key == "kr:ott:talk:com.example.shop"
    assert "duru" not in signed(evidence).decode()
    said = results(evidence)
    assert said["message"] == "PASS" and said["check origin"] == "NOT JUDGEABLE" and "FAIL" not in said.values()


def test_of_a_block_only_the_number_itself_is_shown() -> None:
    made = Carrier().put(*kit.alive(since=RECORDED), kit.relay(), kit.block("terminated", "+821055501111"))
    evidence = made.bundle(person())
    (excerpt,) = [row.excerpt for row in evidence.reads if row.key.startswith("block:")]
    shown = msgspec.json.decode(excerpt or "{}")
    assert states_of(shown["current"]["states"]) == {0: "terminated"}
    assert results(evidence)["check status"] == "PASS"
    owned = kit.sender("kr:01055501111", relays=("relay-7",), class_="business")
    business = made.put(owned).bundle(kit.a2p(kit.PHONE))
    (excerpt,) = [row.excerpt for row in business.reads if row.key == "block:+82105550"]
    assert states_of(msgspec.json.decode(excerpt or "{}")["current"]["states"]) == {1111: "terminated"}
    assert "FAIL" not in results(business).values()


def test_a_message_that_is_gone_leaves_the_verdict_to_be_judged() -> None:
    said = results(carrier().bundle(bank(), held=False))
    assert said["verdict"] == said["policy"] == said["decision"] == "PASS"
    assert said["message"] == said["rows"] == said["leak"] == "NOT JUDGEABLE"
    assert "FAIL" not in said.values()


def test_another_engine_judges_rows_and_verdict_only(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = carrier().bundle(bank())
    monkeypatch.setattr("streams.replay.evidence.verify.ENGINE_VERSION", "9.9")
    said = results(evidence)
    assert said["engine"] == said["leak"] == "NOT JUDGEABLE"
    assert said["verdict"] == said["row relay:relay-8"] == "PASS"
    assert not [what for what in said if what.startswith("check ")]


def test_a_sanction_is_found_in_its_row_and_none_is_left_out() -> None:
    made = carrier().row("sanctions", "account:acct-1", kit.sanction("account:acct-1", reason="FRAUD"))
    evidence = made.bundle(bank())
    said = results(evidence)
    assert said["sanction s1"] == "PASS" and "FAIL" not in said.values()
    kept = [c for c in decision_of(evidence).checks if c.check != "sanctions"]
    left = [r for r in decision_of(evidence).reasons if r.code != "FRAUD"]
    assert set(faults(told(evidence, checks=tuple(kept), reasons=tuple(left)))) == {"sanction s1"}


def test_a_persons_sanction_stands_under_the_decisions_pseudonym() -> None:
    from streams.engine.pseudonym import state_pseudonym

    state = state_pseudonym(kit.KEYS, "kr:01055501111")
    made = carrier().row("sanctions", f"sender:{state}#0", kit.sanction(f"sender:{state}#0"))
    evidence = made.bundle(person())
    assert state not in signed(evidence).decode()
    said = results(evidence)
    assert said["sanction s1"] == "PASS" and "FAIL" not in said.values()


# What is changed after signing.


def test_no_byte_of_the_head_can_be_changed() -> None:
    file = signed(carrier().bundle(bank()))
    with pytest.raises(SignatureRefused):
        opened(FORMAT, file.replace(b'{"format"', b'{ "format"', 1), KEY.public_key())
    for at in range(file.index(b"\n") + 1):
        for bit in range(8):
            changed = bytearray(file)
            changed[at] ^= 1 << bit
            with pytest.raises(SignatureRefused):
                opened(FORMAT, bytes(changed), KEY.public_key())


FILE = signed(carrier().bundle(person()))


@given(at=st.integers(0, len(FILE) - 1), by=st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, by: int) -> None:
    changed = bytearray(FILE)
    changed[at] ^= by
    assert refused(bytes(changed))


@given(cut=st.integers(0, len(FILE) - 1), more=st.binary(min_size=1, max_size=20))
def test_nothing_can_be_cut_off_or_added(cut: int, more: bytes) -> None:
    assert refused(FILE[:cut]) and refused(FILE + more) and refused(FILE[:cut] + more + FILE[cut:])


@given(st.binary(max_size=300))
def test_whatever_is_no_bundle_is_refused_in_words(data: bytes) -> None:
    assert refused(data) and refused(sign(FORMAT, data, KEY))


def refused(data: bytes) -> bool:
    return any(line.result == "FAIL" for line in verify(data, KEY.public_key()))


# What a carrier changes before it signs.


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a JSON value that is no list or object."""
    if isinstance(value, dict):
        return [leaf for name, held in value.items() for leaf in leaves(held, (*path, name))]
    if isinstance(value, list):
        return [leaf for number, held in enumerate(value) for leaf in leaves(held, (*path, number))]
    return [path]


def changed_at(value: Any, path: tuple[Any, ...]) -> Any:
    """The JSON value with another leaf at a path."""
    if not path:
        if isinstance(value, bool):
            return not value
        return value + 1 if isinstance(value, int) else f"{value}x"
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed_at(value[path[0]], path[1:])
    return copy


#: What a third party takes from the carrier: when the bundle was made, what the carrier says of itself, seals of what
#: it keeps, places on its topics, and the packs of profiles that were not used.
TAKEN = {"made_at_ms", "made_by", "statement", "sealed", "partition", "offset", "withheld", "packs", "case"}


def taken(plain: Any, path: tuple[Any, ...]) -> bool:
    """Whether it is the carrier's word: also under which key a decision stood, and which keys had no row."""
    absent = path[0] == "reads" and not plain["reads"][path[1]].keys() & {"record", "excerpt"}
    return bool(TAKEN & set(path)) or path == ("decision", "key") or (absent and path[-1] in ("entity", "key"))


def test_no_field_that_carries_the_case_can_be_changed_even_by_who_signs() -> None:
    for message in (bank(), person()):
        plain = msgspec.json.decode(encoder().encode(carrier().bundle(message)))
        unseen = []
        for path in leaves(plain):
            payload = as_written(changed_at(plain, path), Evidence)
            if not taken(plain, path) and all(line.result != "FAIL" for line in contents(payload)):
                unseen.append(path)
        assert unseen == [], message.sender.address


def as_written(plain: Any, of: type) -> bytes:
    """JSON data as a carrier would write it, who keeps the order of fields; what is no such record stays as it is."""
    try:
        return encoder().encode(msgspec.convert(plain, of))
    except msgspec.ValidationError:
        return encoder().encode(plain)


def decision_of(evidence: Evidence) -> Decision:
    return msgspec.json.decode(evidence.decision.value, type=Decision)


def told(evidence: Evidence, **over: Any) -> Evidence:
    """The bundle with another decision, hashed anew."""
    value = encoder().encode(msgspec.structs.replace(decision_of(evidence), **over)).decode()
    kept = msgspec.structs.replace(
        evidence.decision, value=value, sha256=hashlib.sha256(value.encode()).hexdigest()
    )  # fmt: skip
    return msgspec.structs.replace(evidence, decision=kept)


#: Of a decision, what only the carrier can see to: the text's, and when and where it was decided.
ONLY_CARRIER = {"fingerprint", "advertised", "flags", "observed", "input", "data", "engine"}


def test_no_field_of_the_decision_can_be_changed_with_its_hash() -> None:
    for message in (bank(), person()):
        evidence = carrier().bundle(message)
        plain = msgspec.json.decode(evidence.decision.value)
        unseen = []
        for path in leaves(plain):
            if ONLY_CARRIER & set(path):
                continue
            value = as_written(changed_at(plain, path), Decision).decode()
            kept = msgspec.structs.replace(
                evidence.decision, value=value, sha256=hashlib.sha256(value.encode()).hexdigest()
            )  # fmt: skip
            changed = msgspec.structs.replace(evidence, decision=kept)
            if all(line.result != "FAIL" for line in contents(encoder().encode(changed))):
                unseen.append(path)
        assert unseen == [], message.sender.address


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [("recorded_at_ms", kit.T - 1000, "leak"), ("status", "suspended", "check status"), ("version", 9, "row")],
)
def test_a_row_that_says_something_else_gives_another_decision(field: str, value: Any, line: str) -> None:
    evidence = carrier().bundle(person())
    rows = list(evidence.reads)
    (at,) = [n for n, row in enumerate(rows) if row.key.startswith("number:")]
    plain = msgspec.json.decode(rows[at].excerpt or "")
    plain["timeline"][0][field] = value
    rows[at] = msgspec.structs.replace(rows[at], excerpt=encoder().encode(plain).decode())
    found = faults(msgspec.structs.replace(evidence, reads=tuple(rows)))
    assert any(what.startswith(line) for what in found), found


def test_a_row_that_is_not_in_the_bundle_is_missed() -> None:
    """Also one that was read as absent: the bundle has to say that it was asked for."""
    evidence = carrier().bundle(bank())
    kept = tuple(row for row in evidence.reads if row.key != "number:kr:15881234")
    assert len(kept) == len(evidence.reads) - 1
    assert "check status" in faults(msgspec.structs.replace(evidence, reads=kept))
