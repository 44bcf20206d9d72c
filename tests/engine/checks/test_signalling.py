"""signalling: what the network saw; roamers and empty answers are never forged for that."""

from typing import Any

import msgspec
import pytest

from streams.contracts.messages import UNTOLD, Message, Signalling
from streams.contracts.registry import NetworkEntry, NetworkRow
from streams.engine.checks.signalling import check
from streams.engine.intake import read_message
from streams.engine.registry import RowRefused, merge
from tests.engine.kit import HOUR, T, case, decide, message, said, view

FRESH = {"hlr_at_ms": T - HOUR}
OTHER = {**FRESH, "serving_net": "45000", "sending_net": "99901"}
MO: list[tuple[str, dict[str, Any], str]] = [
    ("nothing told", {}, "-"),
    ("only what the HLR said of roaming", {"roaming": False, "hlr_at_ms": T}, "-"),
    ("at home, handed in elsewhere", {**OTHER, "roaming": False}, "MO_SPOOFED"),
    ("a roamer between networks", {**OTHER, "roaming": True}, "UNKNOWN"),
    ("elsewhere, and nobody knows whether it roams", OTHER, "UNKNOWN"),
    ("where it is served", {**OTHER, "sending_net": "45000", "roaming": False}, "PASS"),
    ("a roamer where it is served", {**OTHER, "serving_net": "99901", "roaming": True}, "PASS"),
    ("an empty HLR answer: a roamer was once blocked for that", {**FRESH, "sending_net": "99901"}, "UNKNOWN"),
    ("empty, though roaming is false", {**FRESH, "sending_net": "99901", "roaming": False}, "UNKNOWN"),
    ("an answer that is too old", {**OTHER, "roaming": False, "hlr_at_ms": T - HOUR - 1}, "UNKNOWN"),
    ("an answer from later", {**OTHER, "roaming": False, "hlr_at_ms": T + 1}, "UNKNOWN"),
    ("nobody knows when", {**OTHER, "roaming": False, "hlr_at_ms": None}, "UNKNOWN"),
    ("another SIM", {**FRESH, "imsi_match": False}, "MO_SPOOFED"),
    ("another SIM, too old to say", {"imsi_match": False, "hlr_at_ms": T - HOUR - 1}, "UNKNOWN"),
    ("its own SIM", {**FRESH, "imsi_match": True}, "PASS"),
]
A, B, C, D = "99901000001", "99902000001", "99901000002", "99903000001"
ROWS = (("99901", {"network": "n1"}), ("99902", {"network": "n2", "trusted": True}), ("99903", {
    "network": "n3", "trusted": True, "links": ("link-3",)}), ("8210", {"network": "45000", "own": True}))  # fmt: skip
MT: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("one address everywhere", {"sri_sccp": A, "fsm_sccp": A, "sri_map": A, "fsm_map": A}, {}, "PASS"),
    ("query and forward differ (SCCP)", {"sri_sccp": A, "fsm_sccp": B}, {}, "SMSC_FAKED"),
    ("query and forward differ (MAP)", {"sri_map": A, "fsm_map": B}, {}, "SMSC_FAKED"),
    ("inside the query", {"sri_sccp": A, "sri_map": B}, {}, "SMSC_FAKED"),
    ("inside the forward", {"fsm_sccp": A, "fsm_map": B}, {}, "SMSC_FAKED"),
    ("two switches of one network", {"sri_sccp": A, "fsm_sccp": C}, {}, "PASS"),
    ("both trusted", {"sri_sccp": B, "fsm_sccp": D}, {}, "PASS"),
    ("an address without a row", {"sri_sccp": A, "fsm_sccp": "88800000001"}, {}, "SMSC_FAKED"),
    ("only the query's", {"sri_sccp": A}, {}, "UNKNOWN"),
    ("nothing to compare with", {"sri_sccp": A, "fsm_map": B}, {}, "UNKNOWN"),
    ("asked before", {"sri_seen": True}, {}, "PASS"),
    ("never asked", {"sri_seen": False}, {}, "FORWARD_UNSOLICITED"),
    ("not told whether it was", {"sri_seen": None}, {}, "-"),
    ("never asked, but trusted", {"sri_seen": False, "fsm_sccp": B, "fsm_map": B}, {}, "PASS"),
    ("never asked, one of both trusted", {"sri_seen": False, "fsm_sccp": B, "fsm_map": A}, {},
     "SMSC_FAKED+FORWARD_UNSOLICITED"),
    ("our own address from abroad", {"fsm_sccp": "82100001", "fsm_map": "82100001"}, {"international": True},
     "OWN_ADDRESS_ABROAD"),
    ("our own address at home", {"fsm_sccp": "82100001", "fsm_map": "82100001"}, {}, "PASS"),
    ("another's from abroad", {"fsm_sccp": A, "fsm_map": A}, {"international": True}, "PASS"),
    ("on its link", {"fsm_sccp": D, "fsm_map": D, "link": "link-3"}, {}, "PASS"),
    ("on another's link", {"fsm_sccp": D, "fsm_map": D, "link": "link-9"}, {}, "LINK_WRONG"),
    ("no links listed", {"fsm_sccp": A, "fsm_map": A, "link": "link-9"}, {}, "PASS"),
    ("a link alone", {"link": "link-9"}, {}, "-"),
]  # fmt: skip


