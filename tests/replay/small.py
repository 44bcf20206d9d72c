"""A small carrier as lines: one registered sender, its routes, a complete register, and messages to decide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

T = 1_765_944_000_000  # an epoch border
MINUTE = 60_000

POLICY = {"jurisdiction": "kr", "timeline": [{"profile": "enforce", "version": 1}]}
REGISTRY = (
    {"key": "sender:kr:15881234", "kind": "sender", "timeline": [
        {"version": 1, "owner": "org:1", "routes": {"mode": "exclusive", "relays": ["relay-7"]}}]},
    {"key": "relay:relay-7", "kind": "relay", "timeline": [{"version": 1}]},
    {"key": "relay:relay-9", "kind": "relay", "timeline": [{"version": 1}]},
    {"feed": "kr-sender-registry", "beats": [{"recorded_at_ms": 0, "fresh_until_ms": 2 * T}],
     "complete_for": ["kr:sender"]},
    {"generation": "g1", "feed": "kr-sender-registry", "from_ms": 0, "partition": 0, "rows": 1},
)  # fmt: skip


def message(
    number: int, *, sender: str = "15881234", relay: str = "relay-7", at: int = T, **more: Any
) -> dict[str, Any]:
    """A message event; `at` is its event time in ms, 10 ms before its ingest."""
    return {
        "event_id": f"e{number}", "producer": "smsc1", "event_time_ms": at, "ingested_at_ms": at + 10,
        "leg": "termination", "channel": "mt", "traffic_class": "a2p", "sender": {"address": sender},
        "recipient": f"8210555{number:05d}", "route": {"relay_id": relay}, **more,
    }  # fmt: skip


def report(number: int, at: int) -> dict[str, Any]:
    """A report on a campaign over relay-9 by one more person."""
    return {
        "report_id": f"r{number}", "message_at_ms": at - MINUTE, "reported_at_ms": at, "ingested_at_ms": at,
        "displayed_sender": "15889999", "route": {"relay_id": "relay-9"}, "reporter": f"8210777{number:05d}",
        "text": "win a prize",
    }  # fmt: skip


def lines(path: Path, *records: Any) -> str:
    """Write records (or bytes as they are) as lines; returns the file's name."""
    path.write_bytes(b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records))
    return str(path)


def read(path: Path) -> list[dict[str, Any]]:
    """The records of an NDJSON file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]
