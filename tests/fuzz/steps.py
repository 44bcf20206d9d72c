"""Targets: registrar, gate and meter by one record each, replicas by one change, dead letters, and what is put back."""

from __future__ import annotations

import json
import tempfile
from contextlib import redirect_stdout, suppress
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import cast

import msgspec

from streams.cli import dead as dead_command
from streams.cli.kafka import Letter
from streams.contracts.decisions import Decision
from streams.contracts.feeds import key_of
from streams.contracts.topics import RECORDS
from streams.engine.decide import Decider
from streams.engine.intake import read_message
from streams.engine.policy import Policies
from streams.engine.skeleton import skeletons_of
from streams.errors import InputError
from streams.packs import shipped
from streams.pipeline.behaviour import BehaviourStep
from streams.pipeline.dead import dead_letter
from streams.pipeline.errors import PipelineError
from streams.pipeline.gate import Gate
from streams.pipeline.held import Held
from streams.pipeline.meter import Meter
from streams.pipeline.registrar import Registrar
from streams.pipeline.replicator import Listener, Replicator
from streams.pipeline.retry import DeadLetter, Done, Unreadable, event_id_of, retried
from streams.pipeline.settings import Connection
from streams.pipeline.step import Input, InvalidRecord, Step
from streams.replay.records import registry_value
from streams.replica.changes import Change, Entity
from streams.replica.memory import MemoryReplica
from streams.replica.rocks import RocksReplica
from tests.engine.kit import KEYS, policies
from tests.fuzz.promise import DEEP, LONG, NOT_A_RECORD, Target, examples, with_field

_FEEDS = examples("feeds")
_decision = msgspec.json.Decoder(Decision)


class _Still:
    """A replicator that has read everything."""

    def __init__(self) -> None:
        self.replica = MemoryReplica(skeletons_of)
        self.replica.apply(Change("registry", 0, n, key_of(registry_value(raw)), raw) for n, raw in enumerate(_FEEDS))

    def listen(self, listener: Listener) -> None:
        pass

    def check(self) -> None:
        pass


def _replicator() -> Replicator:
    return cast(Replicator, _Still())


def _key(raw: bytes) -> str:
    """The key that a feed would have given it."""
    try:
        return key_of(registry_value(raw))
    except NOT_A_RECORD:
        return "sender:kr:15881234"


def _meter_of() -> Meter:
    return Meter(lambda at_ms: 60_000, 2, breaker_ms_at=lambda at_ms: 300_000, month_at=lambda at_ms: "2025-12")


@cache
def _steps() -> dict[str, Step]:
    return {
        "gate": Gate(Decider(policies(), KEYS), _replicator(), "gate-0"),
        "meter": _meter_of(),
        "registrar": Registrar(_replicator()),
    }


def _registrar(raw: bytes) -> None:
    step = _steps()["registrar"]
    step.aborted()
    for key in {_key(raw), "~feed:x", "~manifest:x", "\x00"}:
        record = Input(0, 1, key.encode("utf-8", "replace"), raw, 0)
        try:
            outputs = step.handle(record)
        except InvalidRecord as invalid:
            assert invalid.reason.replace("_", "").isupper()
            continue
        assert step.handle(record) == (), "the same again is news"
        for output in outputs:
            assert output.value and registry_value(output.value)


def _gate(raw: bytes) -> None:
    step, record = _steps()["gate"], Input(0, 1, None, raw, 0)
    try:
        outputs = step.handle(record)
    except InvalidRecord as invalid:
        outputs = step.fallback(record, invalid.reason)
    for output in outputs:
        assert output.value and _decision.decode(output.value)
    step.aborted()


def _meter(raw: bytes) -> None:
    step = _meter_of()
    try:
        step.handle(Input(0, 1, None, raw, 0))
    except InvalidRecord:
        return
    for output in step.flush({0: 2}, frozenset({0}), 0):
        assert output.value and msgspec.json.decode(output.value, type=RECORDS[output.entity])


def _behaviour(raw: bytes) -> None:
    step = BehaviourStep(Policies(shipped(), "kr"), _replicator(), Held(Connection("127.0.0.1:1"), "shapes", "b"), 1)
    for offset in range(2):
        try:
            step.handle(Input(0, offset, None, raw, 0))
        except InvalidRecord as invalid:
            assert invalid.reason.replace("_", "").isupper()
            return
        for output in step.flush({0: offset + 1}, frozenset({0}), 0):
            assert output.value and msgspec.json.decode(output.value, type=RECORDS[output.entity])
        step.committed()


def _behaviour_state(raw: bytes) -> None:
    """What another version may have left on `shapes`: read or begun anew, and gone on from."""
    step = BehaviourStep(Policies(shipped(), "kr"), _replicator(), Held(Connection("127.0.0.1:1"), "shapes", "b"), 1)
    step._held.keep(0, {b"account:acct-901": raw})
    step.handle(Input(0, 0, None, examples("sent")[1], 0))
    assert [o.entity for o in step.flush({0: 1}, frozenset({0}), 0)][-1] == "shapes"


