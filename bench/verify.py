"""The verification API as it runs: the process, its replica on disk, its audit log on a real Kafka; one core for it.

    python -m bench.verify [--requests N] [--connections N] [--senders N] [--repeats N] [--core N | --no-pin] [--write]

The server stays on one core; broker and clients share the other. `wall` is what the clients saw, which they and the
broker may have held up; `cpu` divides by the processor time that the server used, which is what one core can do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import aiohttp
from confluent_kafka import Producer

from bench.command import pinned, told
from bench.machine import cores, pin
from bench.spread import spread
from streams.api.keys import new_key
from streams.broker import LocalBroker
from streams.contracts.base import encoder
from streams.contracts.feeds import RegistryValue, key_of
from streams.contracts.registry import RelayEntry, RelayRow, Routes, SenderEntry, SenderRow
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics

MAX_SECONDS = 900.0
MANY = 1000
_TICKS = os.sysconf("SC_CLK_TCK")


def address(index: int) -> str:
    """A representative number."""
    return f"1588{index % 10_000:04d}"


def rows(count: int) -> list[RegistryValue]:
    """The relay, and so many senders that may come through it."""
    routes = Routes(mode="exclusive", relays=("relay-7",))
    found: list[RegistryValue] = [RelayRow(key="relay:relay-7", timeline=(RelayEntry(),))]
    found += [SenderRow(key=f"sender:kr:{address(n)}", timeline=(SenderEntry(routes=routes),)) for n in range(count)]
    return found


def prepare(connection: Connection, count: int) -> None:
    """Topics, and the register."""
    create_topics(connection, {"messages": 1, "registry": 1, "reputation": 1, "single": 1})
    producer = Producer(connection.base())
    for row in rows(count):
        producer.produce(connection.topic("registry"), encoder().encode(row), key_of(row))
    if producer.flush(60):
        raise RuntimeError("the register was not written")


def started(connection: Connection, directory: Path) -> tuple[subprocess.Popen[bytes], str, str]:
    """(the process, its address, a secret that opens it)."""
    secret, sha256 = new_key()
    (directory / "keys.toml").write_text(f'[[key]]\nid = "bench"\nrelay = "relay-7"\nsha256 = "{sha256}"\n')
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DUALBLOCK_")} | {
        "DUALBLOCK_BOOTSTRAP": connection.bootstrap, "DUALBLOCK_PREFIX": connection.prefix,
        "DUALBLOCK_INSTANCE": "bench", "DUALBLOCK_STATE_DIR": str(directory), "DUALBLOCK_ALLOW_DEMO_KEYS": "true",
        "DUALBLOCK_API__PORT": "0", "DUALBLOCK_API__KEYS_FILE": str(directory / "keys.toml"),
        "DUALBLOCK_API__QUESTIONS_PER_SECOND": "1000000", "DUALBLOCK_API__CONNECTIONS_PER_ADDRESS": "1000",
    }  # fmt: skip
    log = directory / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "api"], env=environment, stdout=said, stderr=subprocess.STDOUT
        )
    until = time.monotonic() + 60
    while "http://" not in (text := log.read_text()):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the API did not start: {text}")
        time.sleep(0.05)
    return process, "http://" + text.partition("http://")[2].partition("/v1")[0], secret


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def asked(url: str, secret: str, requests: int, connections: int, senders: int, many: int) -> None:
    """Ask; each answer must be that the sender is valid. many: questions in one request, 0: one by itself."""
    left = iter(range(requests))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session:

        async def client() -> None:
            for index in left:
                one = {"sender": address(index % senders)}
                body = [one] * many if many else one
                async with session.post(f"{url}/v1/verify", json=body) as answer:
                    text = await answer.text()
                    if answer.status != 200 or '"standing":"valid"' not in text:
                        raise RuntimeError(f"{answer.status}: {text[:300]}")

        await asyncio.gather(*(client() for _ in range(connections)))


async def ready(url: str) -> None:
    """Wait until questions are answered."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{url}/healthz") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.1)


def measured(url: str, secret: str, pid: int, given: argparse.Namespace) -> list[str]:
    """Two lines: one question a request, and many."""
    lines = []
    for name, requests, many in (("single", given.requests, 0), (f"by {MANY}", max(1, given.requests // 200), MANY)):
        wall, cpu = [], []
        for _ in range(given.repeats):
            begun, used = time.perf_counter(), cpu_s(pid)
            asyncio.run(asked(url, secret, requests, given.connections, given.senders, many))
            questions = requests * (many or 1)
            wall.append(questions / (time.perf_counter() - begun))
            cpu.append(questions / (cpu_s(pid) - used))
        lines.append(f"{name:<8} cpu {spread(cpu).shown('/s', 0)}   wall {spread(wall).shown('/s', 0)}")
    return lines


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    numbers = {"requests": 10_000, "connections": 64, "senders": 5_000, "repeats": 5}
    given = pinned("verify", "The verification API.", numbers, arguments)
    core = None if given.no_pin else given.core
    other = cores()[0] if core is not None else None
    with ExitStack() as stack:
        pin(other)  # inherited by the broker
        broker = stack.enter_context(LocalBroker(max_seconds=MAX_SECONDS))
        connection = Connection(broker.bootstrap, f"bench-{uuid.uuid4().hex[:8]}.")
        prepare(connection, given.senders)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dualblock-bench-")))
        pin(core)  # inherited by the server
        process, url, secret = started(connection, directory)
        pin(other)
        try:
            asyncio.run(asyncio.wait_for(ready(url), 60))
            lines = measured(url, secret, process.pid, given)
        finally:
            process.terminate()
            process.wait(30)
    return told("verify", given, arguments, lines)


if __name__ == "__main__":
    main()