def rows() -> list[NetworkRow]:
    return [NetworkRow(key=f"network:gt:{gt}", timeline=(NetworkEntry(**entry),)) for gt, entry in ROWS]


@pytest.mark.parametrize(("what", "told", "answer"), MO, ids=[c[0] for c in MO])
def test_from_a_handset(what: str, told: dict[str, Any], answer: str) -> None:
    assert said(check(case(message(signalling=Signalling(**told)), view()))) == answer


@pytest.mark.parametrize(("what", "told", "route", "answer"), MT, ids=[c[0] for c in MT])
def test_forwards(what: str, told: dict[str, Any], route: dict[str, Any], answer: str) -> None:
    sent = message(channel="mt", signalling=Signalling(**told), route=route)
    assert said(check(case(sent, view(*rows())))) == answer


def test_a_foreign_numbers_hlr_is_not_asked() -> None:
    sent = message("+12025550123", signalling=Signalling(**OTHER, roaming=False))
    assert said(check(case(sent, view()))) == "-"


def test_several_failures_are_all_named() -> None:
    told = Signalling(sri_sccp=A, fsm_sccp="82100001", sri_seen=False)
    answer = check(case(message(channel="mt", signalling=told, route={"international": True}), view(*rows())))
    assert said(answer) == "SMSC_FAKED+OWN_ADDRESS_ABROAD+FORWARD_UNSOLICITED"
    assert answer is not None
    assert answer.evidence["differ"] == ("sri_sccp fsm_sccp",)


def test_a_longer_prefix_goes_before_a_shorter_one_and_the_whole_address_before_both() -> None:
    def network(told: str) -> str | None:
        found = case(message(), view(*made)).network_of(told).entry
        return None if found is None else found.network

    keys = ("999", "99901", "9990100000", "999010000012")
    made = [NetworkRow(key=f"network:gt:{k}", timeline=(NetworkEntry(network=f"n{len(k)}"),)) for k in keys]
    assert [network(a) for a in ("999010000012", "999010000099", "99901555", "9995", "888")] == [
        "n12", "n10", "n5", "n3", None,
    ]  # fmt: skip


def test_a_row_that_ended_trusts_nobody() -> None:
    entries = [NetworkEntry(network="n1", trusted=True, to_ms=T), NetworkEntry(network="n2", trusted=True)]
    made = [NetworkRow(key=f"network:gt:9990{n}", timeline=(e,)) for n, e in enumerate(entries, 1)]
    sent = message(channel="mt", signalling=Signalling(sri_sccp=A, fsm_sccp=B))
    assert said(check(case(sent, view(*made)))) == "SMSC_FAKED"


def test_nothing_told_costs_nothing() -> None:
    sent = message()
    raw = msgspec.json.encode(sent)
    assert b'"signalling":{}' in raw
    bare = raw.replace(b'"signalling":{},', b"")
    assert msgspec.json.decode(bare, type=Message).signalling is UNTOLD
    assert read_message(bare)[0].signalling is UNTOLD


def test_the_gate_blocks_and_names_it() -> None:
    found = decide(message(channel="mt", signalling=Signalling(sri_seen=False)), view())
    assert (found.action, [r.code for r in found.reasons]) == ("REJECT", ["FORWARD_UNSOLICITED"])
    assert (found.checks[-1].check, found.checks[-1].outcome) == ("signalling", "FAIL")


@pytest.mark.parametrize("key", ["network:gt:", "network:gt:12", "network:gt:82x", "network:gt:" + "9" * 16,
                                 "network:8210", "network:gt:\u0661\u0662\u0663"])  # fmt: skip
def test_a_row_that_nobody_would_find_is_refused(key: str) -> None:
    with pytest.raises(RowRefused, match="BAD_ADDRESS"):
        merge(None, NetworkRow(key=key, timeline=(NetworkEntry(network="n1"),)))


def test_a_row_is_merged() -> None:
    row = NetworkRow(key="network:gt:8210", timeline=(NetworkEntry(network="n1"),))
    assert merge(None, row) == row
