"""Connections: so many from one address; PROXY headers from listed proxies only."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest
from proxyprotocol.result import ProxyResultIPv4
from proxyprotocol.v2 import ProxyProtocolV2

from streams.api.door import Rules
from tests.api.live import Live, live
from tests.engine.kit import view

LOOPBACK = (ip_network("127.0.0.0/8"),)


Connect = Callable[..., socket.socket]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connections to a server, with the bytes that they begin with; all closed at the end."""
    with ExitStack() as held:

        def made(api: Live, begin: bytes = b"") -> socket.socket:
            connection = held.enter_context(socket.create_connection(("127.0.0.1", api.port), 5))
            connection.sendall(begin)
            return connection

        yield made


def answered(connection: socket.socket, path: str = "/healthz", headers: str = "") -> bytes:
    """The head of the answer; empty where the connection was closed instead."""
    try:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        return connection.recv(4096)
    except (ConnectionError, TimeoutError):
        return b""


def test_the_hundred_and_first_connection_of_an_address_is_refused(tmp_path: Path, connect: Connect) -> None:
    with live(tmp_path, rules=Rules(per_address=100)) as api:
        held = [connect(api) for _ in range(100)]
        assert all(answered(c).startswith(b"HTTP/1.1 200") for c in held)
        assert answered(connect(api)) == b""
        assert api.door is not None and api.door.refused == 1
        held.pop().close()
        deadline = time.monotonic() + 10
        while not answered(connect(api)).startswith(b"HTTP/1.1 200"):
            assert time.monotonic() < deadline, "one that left makes room"


V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n"
V2 = ProxyProtocolV2().pack(ProxyResultIPv4((IPv4Address("192.0.2.7"), 51000), (IPv4Address("198.51.100.1"), 443)))


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_a_listed_proxy_says_who_calls(tmp_path: Path, connect: Connect, header: bytes) -> None:
    with live(tmp_path, rules=Rules(per_address=1, proxies=LOOPBACK)) as api:
        first = connect(api, header)
        key = f"Authorization: {api.bearer()['Authorization']}\r\n"
        assert answered(first, "/v1/senders/15881234", key).startswith(b"HTTP/1.1 200")
        assert api.audit.records[-1].remote == "192.0.2.7"
        assert answered(connect(api, header)) == b"", "counted by the caller's address"
        other = connect(api, V1.replace(b"192.0.2.7", b"192.0.2.8"))
        assert answered(other).startswith(b"HTTP/1.1 200")


def test_from_anybody_else_it_is_no_http(tmp_path: Path, connect: Connect) -> None:
    with live(tmp_path, rules=Rules(proxies=(ip_network("192.0.2.0/24"),))) as api:
        assert answered(connect(api, V1)).startswith(b"HTTP/1.0 400")
        assert answered(connect(api)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "begin", [b"GET /healthz HTTP/1.1\r\n\r\n", b"PROXY TCP4 nonsense\r\n", b"PROXY " + b"x" * 5000, b"\x00" * 16]
)
def test_a_listed_proxy_that_says_nothing_of_the_kind_is_cut_off(
    tmp_path: Path, connect: Connect, begin: bytes
) -> None:
    with live(tmp_path, view(), Rules(proxies=LOOPBACK)) as api:
        assert answered(connect(api, begin)) == b""
        assert answered(connect(api, V1)).startswith(b"HTTP/1.1 200"), "and the door stays open"


def test_a_proxy_speaks_for_itself(tmp_path: Path, connect: Connect) -> None:
    with live(tmp_path, rules=Rules(proxies=LOOPBACK)) as api:
        assert answered(connect(api, b"PROXY UNKNOWN\r\n")).startswith(b"HTTP/1.1 200")
