"""A bad network: what the proxy does to frames, and that the loop behind it still writes everything once."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from confluent_kafka import Producer

from streams.broker import LocalBroker
from streams.broker.settings import HOST, free_port
from streams.drill.proxy import END_TXN, Faults, Frames, Proxy, Request, correlation_of, proxied, request_of
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.loop import Loop
from streams.telemetry.metrics import read as metric
from tests.pipeline.toy import Toy, create, read, running, settings, until


def request(api_key: int, correlation: int, size: int = 0) -> bytes:
    body = struct.pack(">hhi", api_key, 3, correlation) + b"x" * size
    return struct.pack(">i", len(body)) + body


def reply(correlation: int) -> bytes:
    return struct.pack(">ii", 4, correlation)


@pytest.mark.parametrize("step", [1, 3, 7, 64, 100_000])
def test_frames_come_whole_however_they_were_torn(step: int) -> None:
    sent = [request(0, 1, 5000), request(END_TXN, 70_000), reply(9)]
    stream, frames = b"".join(sent), Frames()
    got = [frame for at in range(0, len(stream), step) for frame in frames.feed(stream[at : at + step])]
    assert got == sent
    assert request_of(got[1]) == Request(END_TXN, 70_000)
    assert correlation_of(got[2]) == 9


@pytest.mark.parametrize("size", [-1, 0, 1 << 30])
def test_what_is_no_frame_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no frame"):
        list(Frames().feed(struct.pack(">i", size)))


@contextmanager
def echo() -> Iterator[int]:
    """A server that answers every request with its correlation id."""
    with socket.create_server((HOST, 0)) as server:

        def answer(link: socket.socket) -> None:
            with link:
                frames = Frames()
                while chunk := link.recv(65_536):
                    for frame in frames.feed(chunk):
                        link.sendall(reply(request_of(frame).correlation))

        def serve() -> None:
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_quietly, args=(answer, link), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def _quietly(work: Callable[[socket.socket], None], link: socket.socket) -> None:
    with suppress(OSError):
        work(link)


def exactly(link: socket.socket, size: int) -> bytes:
    """So many bytes, or what came before the end (a socket with a timeout does not wait for all by itself)."""
    found = b""
    while len(found) < size and (more := link.recv(size - len(found))):
        found += more
    return found


def test_only_the_answer_to_a_commit_is_swallowed() -> None:
    faults = Faults(life_s=None, swallow=1.0, silence_s=0.0)
    with echo() as port, Proxy(port, faults) as proxy, socket.create_connection((HOST, proxy.port), 5) as link:
        for frame in (request(0, 1), request(END_TXN, 2), request(0, 3)):
            link.sendall(frame)
        assert exactly(link, 16) == reply(1) + reply(3)
        assert (proxy.commits, proxy.swallowed, proxy.cut) == (1, 1, 0)
        proxy.calm()
        link.sendall(request(END_TXN, 4))
        assert exactly(link, 8) == reply(4)


def test_a_connection_is_cut_in_its_time_and_not_when_calm() -> None:
    with echo() as port, Proxy(port, Faults(life_s=(0.1, 0.2))) as proxy:
        with socket.create_connection((HOST, proxy.port), 5) as link:
            begun = time.monotonic()
            assert _ended(link) and 0.05 < time.monotonic() - begun < 2
        proxy.calm()
        with socket.create_connection((HOST, proxy.port), 5) as link:
            time.sleep(0.3)
            link.sendall(request(0, 1))
            assert exactly(link, 8) == reply(1)
        assert (proxy.cut, proxy.connections) == (1, 2)


def _ended(link: socket.socket) -> bool:
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


def test_it_ends_by_itself() -> None:
    with echo() as port, Proxy(port, Faults(), max_seconds=0.2) as proxy:
        time.sleep(0.6)
        with pytest.raises(OSError):
            socket.create_connection((HOST, proxy.port), 1).close()


@pytest.fixture(scope="module")
def behind(kafka_install: None) -> Iterator[tuple[LocalBroker, int, int]]:
    """A broker, its second listener, and the port at which a proxy must stand before that."""
    port = free_port()
    controller = free_port(port)
    inner = free_port(port, controller)
    outer = free_port(port, controller, inner)
    with LocalBroker(port=port, max_seconds=300, extra=proxied(port, controller, inner, outer)) as broker:
        yield broker, inner, outer


# A connection that comes in while the proxy closes is dropped before its handler has begun.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_exactly_once_behind_a_bad_network(behind: tuple[LocalBroker, int, int], topics: str) -> None:
    broker, inner, outer = behind
    create(broker.bootstrap, topics, **{"in": 2, "out": 2, "in_dead": 1})
    out, begun = f"{topics}.out.v1", metric("aborts_total", step="toy", why="UnknownOutcome")

    def enough() -> bool:
        unknown = metric("aborts_total", step="toy", why="UnknownOutcome") - begun
        return proxy.swallowed >= 3 and proxy.cut >= 10 and unknown >= 1

    count, until_s = 0, time.monotonic() + 30
    with Proxy(inner, Faults(swallow=0.1, silence_s=2.5, seed=4), port=outer, max_seconds=120) as proxy:
        client = settings(f"{HOST}:{outer}", topics, batch=50, deadline_s=1.0)
        with running(Loop(Toy(), client, policy=CommitPolicy(max_records=50))) as raised:
            producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 5})
            while count < 1000 or (not enough() and time.monotonic() < until_s):
                producer.produce(f"{topics}.in.v1", b"%d" % count, b"k", count % 2)
                producer.poll(0)
                time.sleep(0.004)
                count += 1
            assert producer.flush(30) == 0
            proxy.calm()
            until(lambda: raised or len(read(broker.bootstrap, out)) >= count, 60)
    assert not raised
    got = Counter((m.value() or b"").split(b":")[2] for m in read(broker.bootstrap, out))
    assert got == Counter(b"%d" % number for number in range(count))
    assert enough(), f"vacuous: {proxy.swallowed} answers swallowed, {proxy.cut} connections cut, or none unknown"
