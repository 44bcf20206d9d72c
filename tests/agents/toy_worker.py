"""A worker with small agents, run as a process by the plumbing tests; its orders come as JSON in argv[1].

`counter` and `second` keep, per key, the set of event ids seen, in one table, and emit per event a record under the
event's id and a total under the key. `echo` has no table. Prints `ready {its table}` after every assignment.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from streams.agents import (
    AgentSettings,
    Delivery,
    Output,
    Refused,
    agent,
    apply,
    bytes_table,
    create_app,
    run_worker,
    transport,
)

ORDERS = json.loads(sys.argv[1])
PREFIX = ORDERS["prefix"]
handled = set()


def crash(point: str) -> None:
    """kill -9 at the first such point once the ordered event has been taken up."""
    where, event_id = ORDERS.get("kill") or ("", "")
    if point == where and event_id in handled:
        os.kill(os.getpid(), signal.SIGKILL)


async def slow_seek(consumer: transport.Consumer) -> None:
    """The end of a recovery, stretched: whatever could come in too early does."""
    await asyncio.sleep(0.15)
    await seek(consumer)
    await asyncio.sleep(0.15)


seek = transport.Consumer.perform_seek
transport.Consumer.perform_seek = slow_seek  # type: ignore[method-assign]  # the test's stretch

app = create_app(
    AgentSettings(
        bootstrap=ORDERS["bootstrap"],
        group=f"{PREFIX}.agents",
        instance_id=ORDERS["instance"],
        data_dir=Path(ORDERS["dir"]),
        prefix=f"{PREFIX}.",
        partitions=3,  # not the table's two: a table has to keep to its own count
        version="test",
        delivery_timeout_s=10,
        max_record_bytes=200_000,
    ),
    crash_points=crash,
)
seen = bytes_table(
    app, "seen", 2, changelog_topic=f"{PREFIX}.seen", read=json.loads, write=lambda s: json.dumps(s).encode()
)


def step(state: list[str] | None, event: dict[str, str]) -> tuple[list[str], list[Output]]:
    merged = sorted({*(state or []), event["id"]})
    key = event["key"].encode()
    each = Output(f"{PREFIX}.out", key, json.dumps({"id": event["id"], "of": event["key"]}).encode())
    total = Output(f"{PREFIX}.out", key, json.dumps({"id": event["key"], "total": len(merged)}).encode())
    return merged, [each, total]


@agent(app, "counter", topics=[f"{PREFIX}.in", f"{PREFIX}.more"], dead_letters=f"{PREFIX}.dead")
async def counter(record: Delivery) -> int | None:
    event = json.loads(record.value or b"")
    handled.add(event["id"])
    if event.get("slow"):
        print("slow", flush=True)
        await asyncio.sleep(ORDERS["slow_s"])
    if event.get("blow"):
        raise Refused("TOY_REFUSES", "told to") if event["blow"] == "refuse" else RuntimeError("told to")
    if event.get("fat"):
        event["id"] *= 200_000
    await apply(seen, record, event, step)
    at: int | None = event.get("at_ms")
    return at


agent(app, "second", topics=[f"{PREFIX}.side"], dead_letters=f"{PREFIX}.dead")(counter)


@agent(app, "echo", topics=[f"{PREFIX}.ping"], dead_letters=f"{PREFIX}.dead")
async def echo(record: Delivery) -> int | None:
    await app.emitter.emit(Output(f"{PREFIX}.pong", record.key, record.value))
    return None


def ready() -> None:
    table = {key.decode(): json.loads(value) for key, value in seen.inner.items()}
    print("ready " + json.dumps(table), flush=True)


sys.exit(run_worker(app, on_ready=ready))
