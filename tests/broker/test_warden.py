"""What the warden runs never outlives its bound or its starter."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from streams.broker import warden

Start = Callable[[float], tuple[subprocess.Popen[bytes], int]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a warden with so many seconds over a `sleep`; gives both, the latter by pid."""
    started: list[subprocess.Popen[bytes]] = []

    def one(seconds: float) -> tuple[subprocess.Popen[bytes], int]:
        command = ["sh", "-c", "echo $$; exec sleep 60"]
        process = subprocess.Popen(
            [sys.executable, "-I", warden.__file__, str(seconds), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout
        return process, int(process.stdout.readline())

    yield one
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_lets_the_command_run(start: Start) -> None:
    process, pid = start(0)
    time.sleep(0.5)
    assert process.poll() is None and lives(pid)


def test_its_time_is_over(start: Start) -> None:
    process, pid = start(0.3)
    process.wait(5)
    assert not lives(pid)


def test_its_starter_is_gone(start: Start) -> None:
    process, pid = start(0)
    assert process.stdin
    process.stdin.close()
    process.wait(5)
    assert not lives(pid)


def test_it_is_told_to_stop(start: Start) -> None:
    process, pid = start(0)
    process.terminate()
    process.wait(5)
    assert not lives(pid)