@cache
def _replicas() -> tuple[MemoryReplica, RocksReplica]:
    folder = tempfile.mkdtemp(prefix="dualblock-fuzz-")
    return MemoryReplica(skeletons_of), RocksReplica(folder, skeletons_of, block_cache_bytes=1 << 20)


_offset = 0


def _applied(entity: Entity, raw: bytes) -> None:
    global _offset
    _offset += 1
    key = _key(raw) if entity == "registry" else _named(raw)
    for replica in _replicas():
        before = replica.bad_count
        told = replica.apply([Change(entity, 0, _offset, key, raw)])
        assert (replica.bad_count > before) is (not told)
    memory, rocks = _replicas()
    assert memory.next_offsets() == rocks.next_offsets()
    for name in {key, key.removeprefix("~feed:")}:
        assert memory.row(name) == rocks.row(name) and memory.sanctions(name) == rocks.sanctions(name)
        assert memory.policy(name) == rocks.policy(name) and memory.feed(name) == rocks.feed(name)


def _named(raw: bytes) -> str:
    try:
        found = json.loads(raw)
        return str(found.get("subject") or found.get("jurisdiction")).encode("utf-8", "replace").decode()
    except (*NOT_A_RECORD, AttributeError):
        return "kr"


def _put_back(raw: bytes) -> None:
    event_id_of(raw)
    for original in (raw, b"", examples("messages")[0]):
        try:
            again = retried(DeadLetter(0, 7, None, raw, original), "dualblock.messages.dead.v1")
        except Unreadable:
            continue
        message, _ = read_message(again)
        assert message.event_id.startswith("retry-") and message.retry_of
        assert retried(DeadLetter(0, 7, None, raw, original), "dualblock.messages.dead.v1") == again


def _done(raw: bytes) -> None:
    try:
        done = Done.of(5, raw.decode("utf-8", "replace"))
    except PipelineError:
        return
    with suppress(PipelineError):  # more than Kafka keeps
        assert Done.of(done.base, done.metadata()).above == done.above
    assert 4 in done.add(9) and 9 in done.add(9)


def _dead(raw: bytes) -> None:
    """A dead letter of anything, shown by the command, its headers as anybody may have written them."""
    text = raw.decode("utf-8", "replace")
    record = Input(0, 1, raw[:9], raw, 0)
    letter, _ = dead_letter(record, entity="messages", topic="t", reason="NOT_JSON", exception=text, at_ms=1, limit=300)
    assert letter.value is not None and raw.startswith(letter.value)
    names = ("at_ms", "reason", "topic", "partition", "offset", "exception")
    shown = Letter("messages.dead", 0, 1, raw[:9], raw, dict.fromkeys(names, text))
    assert dead_command._number(shown, "at_ms") >= 0
    with redirect_stdout(StringIO()):
        dead_command._table([shown])
    dead_command._text(raw)


def _fix_names(raw: bytes) -> None:
    name = raw.decode("utf-8", "replace").replace("/", "").replace("\x00", "")[:60]
    with suppress(InputError):
        dead_command._fixes([Path(f"/nowhere/{name}")], None)


def _deep(topic: str) -> tuple[bytes, ...]:
    return tuple(with_field(raw, DEEP) for raw in examples(topic))


_BEFORE_1970 = b'{"epoch_ms":60000,"facts":[["sender:~0f3a9b1c22d4e5f60718#0",[%s]]]}' % (
    b'[-3,"termination",1,2,3,null,null,null,300,false]'
)
_TOO_MANY = _BEFORE_1970.replace(b"[-3,", b"[3,").replace(b"300", str(2**53).encode())
DONE = tuple(Done(base=5).add(9).add(n).metadata().encode() for n in (7, 70, 700))

TARGETS: tuple[Target, ...] = (
    Target("step-registrar", _registrar, _FEEDS),
    Target("step-gate", _gate, examples("messages")),
    Target("step-meter", _meter, examples("decisions")),
    Target("step-behaviour", _behaviour, examples("sent"), found=(_BEFORE_1970, _TOO_MANY)),
    Target("step-behaviour-state", _behaviour_state, examples("shapes")),
    Target("replica-registry", partial(_applied, "registry"), _FEEDS, found=_deep("feeds")),
    Target("replica-policy", partial(_applied, "policy"), examples("policy"), found=_deep("policy")),
    Target(
        "replica-sanctions", lambda raw: _applied("sanctions", raw), examples("sanctions"), found=_deep("sanctions")
    ),
    Target("dead-put-back", _put_back, examples("messages"), found=(with_field(examples("messages")[0], LONG),)),
    Target("dead-done", _done, DONE, json=False, found=("é".encode(),)),
    Target("dead-shown", _dead, (b"1765944000000", b"\x1b[2J[red]"), json=False, found=("²".encode(), LONG)),
    Target("dead-fix-name", _fix_names, (b"0-17.json", b"-.json"), json=False, found=("²-1.json".encode(),)),
)
