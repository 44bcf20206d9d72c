"""A small SMSC adapter: holds each message until its decision comes or its time is up, and acts on it once.

    python examples/smsc_adapter/adapter.py --bootstrap 127.0.0.1:9092 --messages dualblock-demo/messages.ndjson

Stands alone: copy it, put your SMSC behind `Smsc`. It needs confluent-kafka only. The reasons are in docs/smsc.md.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import signal
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Protocol

from confluent_kafka import Consumer, Producer

HOLD_MS = {"origination": 1500, "termination": 3000}
#: When no decision comes in time: (action, why). A relay can try again; a subscriber waits for a text that may matter.
DEFAULT = {"origination": "THROTTLE", "termination": "DELIVER"}
_TABLE = """CREATE TABLE IF NOT EXISTS ledger (decision_id TEXT PRIMARY KEY, event_id TEXT NOT NULL, leg TEXT NOT NULL,
    deadline_ms INTEGER NOT NULL, acted TEXT, action TEXT, verdict TEXT, late INTEGER NOT NULL DEFAULT 0)"""


class Smsc(Protocol):
    """What the SMSC must offer. The same decision_id may come again after a crash: do it once."""

    def act(self, decision_id: str, event_id: str, action: str, label: str | None) -> None:
        """DELIVER; LABEL (put the label before the text, then deliver); SPAM_BOX; REJECT, DROP or THROTTLE."""


def decision_id(producer: str, leg: str, event_id: str) -> str:
    """The id that the decision on an event will have."""
    return hashlib.sha256(f"{producer}\0{leg}\0{event_id}".encode()).hexdigest()[:20]


class Adapter:
    """One thread. `name` is the producer stamped on events; `ledger` a SQLite file that outlives the process."""

    def __init__(
        self, kafka: dict[str, Any], smsc: Smsc, ledger: str, *, name: str, prefix: str = "dualblock.",
        hold_ms: dict[str, int] = HOLD_MS, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:  # fmt: skip
        self._smsc, self._name, self._hold_ms, self._now_ms = smsc, name, hold_ms, now_ms
        self._topic, self._stopping = f"{prefix}messages.v1", False
        self._db = sqlite3.connect(ledger, isolation_level=None)
        self._db.execute(_TABLE)
        self._producer = Producer({**kafka, "partitioner": "murmur2_random", "enable.idempotence": True})
        # A group of its own: every adapter sees every decision and picks out its own.
        reading = {"isolation.level": "read_committed", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        self._consumer = Consumer({**kafka, **reading, "group.id": f"{prefix}adapter-{name}", "fetch.wait.max.ms": 20})
        self._consumer.subscribe([f"{prefix}decisions.v1"])

    def submit(self, event: dict[str, Any], key: str) -> None:
        """Hold a message and ask about it. `key`: canonical sender, so that one sender stays in one partition."""
        now_ms = self._now_ms()
        deadline_ms = now_ms + self._hold_ms[event["leg"]]
        # First the ledger: a decision must find its message, also after a crash between these two lines.
        self.hold(event["event_id"], event["leg"], deadline_ms)
        stamped = {**event, "producer": self._name, "ingested_at_ms": now_ms, "deadline_ms": deadline_ms}
        self._producer.produce(self._topic, json.dumps(stamped).encode(), key.encode())
        self._producer.poll(0)

    def hold(self, event_id: str, leg: str, deadline_ms: int) -> None:
        """Wait for a decision until `deadline_ms`. Holding an event again changes nothing."""
        row = (decision_id(self._name, leg, event_id), event_id, leg, deadline_ms)
        self._db.execute("INSERT INTO ledger (decision_id, event_id, leg, deadline_ms) VALUES (?,?,?,?) "
                         "ON CONFLICT DO NOTHING", row)  # fmt: skip

    def turn(self, wait_s: float = 0.02) -> None:
        """Take the decisions that are there, then act on every message whose time is up."""
        first = self._consumer.poll(wait_s)
        for record in [] if first is None else [first, *self._consumer.consume(499, 0)]:
            if record.error() is None and (value := record.value()):
                self._decided(json.loads(value))
        overdue = "SELECT decision_id, event_id, leg FROM ledger WHERE acted IS NULL AND deadline_ms <= ?"
        for found, event_id, leg in self._db.execute(overdue, (self._now_ms(),)).fetchall():
            self._act(found, event_id, "default", DEFAULT[leg], None)
        if first is not None:
            self._consumer.commit(asynchronous=True)  # after the ledger: what comes again is known there

    def _decided(self, decision: dict[str, Any]) -> None:
        found = self._db.execute("SELECT event_id, acted, verdict FROM ledger WHERE decision_id = ?",
                                 (decision["decision_id"],)).fetchone()  # fmt: skip
        if found is None or found[2] is not None:
            return  # another adapter's, or the same decision again
        event_id, acted, _ = found
        if acted is None:
            self._act(decision["decision_id"], event_id, "decision", decision["action"], decision.get("label"))
        # Too late to act on, never too late to know: what passed by default and should not have is counted here.
        self._db.execute("UPDATE ledger SET verdict = ?, late = ? WHERE decision_id = ?",
                         (decision["verdict"], int(acted is not None), decision["decision_id"]))  # fmt: skip

    def _act(self, found: str, event_id: str, why: str, action: str, label: str | None) -> None:
        self._smsc.act(found, event_id, action, label)
        self._db.execute("UPDATE ledger SET acted = ?, action = ? WHERE decision_id = ?", (why, action, found))

    def waiting(self) -> int:
        """How many messages are held."""
        return int(self._db.execute("SELECT count(*) FROM ledger WHERE acted IS NULL").fetchone()[0])

    def stop(self, *_: object) -> None:
        """End `run` after this turn; also a signal handler."""
        self._stopping = True

    def run(self, done: Callable[[], bool] = lambda: False) -> None:
        """Until `stop` or `done`. What is still held is held on by the ledger: the next start goes on with it."""
        while not self._stopping and not done():
            self.turn()

    def close(self) -> None:
        """Everything sent, positions committed, files closed."""
        self._producer.flush(10)
        self._consumer.close()
        self._db.close()


class Printer:
    """Stands in for an SMSC: says what it would do."""

    def act(self, decision_id: str, event_id: str, action: str, label: str | None) -> None:
        print(json.dumps({"decision_id": decision_id, "event_id": event_id, "action": action, "label": label}))


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask dualblock about recorded messages and say what an SMSC would do.")
    parser.add_argument("--bootstrap", default="127.0.0.1:9092")
    parser.add_argument("--prefix", default="dualblock.")
    parser.add_argument("--messages", required=True, help="NDJSON, records of the topic messages; stamped as of now")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--ledger", default="adapter.sqlite")
    given = parser.parse_args()
    kafka = {"bootstrap.servers": given.bootstrap}
    adapter = Adapter(kafka, Printer(), given.ledger, name="smsc1", prefix=given.prefix)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, adapter.stop)
    with open(given.messages, encoding="utf-8") as lines:
        for line in itertools.islice(lines, given.limit):
            event = json.loads(line)
            adapter.submit({**event, "event_time_ms": time.time_ns() // 1_000_000}, event["sender"]["address"])
    adapter.run(done=lambda: not adapter.waiting())
    adapter.close()


if __name__ == "__main__":
    main()
