"""A carrier in memory, to make bundles of: rows with their history, a gate that decides, and a key that signs."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from streams.contracts.base import Record as Contract
from streams.contracts.base import encoder
from streams.contracts.decisions import Decision, Observed
from streams.contracts.evidence import FORMAT, Evidence
from streams.contracts.feeds import Manifest, RegistryValue, key_of
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyRow
from streams.engine.decide import Decider
from streams.engine.policy import Policies
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.replay.evidence.make import found, make
from streams.replay.evidence.verify import verify
from streams.replay.history import Record
from streams.replica.changes import Change, Entity
from streams.replica.memory import MemoryReplica
from streams.signing import PrivateKey, sign
from tests.engine import kit

KEY = PrivateKey.from_private_bytes(bytes(range(32)))


@dataclass
class Carrier:
    """`put` writes rows, `bundle` decides a message and packs the evidence."""

    logs: dict[Entity, list[Record]] = field(default_factory=dict)
    view: MemoryReplica = field(default_factory=lambda: MemoryReplica(skeletons_of))

    def __post_init__(self) -> None:
        self.row("policy", "kr", kit.published())

    def put(self, *values: RegistryValue) -> Carrier:
        """Registry rows, heartbeats and manifests."""
        for value in values:
            self.row("registry", key_of(value), value, value.partition if isinstance(value, Manifest) else 0)
        return self

    def row(self, entity: Entity, key: str, value: Contract | PolicyRow, partition: int = 0) -> Carrier:
        """A row of any entity."""
        log = self.logs.setdefault(entity, [])
        raw = encoder().encode(value)
        log.append(Record(partition, len(log), key.encode(), raw, kit.T - kit.HOUR))
        self.view.apply([Change(entity, partition, len(log), key, raw)])
        return self

    def decide(self, message: Message) -> tuple[Decision, bytes]:
        """The decision as the gate writes it, and the bytes of the event."""
        raw = encoder().encode(message)
        made = Decider(Policies(shipped(), "kr"), kit.KEYS).decide(message, raw, self.view)
        observed = Observed(decided_at_ms=message.ingested_at_ms + 5, gate="gate-0", source=(0, 0))
        return msgspec.structs.replace(made, observed=observed), raw

    def bundle(self, message: Message, *, held: bool = True) -> Evidence:
        """The evidence of a message's decision. held: its bytes are still on the topic."""
        decision, raw = self.decide(message)
        record = Record(0, 7, decision.sender.key.encode(), encoder().encode(decision), kit.T)
        case = found(record, raw if held else None, kit.KEYS)
        return make(case, lambda entity: self.logs.get(entity, []), kit.KEYS, "kr", kit.T + kit.DAY)


def signed(evidence: Evidence) -> bytes:
    """The file."""
    return sign(FORMAT, encoder().encode(evidence), KEY)


def results(evidence: Evidence) -> dict[str, str]:
    """What verification says, by line."""
    return {line.what: line.result for line in verify(signed(evidence), KEY.public_key())}


def faults(evidence: Evidence) -> dict[str, str]:
    """The lines that say FAIL, with their sentences."""
    lines = verify(signed(evidence), KEY.public_key())
    return {line.what: line.sentence for line in lines if line.result == "FAIL"}
