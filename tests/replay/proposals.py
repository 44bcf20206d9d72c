"""What the tests of backtests share: messages, new rows, and who would be blocked."""

from __future__ import annotations

from typing import Any

from streams.config import DEMO_KEYS
from streams.engine.pseudonym import Keys
from streams.replay.backtest import Backtest
from tests.replay.small import MINUTE, T, message

KEYS = Keys(*DEMO_KEYS)
NOW = T + 10 * MINUTE
SENT = [message(n, relay="relay-7" if n % 4 else "relay-9") for n in range(8)]


def sender(key: str = "kr:15881234", relays: tuple[str, ...] = ("relay-7",), **more: Any) -> dict[str, Any]:
    """A registration, exclusive to relays."""
    entry = {"version": 1, "owner": "org:1", "routes": {"mode": "exclusive", "relays": relays}, **more}
    return {"key": f"sender:{key}", "kind": "sender", "timeline": [entry]}


def blocked(found: Backtest, name: str = "would_block") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in found.summary()[name]]
