"""The API on loopback over rows in memory, in a thread of its own: what the tests talk to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from streams.api.door import Door, Rules
from streams.api.keys import KeyFile, new_key
from streams.api.server import PACE, AuditFailed, Pace, Server
from streams.contracts.verify import Verification
from streams.replica.memory import MemoryReplica
from tests.engine.kit import KEYS, T, policies, view


class Rows:
    """Rows that are read to their end unless a test says otherwise."""

    def __init__(self, view_: MemoryReplica) -> None:
        self.view, self.caught_up = view_, True


class Noted:
    """An audit log in memory; `failing` makes it refuse."""

    def __init__(self) -> None:
        self.records: list[Verification] = []
        self.failing = False

    async def write(self, record: Verification) -> None:
        if self.failing:
            raise AuditFailed("no broker")
        self.records.append(record)


class Live:
    """The running server."""

    def __init__(self, directory: Path, rows: MemoryReplica, rules: Rules, pace: Pace) -> None:
        self.secrets = {relay: new_key() for relay in ("relay-7", "relay-8")}
        self.key_path = directory / "keys.toml"
        self.key_path.write_text(
            "".join(
                f'[[key]]\nid = "{relay}-a"\nrelay = "{relay}"\nsha256 = "{sha256}"\n'
                for relay, (_, sha256) in self.secrets.items()
            )
        )
        self.rows, self.audit, self.key_file = Rows(rows), Noted(), KeyFile(self.key_path)
        self.server = Server(
            self.rows, policies(), KEYS, self.key_file, self.audit, pace=pace, now_ms=lambda: T, version="test"
        )
        self.rules, self.port = rules, 0
        self.door: Door | None = None
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def bearer(self, relay: str = "relay-7") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secrets[relay][0]}"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        runner = web.AppRunner(self.server.app(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        assert runner.server is not None
        self.door = Door(runner.server, self.rules)
        self.server.address_of = self.door.address_of
        self.port = self.door.open("127.0.0.1", 0)
        self._started.set()
        await self._stop.wait()
        await self.door.close()
        await runner.cleanup()

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._loop.close()


@contextmanager
def live(
    directory: Path, rows: MemoryReplica | None = None, rules: Rules | None = None, pace: Pace = PACE
) -> Iterator[Live]:
    running = Live(directory, view() if rows is None else rows, rules or Rules(), pace)
    running.start()
    try:
        yield running
    finally:
        running.stop()
