"""source: does the peer's address belong to the account? A LABEL at most: customers move their servers."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from streams.engine.case import Case
from streams.engine.outcome import Check

NAME = "source"
PASS = Check(NAME, "PASS", gate="standing")


def check(case: Case) -> Check | None:
    """FAIL SOURCE_NOT_LISTED (standing, capped at LABEL). No list, no address: nothing to say."""
    route = case.message.route
    if route.account_id is None or route.peer_ip is None:
        return None
    read = case.account_row(route.account_id)
    if read.entry is None or not read.entry.networks:
        return None
    listed = _listed(route.peer_ip, read.entry.networks)
    if listed is None:
        return Check(NAME, "UNKNOWN", (), {"why": "the peer address cannot be read"}, gate="standing")
    if listed:
        return PASS
    return Check(NAME, "FAIL", ("SOURCE_NOT_LISTED",), {}, read.since_ms, "LABEL", "standing")


@lru_cache(maxsize=1 << 15)
def _listed(peer: str, networks: tuple[str, ...]) -> bool | None:
    try:
        address = ip_address(peer)
    except ValueError:
        return None
    return any(address in network for network in _networks(networks))


@lru_cache(maxsize=1 << 14)
def _networks(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(n, strict=False) for n in networks)
