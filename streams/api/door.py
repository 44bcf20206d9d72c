"""Accepts connections: not more than so many from one address, and the caller's address from listed proxies only.

A listed proxy begins each connection with a PROXY protocol header (1 or 2); whoever else sends one is answered as what
he then is: a client that speaks no HTTP. TLS begins after it, here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple, cast

import structlog
from proxyprotocol import ProxyProtocolIncompleteError
from proxyprotocol.detect import ProxyProtocolDetect
from proxyprotocol.result import is_ipv4, is_ipv6

log = structlog.get_logger()
_HEADER_S = 5.0
_MAX_HEADER = 4096
_LINE_ENDS = b"\r\n"
Peer = tuple[str, int]


class Rules(NamedTuple):
    """per_address: connections from one address at once. proxies: whose PROXY header is asked for and believed."""

    per_address: int = 100
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    tls: ssl.SSLContext | None = None


class Door:
    """A listening socket whose connections get protocols of `factory`."""

    def __init__(self, factory: Callable[[], asyncio.Protocol], rules: Rules) -> None:
        self._factory, self._rules = factory, rules
        self._held: Counter[str] = Counter()
        self._claimed: dict[Peer, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None
        self.refused = 0

    def address_of(self, peer: object) -> str:
        """The caller's address of a connection whose socket's other end is `peer`: behind a proxy, as that said."""
        here = _peer(peer)
        return self._claimed.get(here, here[0])

    def open(self, host: str, port: int) -> int:
        """Listen; the port. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, port), family=family, backlog=1024)
        self._listening.setblocking(False)
        self._start(self._accept(self._listening))
        return int(self._listening.getsockname()[1])

    async def close(self) -> None:
        """Take no more connections."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(listening)
            except OSError as error:  # no descriptors left, or the client is gone: the next one may fare better
                log.warning("api_accept_failed", error=str(error))
                await asyncio.sleep(0.05)
                continue
            connection.setblocking(False)
            self._start(self._enter(connection, _peer(peer)))

    async def _enter(self, connection: socket.socket, peer: Peer) -> None:
        """From a socket to a protocol, or closed."""
        entered = False
        try:
            address = peer[0]
            if any(ip_address(address) in network for network in self._rules.proxies):
                address = await asyncio.wait_for(_claimed(connection, address), _HEADER_S)
            if self._held[address] >= self._rules.per_address:
                self.refused += 1
                return
            self._held[address] += 1
            entered = True
            await self._serve(connection, peer, address)
        except (TimeoutError, OSError, ValueError) as error:
            # No header, no TLS, or gone meanwhile.
            log.info("api_connection_refused", why=type(error).__name__)
        finally:
            if not entered:
                connection.close()

    async def _serve(self, connection: socket.socket, peer: Peer, address: str) -> None:
        if address != peer[0]:
            self._claimed[peer] = address
        watched = _Watched(self._factory(), lambda: self._left(peer, address))
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: watched, connection, ssl=self._rules.tls)
        except BaseException:
            watched.leave()
            connection.close()
            raise

    def _left(self, peer: Peer, address: str) -> None:
        self._claimed.pop(peer, None)
        self._held[address] -= 1
        if self._held[address] <= 0:
            del self._held[address]


class _Watched(asyncio.Protocol):
    """Hands everything on, and says once that the connection has ended."""

    def __init__(self, inner: asyncio.Protocol, left: Callable[[], None]) -> None:
        self._inner, self._left = inner, left
        self.connection_made, self.data_received = inner.connection_made, inner.data_received  # type: ignore[method-assign]  # no detour for the bytes
        self.eof_received = inner.eof_received  # type: ignore[method-assign]  # as above
        self.pause_writing, self.resume_writing = inner.pause_writing, inner.resume_writing  # type: ignore[method-assign]  # as above

    def connection_lost(self, exc: Exception | None) -> None:
        self.leave()
        self._inner.connection_lost(exc)

    def leave(self) -> None:
        left, self._left = self._left, lambda: None
        left()


def _peer(peer: object) -> Peer:
    host, port = cast(tuple[str, int], peer)[:2]
    return host.removeprefix("::ffff:"), port


async def _claimed(connection: socket.socket, proxy: str) -> str:
    """The address that a PROXY header names; the proxy's own where it speaks for itself. Reads not a byte more.

    Raises ValueError when there is no such header.
    """
    loop, parser, read = asyncio.get_running_loop(), ProxyProtocolDetect(), b""
    while len(read) < _MAX_HEADER:
        try:
            result = parser.unpack(read)
        except ProxyProtocolIncompleteError as incomplete:
            wanted = incomplete.want_read
            read += await _exactly(loop, connection, wanted.want_bytes or 1, wanted.want_line)
            continue
        if is_ipv4(result) or is_ipv6(result):
            return str(result.source[0])
        return proxy
    raise ValueError("a PROXY header without an end")


async def _exactly(loop: asyncio.AbstractEventLoop, connection: socket.socket, count: int, line: bool) -> bytes:
    found = b""
    while len(found) < count or (line and not found.endswith(_LINE_ENDS)):
        if len(found) >= _MAX_HEADER:
            raise ValueError("a PROXY header without an end")
        with contextlib.suppress(BlockingIOError):
            part = await loop.sock_recv(connection, 1 if line else count - len(found))
            if not part:
                raise ValueError("gone")
            found += part
    return found
