"""The six workers as child processes of the demo, with settings of their own and logs beside the results."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType

from streams.demo.live.tail import Stuck
from streams.service.workers import ROLES, Role

_STOP_S = 20.0


class Processes:
    """Context manager: starts every worker, and stops them, by id, at the end."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self._logs, self._started = logs, dict[str, subprocess.Popen[bytes]]()
        self._ports = {role: _free_port() for role in ROLES}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DUALBLOCK_")}
        self._environment = {**inherited, **environment}

    def __enter__(self) -> Processes:
        self._logs.mkdir(parents=True, exist_ok=True)
        for role in ROLES:
            with (self._logs / f"{role}.log").open("wb") as log:
                self._started[role] = subprocess.Popen(
                    [sys.executable, "-m", "streams.service", role],
                    env={**self._environment, "DUALBLOCK_METRICS_PORT": str(self._ports[role])},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                )
        return self

    def alive(self) -> None:
        """Raises Stuck when one has ended."""
        for role, process in self._started.items():
            if process.poll() is not None:
                raise Stuck(f"The {role} ended with {process.returncode}: see {self._logs / f'{role}.log'}.")

    def metric(self, role: Role, name: str) -> float:
        """The sum of a metric over its labels, read from the worker itself."""
        url = f"http://127.0.0.1:{self._ports[role]}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._started.values():
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
