"""A bad network in front of a broker: connections are cut, and the answer to a commit is swallowed.

Kafka's framing is enough: a request is a length (4 bytes), api_key (2), api_version (2), correlation id (4); an
answer a length and the correlation id (Kafka protocol guide, "Protocol Primitives" and "Request Header"). EndTxn is
api_key 26. Whoever swallows its answer leaves the producer with an unknown outcome: the transaction is committed, and
nobody said so.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from streams.broker.settings import HOST, free_port

END_TXN = 26
_MAX_FRAME_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class Frames:
    """Cuts a byte stream into Kafka's frames, length included. Raises ValueError on what can't be one."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The frames that are whole now."""
        self._held += chunk
        while len(self._held) >= 4:
            size = int.from_bytes(self._held[:4], "big", signed=True)
            if not 4 <= size <= _MAX_FRAME_BYTES:
                raise ValueError(f"{size} bytes are no frame")
            if len(self._held) < size + 4:
                return
            frame = bytes(self._held[: size + 4])
            del self._held[: size + 4]
            yield frame


class Request(NamedTuple):
    """What of a request's header matters here."""

    api_key: int
    correlation: int


def request_of(frame: bytes) -> Request:
    """The header of a request."""
    return Request(int.from_bytes(frame[4:6], "big"), int.from_bytes(frame[8:12], "big"))


def correlation_of(frame: bytes) -> int:
    """The correlation id of an answer."""
    return int.from_bytes(frame[4:8], "big")


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong while the proxy is not calm.

    life_s: each connection is cut after a time from this range, in seconds; None: never. swallow: share of EndTxn
    answers at which silence begins. silence_s: so long every EndTxn answer is swallowed, that of a repetition too, so
    that the producer runs into its deadline.
    """

    life_s: tuple[float, float] | None = (0.5, 1.5)
    swallow: float = 0.05
    silence_s: float = 4.0
    seed: int = 0


class Proxy:
    """Listens on 127.0.0.1:`port` and hands everything to `upstream`. In a thread of its own; ends with `close`, or by
    itself after `max_seconds`. The figures may be read at any time.
    """

    def __init__(self, upstream: int, faults: Faults, *, port: int = 0, max_seconds: float = 600.0) -> None:
        self.port = port or free_port(upstream)
        self.connections = self.cut = self.swallowed = self.commits = 0
        self.last_fault_s = 0.0  # monotonic
        self._upstream, self._faults, self._max_seconds = upstream, faults, max_seconds
        self._random = random.Random(faults.seed)
        self._calm = False
        self._silent_until_s = 0.0
        self._open: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Event | None = None
        self._running: asyncio.AbstractEventLoop | None = None
        self._listening = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._listening.wait(10)
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def calm(self) -> None:
        """No more faults from here on."""
        self._calm = True

    def close(self) -> None:
        """Cut everything and stop listening."""
        if self._running is not None and self._ended is not None and self._thread.is_alive():
            self._running.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failed = error
        finally:
            self._listening.set()

    async def _serve(self) -> None:
        self._running, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, HOST, self.port)
        self._listening.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), self._max_seconds)
        server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            await _Link(self).join(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy is closing; a handler's end is not asyncio's business
        finally:
            writer.transport.abort()
            self._open.discard(task)

    def life_s(self) -> float | None:
        """How long a new connection lives."""
        return None if self._faults.life_s is None else self._random.uniform(*self._faults.life_s)

    def was_cut(self) -> bool:
        """A connection's time is over: whether it is cut. Not while it is calm."""
        if not self._calm:
            self.cut += 1
            self.last_fault_s = time.monotonic()
        return not self._calm

    def swallows(self) -> bool:
        """Whether the answer to an EndTxn that has just come is lost."""
        now = time.monotonic()
        self.commits += 1
        if self._calm:
            return False
        if now >= self._silent_until_s:
            if self._random.random() >= self._faults.swallow:
                return False
            self._silent_until_s = now + self._faults.silence_s
        self.swallowed += 1
        self.last_fault_s = now
        return True

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the broker."""
        return await asyncio.open_connection(HOST, self._upstream)


class _Link:
    """One connection, both ways."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._commits: set[int] = set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until one side ends or the connection is cut."""
        try:
            theirs, ours = await self._proxy.dial()
        except OSError:
            return  # the broker is away: the client sees a connection that ends
        pumps = {
            asyncio.ensure_future(self._pump(reader, ours, self._asked)),
            asyncio.ensure_future(self._pump(theirs, writer, self._answered)),
        }
        try:
            life = self._proxy.life_s()
            done, _ = await asyncio.wait(pumps, timeout=life, return_when=asyncio.FIRST_COMPLETED)
            if not done and not self._proxy.was_cut():
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            ours.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, passes: Callable[[bytes], bool]
    ) -> None:
        frames = Frames()
        while chunk := await source.read(_CHUNK_BYTES):
            for frame in frames.feed(chunk):
                if passes(frame):
                    sink.write(frame)
            await sink.drain()

    def _asked(self, frame: bytes) -> bool:
        request = request_of(frame)
        if request.api_key == END_TXN:
            self._commits.add(request.correlation)
        return True

    def _answered(self, frame: bytes) -> bool:
        correlation = correlation_of(frame)
        if correlation not in self._commits:
            return True
        self._commits.discard(correlation)
        return not self._proxy.swallows()


def proxied(port: int, controller: int, inner: int, outer: int) -> dict[str, object]:
    """Broker settings for `LocalBroker(port=port, extra=…)` with a second listener behind a proxy. Ports of 127.0.0.1.

    Brokers tell clients where to connect: who comes in through `inner` is told `outer`, the proxy's, and stays there.
    """
    own, control = f"PLAINTEXT://{HOST}:{port}", f"CONTROLLER://{HOST}:{controller}"
    return {
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller}",
        "listeners": f"{own},{control},PROXIED://{HOST}:{inner}",
        "advertised.listeners": f"{own},{control},PROXIED://{HOST}:{outer}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
    }
