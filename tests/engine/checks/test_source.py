"""source: does the peer's address belong to the account? A LABEL at most."""

import pytest

from streams.engine.checks.source import check
from tests.engine.kit import a2p, account, case, said, view

NETS = ("203.0.113.0/24", "2001:db8::/32")
CASES = [
    ("inside", NETS, "203.0.113.9", "PASS"),
    ("inside, IPv6", NETS, "2001:db8::1", "PASS"),
    ("outside", NETS, "198.51.100.1", "SOURCE_NOT_LISTED"),
    ("outside, IPv6", NETS, "2001:db9::1", "SOURCE_NOT_LISTED"),
    ("no list", (), "198.51.100.1", "-"),
    ("no address", NETS, None, "-"),
    ("no readable address", NETS, "gateway.internal", "UNKNOWN"),
]


@pytest.mark.parametrize(("what", "networks", "peer", "answer"), CASES, ids=[c[0] for c in CASES])
def test_source(what: str, networks: tuple[str, ...], peer: str | None, answer: str) -> None:
    sent = a2p(route={"account_id": "acct-1", "peer_ip": peer})
    assert said(check(case(sent, view(account(networks=networks))))) == answer


def test_customers_move_their_servers() -> None:
    sent = a2p(route={"account_id": "acct-1", "peer_ip": "198.51.100.1"})
    judged = check(case(sent, view(account(networks=NETS))))
    assert judged is not None
    assert (judged.cap, judged.gate) == ("LABEL", "standing")


def test_no_account_no_row() -> None:
    assert check(case(a2p(route={"peer_ip": "198.51.100.1"}), view())) is None
    assert check(case(a2p(route={"account_id": "acct-1", "peer_ip": "198.51.100.1"}), view())) is None
