"""Targets: the agents' handlers by one record each, and the states of their tables as they come back from disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec

from streams.agents.deadletter import Delivery
from streams.agents.directives import DirectiveAgent
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.reports import ReportAgent
from streams.agents.sanctions import SanctionAgent
from streams.agents.steps import AgentStep, Names
from streams.agents.tally import TallyAgent
from streams.contracts.base import encoder
from streams.contracts.decisions import Progress
from streams.contracts.topics import RECORDS, topic_name
from tests.engine.kit import KEYS, policies, sanction, view
from tests.engine.properties import HERE, ROWS
from tests.fuzz.promise import NOT_A_RECORD, Target, examples

_NAMES = Names("dualblock.")
_RECORDS: dict[str, Any] = {
    topic_name(topic): RECORDS[topic.removesuffix(".history")]
    for topic in ("votes", "traffic", "findings", "sanctions", "sanctions.history")
}
_VIEW = view(*ROWS, sanctions=[sanction(HERE)])
Make = Callable[[], AgentStep]


def _outputs(outputs: Sequence[Output]) -> None:
    for output in outputs:
        assert output.value is not None
        record = _RECORDS.get(output.topic)
        if record is not None:
            msgspec.json.decode(output.value, type=record)  # whoever reads it next can


def _handled(make: Make, entity: str, key_field: str) -> Callable[[bytes], None]:
    def check(raw: bytes) -> None:
        step = make()
        try:
            key = str(msgspec.json.decode(raw)[key_field]).encode("utf-8", "replace")
        except (*NOT_A_RECORD, TypeError, KeyError, IndexError):
            key = b"x"
        for value in (raw, None):
            try:
                handled = step.handle(entity, Delivery(_NAMES.topic(entity), 0, 7, 0, key, value), _VIEW)
            except Refused as refused:
                assert refused.reason.replace("_", "").isupper(), refused
                continue
            _outputs(handled.outputs)
            # What `progress` will say of it.
            said = Progress(
                component="x", topic=entity, partition=0, next_offset=8, event_time_ms=handled.event_time_ms
            )
            msgspec.json.decode(encoder().encode(said), type=Progress)
            for effect in handled.effects:
                assert step.table is not None
                state, outputs = effect.step(None, effect.event)
                stored = step.table.write(state)
                _outputs(outputs)
                again, repeated = effect.step(step.table.read(stored), effect.event)
                assert step.table.write(again) == stored, "applied twice it is another state"
                assert list(repeated) == list(outputs), "a redelivery must say the same"
                if effect.done is not None:
                    effect.done(again)

    return check


def _state(make: Make) -> Callable[[bytes], None]:
    """A table's value: what `read` does not refuse is written and read the same, and can be recovered from."""

    def check(raw: bytes) -> None:
        table = make().table
        assert table is not None
        try:
            state = table.read(raw)
        except NOT_A_RECORD:
            return  # the table says STATE_UNREADABLE, whatever it was
        stored = table.write(state)
        assert table.write(table.read(stored)) == stored
        if table.recovered is not None:
            table.recovered([(0, state)])

    return check


@cache
def _states(kind: str) -> tuple[bytes, ...]:
    """Table values after the examples."""
    step, entities = (_tally(), ("votes", "traffic")) if kind == "tally" else (_sanction(), ("findings",))
    found = []
    for entity in entities:
        for raw in examples(entity):
            subject = msgspec.json.decode(raw)["subject"].encode()
            handled = step.handle(entity, Delivery(_NAMES.topic(entity), 0, 7, 0, subject, raw), _VIEW)
            found += [step.table.write(e.step(None, e.event)[0]) for e in handled.effects if step.table is not None]
    return tuple(found)


def _tally() -> AgentStep:
    return TallyAgent(_NAMES, policies(), 2)


def _sanction() -> AgentStep:
    return SanctionAgent(_NAMES)


def _report() -> AgentStep:
    return ReportAgent(_NAMES, policies(), KEYS)


def _directive() -> AgentStep:
    return DirectiveAgent(_NAMES, policies(), KEYS)


#: On a message from before the tally's memory: it was remembered on its second arrival only.
OLD_VOTE = examples("votes")[0].replace(b'"message_at_ms": 17', b'"message_at_ms": 10')
#: Its time was published in `progress`, where nobody could read it.
FAR_TRAFFIC = (
    b'{"subject":"relay:r","epoch":9007199254740992,"partition":3,"first_offset":1,"next_offset":2,"delivered":1}'
)

TARGETS: tuple[Target, ...] = (
    Target("agent-reports", _handled(_report, "reports", "report_id"), examples("reports")),
    Target("agent-directives", _handled(_directive, "directives", "reference"), examples("directives")),
    Target("agent-votes", _handled(_tally, "votes", "subject"), examples("votes"), found=(OLD_VOTE,)),
    Target("agent-traffic", _handled(_tally, "traffic", "subject"), examples("traffic"), found=(FAR_TRAFFIC,)),
    Target("agent-findings", _handled(_sanction, "findings", "subject"), examples("findings")),
    Target("table-tally", _state(_tally), _states("tally")),
    Target("table-sanctions", _state(_sanction), _states("sanctions")),
)
