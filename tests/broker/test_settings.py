"""The broker's settings name one address, and its ports are nobody else's."""

import socket
from pathlib import Path

import pytest

from streams.broker.settings import HOST, free_port, is_free, properties
from streams.errors import BrokerError


def test_every_listener_is_on_the_loopback_address() -> None:
    lines = dict(line.split("=", 1) for line in properties(20001, 20002, Path("/data/log")).splitlines())
    expected = "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert lines["listeners"] == lines["advertised.listeners"] == expected
    assert lines["controller.quorum.bootstrap.servers"] == "127.0.0.1:20002"
    assert lines["log.dirs"] == "/data/log"


def test_extra_settings_are_laid_over_ours() -> None:
    text = properties(20001, 20002, Path("/data"), {"num.io.threads": 1, "message.max.bytes": 9})
    lines = [line for line in text.splitlines() if line.startswith(("num.io.threads", "message.max.bytes"))]
    assert lines == ["num.io.threads=1", "message.max.bytes=9"]


def test_a_free_port_is_below_the_ephemeral_range() -> None:
    assert all(1024 < free_port() < 32768 for _ in range(20))


def test_a_taken_port_is_not_given_out() -> None:
    left = next(port for port in range(20_000, 32_000) if is_free(port))
    others = set(range(20_000, 32_000)) - {left}
    assert free_port(*others) == left
    with pytest.raises(BrokerError, match="No free port"):
        free_port(left, *others)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(1)
        port = listener.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
