"""What is spam in one country is not in another: a message is judged by the pack of its leg."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.decisions import Decision
from streams.contracts.feeds import Manifest
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.engine.attribution import attribute
from streams.engine.decide import Decider
from streams.engine.policy import Policies
from streams.packs import JURISDICTIONS, shipped
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica
from tests.engine.kit import DAY, HOUR, KEYS, T, a2p, beat, raw, relay, report, sender, view
from tests.engine.kit import message as sent

POLICIES = Policies(shipped(), "kr")
NIGHT = T + 9 * HOUR  # 22:00 in Seoul, 21:00 in Singapore, 20:00 in Hanoi
LATE = T + 11 * HOUR  # 22:00 in Hanoi
INDIA_21 = T + 11 * HOUR + HOUR // 2  # 21:00 in Delhi
OWN = PolicyEntry(profile="enforce", pack={"deliveries": {"channels": ["mt"]}})


def enforced(*rows: Any, places: tuple[str, ...] = JURISDICTIONS) -> MemoryReplica:
    """A view under which every country's pack is enforced."""
    replica = view(*rows)
    for n, place in enumerate(places):
        row = PolicyRow(jurisdiction=place, timeline=(OWN if place == "kr" else PolicyEntry(profile="enforce"),))
        replica.apply([Change("policy", 0, n, place, raw(row))])
    return replica


def judged(message: Message, at: MemoryReplica) -> Decision:
    return Decider(POLICIES, KEYS).decide(message, msgspec.json.encode(message), at)


def by(place: str | None, address: str, at: MemoryReplica, **over: Any) -> Decision:
    return judged(a2p(address, jurisdiction=place, **over), at)


AD = {"text": "(광고) tea 무료수신거부 0808700001", "purpose": "advertising", "event_time_ms": NIGHT}
QC = {"text": "[QC] tea, soan TC, từ chối", "purpose": "advertising", "event_time_ms": LATE}
CN = {"text": "茶 拒收请回复R", "purpose": "advertising", "event_time_ms": NIGHT}
PLAIN = {"text": "tea", "purpose": "advertising", "event_time_ms": NIGHT}
TABLE: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    # One message; under each pack its action and the codes that spoke against it.
    ("+82255501111", AD, {
        "kr": "SPAM_BOX AD_QUIET_HOURS", "sg": "DELIVER AD_LABEL_MISSING", "generic": "DELIVER",
        "vn": "LABEL AD_LABEL_MISSING AD_OPT_OUT_MISSING", "cn": "LABEL AD_OPT_OUT_MISSING", "in": "DELIVER",
        "es": "DELIVER", "nanp": "DELIVER",
    }),
    ("+82255501111", QC, {
        "vn": "SPAM_BOX AD_QUIET_HOURS", "kr": "SPAM_BOX AD_LABEL_MISSING AD_OPT_OUT_MISSING AD_QUIET_HOURS",
        "sg": "DELIVER AD_LABEL_MISSING", "es": "DELIVER",
    }),
    ("+82255501111", PLAIN | {"event_time_ms": INDIA_21}, {"in": "SPAM_BOX AD_QUIET_HOURS"}),
    ("+82255501111", PLAIN | {"event_time_ms": INDIA_21 - 1}, {"in": "DELIVER"}),
    ("+82255501111", PLAIN | {"event_time_ms": INDIA_21 + 12 * HOUR - 1}, {"in": "SPAM_BOX AD_QUIET_HOURS"}),
    ("+82255501111", PLAIN | {"event_time_ms": INDIA_21 + 12 * HOUR}, {"in": "DELIVER"}),
    ("+82255501111", PLAIN | {"event_time_ms": INDIA_21, "purpose": "service"}, {"in": "DELIVER"}),
    ("+82255501111", CN, {"cn": "DELIVER", "vn": "LABEL AD_LABEL_MISSING AD_OPT_OUT_MISSING"}),
    ("+82255501111", PLAIN, {"cn": "LABEL AD_OPT_OUT_MISSING", "nanp": "DELIVER"}),
    ("Moa Mart", {}, {
        "kr": "REJECT SENDER_KIND_NOT_ALLOWED", "vn": "LABEL SENDER_NOT_REGISTERED",
        "sg": "LABEL SENDER_NOT_REGISTERED", "es": "REJECT SENDER_NOT_REGISTERED", "nanp":
        "REJECT SENDER_KIND_NOT_ALLOWED", "cn": "LABEL SENDER_KIND_NOT_ALLOWED", "generic": "DELIVER",
        "in": "LABEL SENDER_MALFORMED",
    }),
    ("VM-MOAMRT-S", {}, {"in": "REJECT SENDER_NOT_REGISTERED", "sg": "LABEL SENDER_NOT_REGISTERED"}),
    ("AD-REGSTD-P", {}, {"in": "DELIVER", "vn": "LABEL SENDER_NOT_REGISTERED"}),
    ("242424", {}, {"nanp": "DELIVER", "vn": "LABEL SENDER_MALFORMED", "kr": "REJECT SENDER_MALFORMED"}),
    ("1069012345678", {}, {"cn": "DELIVER", "vn": "LABEL SENDER_MALFORMED", "kr": "REJECT SENDER_MALFORMED"}),
]  # fmt: skip
CASES = [
    pytest.param(address, over, place, wanted, id=f"{address}-{over.get('text', '')[:5]}-{place}")
    for address, over, said in TABLE
    for place, wanted in said.items()
]
REGISTERS = {
    "vn": "vn-brandname-registry", "sg": "sg-sender-registry", "es": "es-alias-registry", "in": "in-dlt-headers",
}  # fmt: skip


