"""Targets: every agent by one record of each of its inputs, and the states of its table as they come back from disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import AgentStep, Effect, Names
from streams.config import Settings
from streams.contracts.base import encoder
from streams.contracts.decisions import Progress
from streams.contracts.topics import RECORDS
from streams.service.agents import agent_steps
from tests.engine.kit import published, sanction, view
from tests.engine.properties import HERE, ROWS
from tests.fuzz.promise import NOT_A_RECORD, Target, examples

_SETTINGS = Settings(allow_demo_keys=True)
_NAMES = Names(_SETTINGS.prefix)
_ENTITIES = {_NAMES.topic(entity): entity for entity in RECORDS}
#: The key under which the examples' order is signed.
_SIGNED = {"kisa-2025": {"authority": "regulator", "public": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="}}
_ORDERS = {"unsigned": ["regulator"], "keys": _SIGNED}
_VIEW = view(*ROWS, sanctions=[sanction(HERE)], published=published(orders=_ORDERS))
_encode = encoder().encode
#: The fields that are a record's key, where it is not its subject.
_KEYS = {
    "reports": ("report_id",), "directives": ("reference",), "settings.requests": ("recipient",),
    "books": ("subject", "month"),
}  # fmt: skip


def _made(name: str) -> AgentStep:
    return next(step for step in agent_steps(_SETTINGS) if step.name == name)


def _key(entity: str, raw: bytes) -> bytes:
    with suppress(*NOT_A_RECORD):
        record = msgspec.json.decode(raw, type=RECORDS[entity])
        if hasattr(record, "key"):
            return str(record.key()).encode("utf-8", "replace")
    try:
        record = msgspec.json.decode(raw)
        return "/".join(str(record[name]) for name in _KEYS.get(entity, ("subject",))).encode("utf-8", "replace")
    except (*NOT_A_RECORD, TypeError, KeyError, IndexError):
        return b"x"


def _readable(outputs: Sequence[Output]) -> None:
    """Whoever reads them next can."""
    for output in outputs:
        entity = _ENTITIES.get(output.topic.replace(".history.v1", ".v1"))
        assert entity is not None and output.value is not None, output
        msgspec.json.decode(output.value, type=RECORDS[entity])


def _handled(name: str, entity: str, raw: bytes) -> None:
    step = _made(name)
    for value in (raw, None):
        delivery = Delivery(_NAMES.topic(entity), 0, 7, 0, _key(entity, raw), value)
        try:
            handled = step.handle(entity, delivery, _VIEW)
            _readable(handled.outputs)
            at_ms = handled.event_time_ms
            said = Progress(component="x", topic=entity, partition=0, next_offset=8, event_time_ms=at_ms)
            msgspec.json.decode(_encode(said), type=Progress)
            for effect in handled.effects:
                _taken(step, effect)
        except Refused as refused:
            assert refused.reason.replace("_", "").isupper(), refused


def _taken(step: AgentStep, effect: Effect) -> None:
    """Applied, stored, and applied again after a crash."""
    assert step.table is not None
    state, outputs = effect.step(None, effect.event)
    if state is None:
        assert not outputs, "nothing is kept, so nothing may be said"
        return
    stored = step.table.write(state)
    _readable(outputs)
    again, repeated = effect.step(step.table.read(stored), effect.event)
    assert step.table.write(again) == stored, "applied twice it is another state"
    assert list(repeated) == list(outputs), "a redelivery must say the same"
    if effect.done is not None:
        effect.done(again)


def _recovered(name: str, raw: bytes) -> None:
    """A table's value: what `read` takes is written and read the same, and can be recovered from."""
    table = _made(name).table
    assert table is not None
    try:
        state = table.read(raw)
    except NOT_A_RECORD:
        return  # the table says STATE_UNREADABLE, whatever it was
    stored = table.write(state)
    assert table.write(table.read(stored)) == stored
    if table.recovered is not None:
        table.recovered([(0, state)])


def _states(step: AgentStep) -> tuple[bytes, ...]:
    """Its table's values after the examples."""
    found = []
    for entity in step.inputs:
        for raw in examples(entity):
            delivery = Delivery(_NAMES.topic(entity), 0, 7, 0, _key(entity, raw), raw)
            for effect in step.handle(entity, delivery, _VIEW).effects:
                with suppress(Refused):  # an answer to what never came
                    state = effect.step(None, effect.event)[0]
                    if state is not None and step.table is not None:
                        found.append(step.table.write(state))
    return tuple(found) or (b"null",)


def _with(entity: str, field: str, value: int) -> bytes:
    """The entity's first example with another number in a field."""
    return re.sub(rb'"%s": *\d+' % field.encode(), b'"%s":%d' % (field.encode(), value), examples(entity)[0])


#: Votes on a message from before the tally's memory were remembered on their second arrival only; offsets that end
#: where they begin were added twice; what follows from a time at the very end was written where nobody can read it.
_FOUND = {
    "votes": (_with("votes", "message_at_ms", 1065944000000),),
    "traffic": (_with("traffic", "epoch", 2**53), _with("traffic", "first_offset", 2**53)),
    "findings": (_with("findings", "from_ms", 2**53),),
    "epochs": (_with("epochs", "epoch", 2**53),),
    "appeals": (_with("appeals", "recorded_at_ms", 2**53),),
    "pairs": (_with("pairs", "epoch", 2**53), _with("pairs", "first_offset", 9350)),
}


def _targets(step: AgentStep) -> list[Target]:
    check: Callable[[bytes], None]
    found = []
    for entity in step.inputs:
        check = partial(_handled, step.name, entity)
        found.append(Target(f"agent-{entity}", check, examples(entity), found=_FOUND.get(entity, ())))
    if step.table is not None:
        states = _states(step)
        is_json = all(raw[:1] in (b"{", b"n") for raw in states)
        found.append(Target(f"table-{step.name}", partial(_recovered, step.name), states, json=is_json))
    return found


TARGETS: tuple[Target, ...] = tuple(target for step in agent_steps(_SETTINGS) for target in _targets(step))
