"""One Kafka broker of our own on this machine: started, killed, restarted, and gone when we are."""

import atexit
import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.broker import warden
from streams.broker.artifacts import ensure_jars, find_java
from streams.broker.fencing import LOGGER, controller_only, ended_abruptly, wait_until_fenced
from streams.broker.settings import HOST, free_port, is_free, properties
from streams.errors import BrokerError

_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


class LocalBroker:
    """A single-node Apache Kafka (KRaft) on 127.0.0.1, for tests, drills and the demonstration.

        with LocalBroker() as broker:
            Producer({"bootstrap.servers": broker.bootstrap})

    port: 0 takes free ports; they stay the same over `restart()`.
    data_dir: the broker's data, kept; None takes a temporary directory that `close()` removes.
    heap_mb: the most Java heap, MiB.
    max_seconds: after so many seconds from a start the broker stops by itself; None: no limit. Independent of that it
        stops when the process that started it ends, however it ends.
    extra: broker settings laid over ours. client: librdkafka settings that its first reader needs, e.g. SASL.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        data_dir: Path | None = None,
        heap_mb: int = 512,
        max_seconds: float | None = None,
        extra: Mapping[str, object] | None = None,
        client: Mapping[str, str] | None = None,
    ) -> None:
        self._fixed_port = port
        self.port = port
        self._controller_port = 0
        self._own_dir = data_dir is None
        self.data_dir = Path(tempfile.mkdtemp(prefix="dualblock-kafka-")) if data_dir is None else data_dir.absolute()
        self._heap_mb = heap_mb
        self._max_seconds = max_seconds or 0
        self._extra = extra
        self._client = dict(client or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = os.getpid()

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; fixed from the first start on."""
        return f"{HOST}:{self.port}"

    @property
    def log_path(self) -> Path:
        """What the broker printed, all starts one after the other."""
        return self.data_dir / "broker.log"

    @property
    def running(self) -> bool:
        """Whether the broker's process lives (it may not answer yet)."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = 90) -> Self:
        """Starts the broker and waits until it answers; fetches Kafka if need be. Raises BrokerError."""
        if self.running:
            raise BrokerError(f"The broker on {self.bootstrap} runs already: stop() it first, or use restart().")
        java, jars = find_java(), ensure_jars()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not self._controller_port:
            self.port = self._fixed_port or free_port()
            self._controller_port = free_port(self.port)
        if not is_free(self.port):
            raise BrokerError(f"Port {self.port} of {HOST} is taken: choose another, or 0 for a free one.")
        config = self.data_dir / "server.properties"
        config.write_text(properties(self.port, self._controller_port, self.data_dir / "log", self._extra))
        self._format(java, jars, config)
        if ended_abruptly(self.data_dir / "log"):
            self._fence(java, jars, config)
        self._launch(java, jars, config)
        atexit.register(self.close)
        try:
            self._wait_until_it_answers(time.monotonic() + timeout_s)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Stops in order (SIGTERM, after a grace SIGKILL) and waits; data and ports are kept."""
        if self.running and self._process:
            self._process.terminate()
            try:
                self._process.wait(warden.GRACE_S + 5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget()

    def kill(self) -> None:
        """SIGKILL, as a process that fails: nothing is flushed or said. Waits until the port is free again.

        The next start takes some seconds longer: see streams.broker.fencing.
        """
        if self.running and self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            deadline = time.monotonic() + 10
            # Java is not our child but the warden's: its end shows in its port.
            while not is_free(self.port) and time.monotonic() < deadline:
                time.sleep(0.02)
        self._forget()

    def restart(self, timeout_s: float = 90) -> Self:
        """Stops if it runs, and starts with the same data and ports. Raises BrokerError."""
        self.stop()
        return self.start(timeout_s)

    def close(self) -> None:
        """Stops, and removes the data directory if it was a temporary one. May be called again."""
        # A forked child inherits the exit handler, but not the broker.
        if os.getpid() != self._pid:
            return
        self.stop()
        atexit.unregister(self.close)
        if self._own_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forget(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def _launch(self, java: str, jars: Path, config: Path, *options: str) -> None:
        memory = [f"-Xms{min(256, self._heap_mb)}m", f"-Xmx{self._heap_mb}m"]
        command = [java, *memory, _QUIET, *options, "-cp", f"{jars}/*", "kafka.Kafka", str(config)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", warden.__file__, str(self._max_seconds), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C in a terminal reaches us, and we stop the broker in order.
                start_new_session=True,
            )

    def _fence(self, java: str, jars: Path, config: Path) -> None:
        """Let the controller alone declare the killed broker dead."""
        alone = config.with_name("controller.properties")
        alone.write_text(controller_only(config.read_text()))
        since = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._launch(java, jars, alone, LOGGER)
        try:
            wait_until_fenced(self.log_path, since, lambda: self.running)
        finally:
            self.stop()

    def _format(self, java: str, jars: Path, config: Path) -> None:
        if (self.data_dir / "log" / "meta.properties").exists():
            return
        # Kafka's own notation of a UUID, without the first Java start that would print one.
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        command = [java, "-XX:TieredStopAtLevel=1", _QUIET, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format"]
        done = subprocess.run(
            [*command, "--standalone", "-t", cluster, "-c", str(config)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise BrokerError(f"Kafka could not format {self.data_dir}; it said:\n{done.stdout}{done.stderr}")

    def _wait_until_it_answers(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if not self.running:
                raise BrokerError(f"Kafka ended while it started; the end of {self.log_path}:\n{self._log_tail()}")
            # The client would print each refused connection.
            if _listens(self.port):
                try:
                    AdminClient({"bootstrap.servers": self.bootstrap, **self._client}).list_topics(timeout=2)
                    return
                except KafkaException:
                    continue
            time.sleep(0.05)
        raise BrokerError(f"Kafka did not answer in time; the end of {self.log_path}:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-15:])


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
