"""`dualblock demo --kafka`: feed the world to a broker, let the real processes decide, and collect what they said."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from streams.broker import LocalBroker
from streams.config import Partitions
from streams.contracts.decisions import Decision
from streams.contracts.ledger import LedgerRow
from streams.contracts.reputation import SanctionRow
from streams.contracts.topics import Group
from streams.demo.live.feeder import Feeder
from streams.demo.live.processes import Processes
from streams.demo.live.tail import Tail
from streams.demo.world import World
from streams.engine.epochs import epoch_of
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics

INSTANCE = "demo"
PARTITIONS = Partitions(messages=2, registry=2, reputation=2)
GROUPS: dict[Group, int] = {
    "messages": PARTITIONS.messages,
    "registry": PARTITIONS.registry,
    "reputation": PARTITIONS.reputation,
    "single": PARTITIONS.single,
}
MAX_SECONDS = 900


@dataclass(frozen=True, slots=True)
class LiveRun:
    """What came of it. seconds: feeding and deciding, without starting the broker."""

    decisions: list[Decision]
    sanctions: list[SanctionRow]
    ledger: list[LedgerRow]
    late_enforcement: int
    seconds: float


def run_live(world: World, bootstrap: str | None, logs: Path, advanced: Callable[[int], None]) -> LiveRun:
    """Run the world through Kafka: the broker at `bootstrap`, or a local one for as long as it takes.

    Topics get a prefix of their own and stay behind on a broker that is not ours. Raises BrokerError, Stuck.
    """
    with ExitStack() as stack:
        server = bootstrap or stack.enter_context(LocalBroker(max_seconds=MAX_SECONDS)).bootstrap
        prefix = f"demo-{uuid.uuid4().hex[:8]}."
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dualblock-demo-")))
        connection = Connection(server, prefix)
        create_topics(connection, GROUPS)
        policies = Policies(shipped(), world.policy.jurisdiction)
        policy = policies.of(world.policy.timeline[-1])
        feeder = Feeder(connection, PARTITIONS, INSTANCE, policy)
        stack.callback(feeder.close)
        begun = time.monotonic()
        feeder.begin(world, epoch_of(world.messages[0].ingested_at_ms, policy.pack.epoch_ms))
        processes = stack.enter_context(Processes(_environment(server, prefix, state), logs))
        tail = Tail(connection, processes.alive)
        stack.callback(tail.close)
        feeder.run(world, tail, advanced)
        seconds = time.monotonic() - begun
        late = int(processes.metric("gate", "dualblock_late_enforcements_total"))
        decode = msgspec.json.Decoder(Decision).decode
        rows = msgspec.json.Decoder(SanctionRow).decode
        months = msgspec.json.Decoder(LedgerRow).decode
        return LiveRun(
            [decode(value) for value in tail.decisions],
            [rows(value) for _, value in sorted(tail.sanctions.items())],
            [months(value) for _, value in sorted(tail.ledger.items())],
            late,
            seconds,
        )


def _environment(bootstrap: str, prefix: str, state: Path) -> dict[str, str]:
    return {
        "DUALBLOCK_BOOTSTRAP": bootstrap,
        "DUALBLOCK_PREFIX": prefix,
        "DUALBLOCK_STATE_DIR": str(state),
        "DUALBLOCK_INSTANCE": INSTANCE,
        "DUALBLOCK_JURISDICTION": "kr",
        "DUALBLOCK_ALLOW_DEMO_KEYS": "true",
        "DUALBLOCK_LOG_LEVEL": "warning",
        **{f"DUALBLOCK_PARTITIONS__{k.upper()}": str(v) for k, v in PARTITIONS.model_dump().items()},
    }
