"""A worker of the drill as a child process: started, killed, stopped in its tracks, always by its own pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streams.drill.notes import Note, in_transaction
from streams.errors import DualblockError
from streams.service.workers import Role

STOP_S = 20.0
#: Who sets it wants to know what the workers hold (`streams.drill.worker`).
HOLDING = "DRILL_HOLDING"
#: The exit code by which a worker asks to be started again.
RESTART = 1


class DrillStuck(DualblockError):
    """Something that the drill waits for did not come."""


@dataclass(frozen=True, slots=True)
class Kill:
    """at_ms: wall clock. point: the last crash point passed ('!' before it: killed itself there)."""

    role: Role
    instance: str
    at_ms: int
    point: str

    @property
    def in_transaction(self) -> bool:
        """Inside an open transaction; for agents, between a table write and the changelog's acknowledgement."""
        return in_transaction(self.role, self.point)


@dataclass
class Worker:
    """One process. instance: DUALBLOCK_INSTANCE, so the gate's name in decisions is `gate-<instance>`.

    lives: how often it was started. supervised: whether somebody starts it again when it asks for that by its end."""

    role: Role
    instance: str
    process: subprocess.Popen[bytes]
    note: Note
    orders: Note
    log: Path
    respawn: Callable[[], subprocess.Popen[bytes]]
    started_s: float = field(default_factory=time.monotonic)
    lives: int = 1
    supervised: bool = True
    _changing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self.process.poll() is None

    def at_work(self, within_s: float) -> bool:
        """Wait until it has passed a crash point (the agents: is ready). False when that does not come in time."""
        deadline = time.monotonic() + within_s
        while not self.note.read() and self.alive and time.monotonic() < deadline:
            time.sleep(0.01)
        return bool(self.note.read())

    def stopped(self, within_s: float) -> bool:
        """Wait until it has stopped itself (an order `POINT:N:stop`). False when it has not."""
        deadline = time.monotonic() + within_s
        while not (found := self.note.read().startswith("=")) and self.alive and time.monotonic() < deadline:
            time.sleep(0.01)
        return found

    def supervise(self) -> None:
        """Start it again if it has ended with 1, as whoever runs the real ones does: after a fatal transaction error
        (on a machine that stood still for longer than a transaction may) that is what a worker wants."""
        with self._changing:
            if self.supervised and self.process.poll() == RESTART:
                self.process = self.respawn()
                self.started_s = time.monotonic()
                self.lives += 1

    def leave(self) -> None:
        """Nobody starts it again from here on."""
        with self._changing:
            self.supervised = False

    def crashed(self) -> bool:
        """Whether an exception that nobody caught ended one of its lives."""
        return self.lives > 1 and b"Traceback (most recent call last)" in self.log.read_bytes()

    def order(self, crash: str) -> None:
        """Give a crash order to the running worker; see `streams.drill.worker`."""
        self.orders.write(crash)

    def kill(self) -> Kill:
        """SIGKILL, wherever it is."""
        self.leave()
        self.process.kill()
        self.process.wait()
        return self._killed(now_ms())

    def killed(self, within_s: float) -> Kill | None:
        """Wait for it to kill itself at its crash point; None when it lives on. Raises DrillStuck on any other end."""
        deadline = time.monotonic() + within_s
        while (self.alive or self._returns()) and time.monotonic() < deadline:
            time.sleep(0.005)
        if self.alive or self._returns():
            return None
        if self.process.returncode != -signal.SIGKILL:
            raise DrillStuck(f"{self.role} {self.instance} ended with {self.process.returncode}: see {self.log}")
        return self._killed(now_ms())

    def _returns(self) -> bool:
        return self.supervised and self.process.returncode == RESTART

    def _killed(self, at_ms: int) -> Kill:
        return Kill(self.role, self.instance, at_ms, self.note.read())

    def stop(self, within_s: float = STOP_S) -> int:
        """SIGTERM and wait; SIGKILL after `within_s`. Answers the exit code."""
        self.leave()
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode or 0

    def suspend(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def rss_mib(self) -> float:
        """Resident memory in MiB; 0 when it has ended or the platform doesn't say."""
        return _status(self.process.pid, "VmRSS:") / 1024

    def open_files(self) -> int:
        """Number of open file descriptors; 0 where the platform doesn't say."""
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except OSError:
            return 0


def spawn(
    role: Role,
    instance: str,
    environment: Mapping[str, str],
    directory: Path,
    *,
    crash: str = "",
    wrap: Sequence[str] = (),
    python: Path = Path(sys.executable),
) -> Worker:
    """Start `streams.drill.worker`. crash: see there. wrap: a command to run it under (`faketime …`, `prlimit …`)."""
    directory.mkdir(parents=True, exist_ok=True)
    note, order, log = (directory / f"{role}-{instance}.{what}" for what in ("note", "order", "log"))
    inherited = {k: v for k, v in os.environ.items() if k == HOLDING or not k.startswith(("DUALBLOCK_", "DRILL_"))}
    own = {**inherited, **environment, "DRILL_NOTE": str(note), "DRILL_ORDER": str(order), "PYTHONWARNINGS": "ignore"}
    page, orders = Note(note), Note(order)
    page.write("")
    orders.write(crash)

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen(
                [*wrap, str(python), "-m", "streams.drill.worker", role],
                env=own,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    return Worker(role, instance, start(), page, orders, log, start)


def now_ms() -> int:
    """The wall clock in ms."""
    return time.time_ns() // 1_000_000


def _status(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
