"""What of a case may leave the carrier: rows and message with a person's number taken out.

A person is shown as the decision shows them, by the publication pseudonym. So that the engine can be asked again, rows
stand under that pseudonym, and the person's number has the stand-in `STAND_IN`.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.evidence import StandIn
from streams.contracts.messages import Content, Message
from streams.contracts.registry import BlockRow, BlockStates
from streams.contracts.reputation import SanctionRow
from streams.engine.accounts import ACCOUNTS, sender_of
from streams.engine.blocks import encode as pack_states
from streams.engine.blocks import state_at
from streams.engine.numberplan import block_key
from streams.engine.pack import Grammar
from streams.engine.pseudonym import Keys, pseudonym, state_pseudonym
from streams.engine.senders import SenderId, classify
from streams.engine.skeleton import OWNED
from streams.replica.changes import Entity, Value

#: Stands for a person's number; as a block of its own, of which nothing is known but this one.
STAND_IN = "+000000000"
_ENCODE = encoder().encode
#: Rows on what a recipient wants, or on a second person.
_NEVER = ("consent:", "permission:")


class Shown(NamedTuple):
    """key: under which a row is shown; only its kind where it is withheld. value: the row, where it is not shown byte
    for byte; None: as it is, unless withheld."""

    key: str
    value: Value | None = None
    withheld: bool = False


class Disclosure:
    """What is shown of one decision's message and rows."""

    def __init__(self, decision: Decision, message: Message, grammar: Grammar, keys: Keys) -> None:
        self._decision, self._message = decision, message
        shown = message.sender
        self._sender: SenderId = sender_of(message.channel, shown.address, shown.ton, message.origin_id, grammar)
        self._state = state_pseudonym(keys, self._sender.key)
        self.hidden = decision.sender.key.startswith("~")
        self._origin = message.origin_number and pseudonym(keys, classify(message.origin_number, None, grammar).key)

    def message(self) -> tuple[str, tuple[str, ...]]:
        """The event as JSON, and the names of what is withheld."""
        message, shown = self._message, self._decision
        withheld = ["recipient", "content.text"]
        sender, origin_id = message.sender, message.origin_id
        if self.hidden:
            withheld.append("sender.address")
            sender = msgspec.structs.replace(sender, address=shown.sender.key)
            if origin_id is not None:
                withheld.append("origin_id")
                origin_id = None
        elif self._sender.kind in ACCOUNTS and origin_id is not None:
            # What an account shows may be anybody's name.
            withheld.append("sender.address")
            sender = msgspec.structs.replace(sender, address=origin_id)
        if message.origin_number is not None:
            withheld.append("origin_number")
        route = message.route
        if route.peer_ip is not None and message.traffic_class == "p2p":
            withheld.append("route.peer_ip")
            route = msgspec.structs.replace(route, peer_ip=None)
        made = msgspec.structs.replace(
            message, recipient=shown.recipient, content=Content(parts=message.content.parts), sender=sender,
            origin_number=self._origin, origin_id=origin_id, route=route,
        )  # fmt: skip
        return _ENCODE(made).decode(), tuple(withheld)

    def stand_in(self) -> StandIn | None:
        """What a third party may know of the sender; None for one who is named."""
        if not self.hidden:
            return None
        return StandIn(kind=self._sender.kind, word=self._sender.word, number=self._sender.number is not None)

    def row(self, entity: Entity, key: str, value: Value | None) -> Shown:
        """How a row that was read is shown."""
        if entity == "sanctions":
            return self._sanctions(key, value)
        if entity != "registry":
            return Shown(f"{entity}:", withheld=True)
        if key.startswith(_NEVER):
            return Shown(_kind(key), withheld=True)
        return _without_owners(self._registry(key, value), value)

    def _sanctions(self, key: str, value: Value | None) -> Shown:
        if "~" not in key:
            return Shown(key)
        if not (self.hidden and self._state in key):
            return Shown(key.partition("~")[0], withheld=True)
        shown = key.replace(self._state, self._decision.sender.key)
        renamed = msgspec.structs.replace(value, subject=shown) if isinstance(value, SanctionRow) else None
        return Shown(shown, renamed)

    def _registry(self, key: str, value: Value | None) -> Shown:
        sender, number = self._sender, self._sender.number
        if number is not None and key == block_key(number):
            shown = block_key(STAND_IN) if self.hidden else key
            if not isinstance(value, BlockRow) or not sender.personal:
                return Shown(shown)
            index = int(number[-4:])
            place = int(STAND_IN[-4:]) if self.hidden else index
            parts = [
                None if part is None else BlockStates(
                    generation=part.generation, as_of_ms=part.as_of_ms,
                    states=pack_states({place: state_at(part.states, index)}),
                )
                for part in (value.current, value.previous)
            ]  # fmt: skip
            assert parts[0] is not None  # a block has a current generation
            return Shown(shown, BlockRow(key=shown, current=parts[0], previous=parts[1]))
        if not self.hidden:
            return Shown(key)
        kind, _, name = key.partition(":")
        if key == f"number:{number}":
            shown = f"number:{STAND_IN}"
        elif name == sender.key:
            shown = f"{kind}:{self._decision.sender.key}"
        elif sender.key in key or (number is not None and number in key):
            return Shown(_kind(key), withheld=True)
        else:
            return Shown(key)
        return Shown(shown, None if value is None else msgspec.structs.replace(value, key=shown))  # type: ignore[arg-type, type-var, unused-ignore]  # a registry row: it has a key


def _without_owners(shown: Shown, value: Value | None) -> Shown:
    """The row without owner keys that are pseudonyms: they tie the rows of one person together, and no check reads
    them. A row that has none stays as it is."""
    row = value if shown.value is None else shown.value
    if shown.withheld or not isinstance(row, OWNED) or not any("~" in k for e in row.timeline for k in e.owner_keys):
        return shown
    entries = [
        msgspec.structs.replace(entry, owner_keys=tuple(key for key in entry.owner_keys if "~" not in key))
        for entry in row.timeline
    ]
    return Shown(shown.key, msgspec.structs.replace(row, timeline=tuple(entries)))


def _kind(key: str) -> str:
    return key.partition(":")[0] + ":"
