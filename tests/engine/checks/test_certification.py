"""certification: may these hands carry mass traffic?"""

from typing import Any

import pytest

from streams.contracts.feeds import RegistryValue
from streams.engine.checks.certification import check
from tests.engine.kit import T, a2p, account, alive, beat, case, certificate, message, relay, reseller, said, view

CHAIN = {"relay_id": "relay-7", "chain": ("reseller-1", "reseller-2"), "account_id": "acct-1"}
S2 = reseller("reseller-2")
ALL: list[RegistryValue] = [relay(), reseller("reseller-1"), S2, account()]
COMPLETE = alive("kr-certification")
CASES: list[tuple[str, dict[str, Any], list[RegistryValue], str]] = [
    ("all in order", CHAIN, [*ALL], "PASS"),
    ("all in order, feed stale", CHAIN, [*ALL, *alive("kr-certification", until=T)], "PASS"),
    ("relay without a row, feed complete", {"relay_id": "relay-8"}, [*COMPLETE], "RELAY_UNKNOWN"),
    ("relay without a row", {"relay_id": "relay-8"}, [], "UNKNOWN"),
    ("relay suspended", {"relay_id": "relay-7"}, [relay(state="suspended")], "RELAY_UNKNOWN"),
    ("certificate ended", CHAIN, [relay(), reseller(to_ms=T), S2, account()], "RESELLER_UNCERTIFIED"),
    ("it ends right after", CHAIN, [relay(), reseller(to_ms=T + 1), S2, account()], "PASS"),
    ("the second in the chain expelled", CHAIN, [*ALL[:2], reseller("reseller-2", state="expelled"), account()],
     "RESELLER_UNCERTIFIED"),
    ("the second has no row, feed complete", CHAIN, [*ALL[:2], account(), *COMPLETE], "RESELLER_UNCERTIFIED"),
    ("the second has no row", CHAIN, [*ALL[:2], account()], "UNKNOWN"),
    ("account without a row, complete", CHAIN, [*ALL[:3], *COMPLETE], "ACCOUNT_UNKNOWN"),
    ("account suspended", CHAIN, [*ALL[:3], account(state="suspended")], "ACCOUNT_SUSPENDED"),
    ("several at once", CHAIN, [*COMPLETE], "RELAY_UNKNOWN+RESELLER_UNCERTIFIED+ACCOUNT_UNKNOWN"),
    ("a fact beside a gap", CHAIN, [relay(), reseller(state="suspended")], "RESELLER_UNCERTIFIED"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "route", "rows", "answer"), CASES, ids=[c[0] for c in CASES])
def test_certification(what: str, route: dict[str, Any], rows: list[RegistryValue], answer: str) -> None:
    judged = check(case(a2p(route=route), view(*rows)))
    assert said(judged) == answer
    assert judged is not None
    assert judged.gate == "standing"


def test_a_handset_needs_none() -> None:
    assert check(case(message(), view(*COMPLETE))) is None


def test_the_evidence_names_who() -> None:
    judged = check(case(a2p(route={"chain": ("reseller-1",)}), view(relay(), reseller(state="expelled"))))
    assert judged is not None
    assert judged.evidence == {"reseller:reseller-1": "RESELLER_UNCERTIFIED"}


def test_an_end_counts_from_the_end_on() -> None:
    ended = reseller(recorded_at_ms=T - 1000, to_ms=T - 10)
    judged = check(case(a2p(route={"chain": ("reseller-1",)}), view(relay(), ended)))
    assert judged is not None
    assert judged.since_ms == T - 10


CARD = {"relay_id": "relay-7", "chain": ("reseller-1",)}
HELD: list[RegistryValue] = [relay(), reseller(certificate="C-1")]
LISTED = [*alive("kr-certification"), beat("kr-certification", T - 1, T + 2 * 86_400_000, words=("kr:certificate",))]
CERTIFICATES: list[tuple[str, list[RegistryValue], str]] = [
    ("valid", [*HELD, certificate("reseller:reseller-1")], "PASS"),
    ("lapsed", [*HELD, certificate("reseller:reseller-1", to_ms=T)], "lapsed"),
    ("lapses right after", [*HELD, certificate("reseller:reseller-1", to_ms=T + 1)], "PASS"),
    ("suspended", [*HELD, certificate("reseller:reseller-1", state="suspended")], "suspended"),
    ("somebody else's", [*HELD, certificate("reseller:reseller-9")], "another's"),
    ("a relay of that name", [*HELD, certificate("relay:reseller-1")], "another's"),
    ("for this channel", [*HELD, certificate("reseller:reseller-1", channels=("mt",))], "PASS"),
    ("for another channel", [*HELD, certificate("reseller:reseller-1", channels=("rcs",))], "for other channels"),
    ("for this purpose", [*HELD, certificate("reseller:reseller-1", purposes=("transactional",))], "PASS"),
    ("for another", [*HELD, certificate("reseller:reseller-1", purposes=("personal",))], "for other purposes"),
    ("no row, nobody vouches", [*HELD, *COMPLETE], "PASS"),
    ("no row, a whole list", [*HELD, *LISTED], "not issued"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "rows", "answer"), CERTIFICATES, ids=[c[0] for c in CERTIFICATES])
def test_a_certificate_is_a_row_of_its_own(what: str, rows: list[RegistryValue], answer: str) -> None:
    judged = check(case(a2p(route=CARD, purpose="transactional"), view(*rows)))
    assert judged is not None
    assert said(judged) == ("PASS" if answer == "PASS" else "RESELLER_UNCERTIFIED")
    assert judged.evidence.get("certificate:C-1", "PASS") == answer
    assert judged.gate == "standing"


def test_a_purpose_that_nobody_stated_is_not_held_against_a_certificate() -> None:
    rows = [*HELD, certificate("reseller:reseller-1", purposes=("personal",))]
    assert said(check(case(a2p(route=CARD), view(*rows)))) == "PASS"


def test_a_relay_holds_one_too() -> None:
    rows = [relay(certificate="C-2"), certificate("relay:relay-7", "C-2", to_ms=T)]
    judged = check(case(a2p(), view(*rows)))
    assert judged is not None
    assert (said(judged), judged.since_ms) == ("RELAY_UNCERTIFIED", T)
    assert judged.evidence == {"relay:relay-7": "RELAY_UNCERTIFIED", "certificate:C-2": "lapsed"}
