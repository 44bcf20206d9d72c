"""What the tests of backtests share: messages, new rows, and who would be blocked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams.config import DEMO_KEYS
from streams.contracts.policy import PolicyEntry
from streams.engine.pseudonym import Keys
from streams.replay.backtest import Backtest, over_files
from streams.replay.files import Inputs
from streams.replay.lines import merged
from streams.replay.proposed import Rules, pinned, read_rules
from tests.replay.small import MINUTE, POLICY, REGISTRY, T, lines, message

KEYS = Keys(*DEMO_KEYS)
NOW = T + 10 * MINUTE
ENFORCE = PolicyEntry(profile="enforce", version=1)
SENT = [message(n, relay="relay-7" if n % 4 else "relay-9") for n in range(8)]


def sender(key: str = "kr:15881234", relays: tuple[str, ...] = ("relay-7",), **more: Any) -> dict[str, Any]:
    """A registration, exclusive to relays."""
    entry = {"version": 1, "owner": "org:1", "routes": {"mode": "exclusive", "relays": relays}, **more}
    return {"key": f"sender:{key}", "kind": "sender", "timeline": [entry]}


def blocked(found: Backtest, name: str = "would_block") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in found.summary()[name]]


def tried(
    tmp_path: Path, sent: list[dict[str, Any]], *rows: dict[str, Any], new: PolicyEntry | None = None,
    bound: int = 0, reports: list[dict[str, Any]] | None = None,
) -> Backtest:  # fmt: skip
    """A backtest of some rows, or a policy, against the small carrier."""
    inputs = Inputs(
        messages=(lines(tmp_path / "m", *sent),), registry=(lines(tmp_path / "r", *REGISTRY),),
        policy=(lines(tmp_path / "p", POLICY),), reports=(lines(tmp_path / "reports", *reports or []),),
    )  # fmt: skip
    names = [lines(tmp_path / "new", *rows)] if rows else []
    found = Backtest(bound)
    today = Rules(pinned(ENFORCE, "kr"))
    rules = read_rules(pinned(new or ENFORCE, "kr"), names, NOW)
    control = inputs.control(lambda letter: None)
    over_files(merged(inputs.messages), control, today, rules, "kr", KEYS, found)
    return found