def registers() -> list[Any]:
    """Each country's register, complete and fresh, with one name on India's."""
    rows: list[Any] = [sender("in:alnum:regstd", mode="open")]
    for place, feed in REGISTERS.items():
        rows.append(beat(feed, T - DAY, T + DAY, (f"{place}:sender",)))
        rows.append(Manifest(generation=f"g-{feed}", feed=feed, from_ms=T - DAY, partition=0, rows=0))
    return rows


@pytest.mark.parametrize(("address", "over", "place", "wanted"), CASES)
def test_what_is_spam_in_one_is_not_in_another(address: str, over: dict[str, Any], place: str, wanted: str) -> None:
    found = by(place, address, enforced(*registers()), relay=None, **over)
    assert f"{found.action} {' '.join(r.code for r in found.reasons)}".strip() == wanted
    assert found.jurisdiction == (None if place == "kr" else place)


def test_every_pack_is_in_the_table() -> None:
    assert {place for _, _, said in TABLE for place in said} == set(JURISDICTIONS)


def test_termination_goes_by_the_recipient_and_origination_by_the_relay() -> None:
    at = enforced(relay("relay-7", jurisdiction="vn"))
    assert by("sg", "Moa Mart", at).jurisdiction == "sg"
    assert by("sg", "Moa Mart", at, leg="origination").jurisdiction == "vn", "the row, not the stamp"
    assert by(None, "Moa Mart", at, leg="origination").jurisdiction == "vn"
    assert by(None, "Moa Mart", at).jurisdiction is None
    assert by("sg", "Moa Mart", at, relay="relay-8", leg="origination").jurisdiction == "sg", "no row: the stamp"
    assert by("kr", "Moa Mart", at).jurisdiction is None


def test_the_row_that_told_the_jurisdiction_is_the_first_version() -> None:
    at = enforced(relay("relay-7", jurisdiction="vn", version=7))
    assert by(None, "Moa Mart", at, leg="origination").versions.read.startswith("7")


def test_a_relay_moves_at_its_time() -> None:
    at = enforced(relay("relay-7", jurisdiction="vn", from_ms=T, recorded_at_ms=T))
    assert by(None, "Moa Mart", at, leg="origination").jurisdiction == "vn"
    assert by(None, "Moa Mart", at, leg="origination", event_time_ms=T - 1).jurisdiction is None


def test_a_country_without_a_pack_is_judged_by_generic_and_says_so() -> None:
    found = by("zz", "Moa Mart", enforced())
    assert (found.jurisdiction, found.flags, found.action) == ("generic", ("jurisdiction_without_pack",), "DELIVER")
    assert by("generic", "Moa Mart", enforced()).flags == ()


def test_nothing_published_abroad_blocks_nothing_there() -> None:
    found = by("es", "Moa Mart", enforced(*registers(), places=("kr",)))
    assert (found.action, [r.mode for r in found.reasons]) == ("DELIVER", ["OBSERVE"])
    assert found.shadow is not None
    assert found.shadow.verdict == "BLOCK"


def test_the_clock_is_the_carriers() -> None:
    """Another country's pack may have another skew; whether an event is late, the carrier's own says."""
    at = enforced()
    row = PolicyRow(jurisdiction="sg", timeline=(PolicyEntry(profile="enforce", pack={"skew_ms": 86_400_000}),))
    at.apply([Change("policy", 0, 99, "sg", raw(row))])
    found = by("sg", "+12025550123", at, event_time_ms=T - HOUR, ingested_at_ms=T)
    assert (found.event_time_ms, found.flags) == (T, ("time_from_ingest",))


def test_policies_of_a_jurisdiction() -> None:
    assert POLICIES.place(None) is POLICIES
    assert POLICIES.place("kr") is POLICIES
    assert POLICIES.place("sg") is POLICIES.place("sg")
    assert POLICIES.place("x1") is POLICIES.place("generic")
    assert POLICIES.shipped_places()[0] == "kr"
    assert Policies({("kr", "observe"): shipped()["kr", "observe"]}, "kr").place("sg").jurisdiction == "kr"


def test_a_report_is_attributed_by_the_rules_that_judged_the_message() -> None:
    at = enforced(sender("vn:alnum:moa mart", relays=("relay-7",)))
    told = report(displayed_sender="Moa Mart", route={"relay_id": "relay-7"})
    assert [v.subject for v in attribute(told, at, POLICIES, KEYS)] == ["relay:relay-7"]
    there = msgspec.structs.replace(told, jurisdiction="vn")
    (vote,) = attribute(there, at, POLICIES, KEYS)
    assert (vote.subject, vote.basis) == ("sender:vn:alnum:moa mart#0", "rate")


@pytest.mark.parametrize(("said", "judge"), [(None, None), ("kr", None), ("in", "in"), ("atlantis", "generic")])
def test_a_vote_names_whose_rules_judged_the_message(said: str | None, judge: str | None) -> None:
    told = report(text="win 500", jurisdiction=said)
    assert {v.jurisdiction for v in attribute(told, enforced(), POLICIES, KEYS)} == {judge}


def test_a_persons_message_keeps_its_country() -> None:
    found = judged(sent("+12025550123", jurisdiction="nanp", origin_number="+12025550123"), enforced())
    assert (found.jurisdiction, found.sender.kind) == ("nanp", "mobile")
