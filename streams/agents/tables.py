"""Agents' tables, and the only way to write them."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import faust
from aiokafka.partitioner import murmur2

from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused, StateFailed
from streams.agents.followers import Sends

if TYPE_CHECKING:
    from streams.agents.app import AgentApp

S = TypeVar("S")
E = TypeVar("E")

#: From so many keys on those whose sends are done are forgotten; more than can be on their way at once.
UNHEARD_KEYS = 10_000

Step = Callable[[S | None, E], tuple[S | None, Sequence[Output]]]


def raw_schema() -> "faust.Schema[bytes, bytes]":
    """Keys and values as bytes, on topics and in tables alike."""
    return faust.Schema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


class Table(Generic[S]):
    """State by record key, in RocksDB, backed by a changelog topic; see `bytes_table`."""

    def __init__(
        self,
        app: "AgentApp",
        inner: Any,
        changelog: str,
        read: Callable[[bytes], S],
        write: Callable[[S], bytes],
        in_step: bool = False,
    ) -> None:
        self.in_step = in_step
        self._unheard: dict[bytes, Sends] = {}
        self.app = app
        self.inner = inner
        self.changelog = changelog
        self.read = read
        self.write = write

    def get(self, key: bytes) -> S | None:
        """The state of `key`, which must belong to the partition of the event being handled.

        Raises StateFailed, and Refused("STATE_UNREADABLE") when `read` does not understand what is stored.
        """
        try:
            stored: bytes | None = self.inner.get(key)
        except Exception as error:
            raise StateFailed(f"Table {self.inner.name} can't be read: {error!r}") from error
        if stored is None:
            return None
        try:
            return self.read(stored)
        except Exception as error:
            raise Refused("STATE_UNREADABLE", f"table {self.inner.name}, {error!r}") from error

    async def heard(self, key: bytes) -> None:
        """Wait, `in_step`, until the last state of `key` and all that was said about it are acknowledged.

        Raises WorkerFailed.
        """
        if sends := self._unheard.pop(key, None):
            await self.app.outbox.acknowledged(sends)

    def said(self, key: bytes, sends: Sends) -> None:
        """`sends` stands for the new state of `key` and its outputs."""
        if not self.in_step:
            return
        if len(self._unheard) >= UNHEARD_KEYS:
            self._unheard = {k: s for k, s in self._unheard.items() if not all(one.done() for one in s)}
        self._unheard[key] = sends

    def states(self) -> Iterator[tuple[int, S]]:
        """(partition, state) of every key in this worker's partitions. Reads the whole store.

        A state that `read` does not understand is left out; `get` says so when an event asks for it.
        """
        for key, stored in self.inner.items():
            try:
                state = self.read(stored)
            except Exception:
                continue
            yield (murmur2(key) & 0x7FFFFFFF) % self.inner.partitions, state


def bytes_table(
    app: "AgentApp",
    name: str,
    partitions: int,
    *,
    changelog_topic: str | None = None,
    compacting: bool = True,
    read: Callable[[bytes], Any] = bytes,
    write: Callable[[Any], bytes] = bytes,
    in_step: bool = False,
) -> Table[Any]:
    """A table of raw bytes, or of whatever `read` and `write` turn them into.

    With `changelog_topic` (full name) the changelog is that public topic: a change is one record, read by gates and by
    recovery, so there is no pair of writes for a crash to tear. `partitions` must be the count of every topic whose
    events write to the table.

    in_step: a key's next state waits until the last one and its outputs are acknowledged. For a table with a history:
    after a kill the local store may be several states ahead of both, and what is set again is the last of them only;
    those between would stand in one of the two for ever. One at a time, there is none between.
    """
    schema = raw_schema()
    changelog = changelog_topic or f"{app.settings.group}.{name}.changelog"
    inner = app.Table(
        name,
        partitions=partitions,
        schema=schema,
        key_type=bytes,
        value_type=bytes,
        changelog_topic=app.topic(
            changelog,
            schema=schema,
            partitions=partitions,
            compacting=compacting,
            deleting=False,
            acks=False,
            internal=True,
        ),
        options={"driver": "rocksdict"},  # a new dict per table, the store takes entries out of it
    )
    return Table(app, inner, changelog, read, write, in_step)


async def apply(table: Table[S], delivery: Delivery, event: E, step: Step[S, E]) -> S | None:
    """Merge `event` into the state of its record's key: set the table, always, and send the outputs, always.

    `step(state_or_None, event) -> state, outputs` is pure, and every event will reach it twice one day:

    * the same event again leaves the state as it is: merge (sets, minima, sums guarded by offsets), never just add;
    * outputs are a function of state and event under deterministic ids, and whatever an earlier state has emitted is
      emitted again by the later one, or replaced under its id.

    A step that answers None has nothing to keep and says nothing: then nothing is written. Only where no state stands.

    Returns the new state. Raises Refused (nothing was written then) and StateFailed, and what `step` raises.
    """
    if delivery.key is None:
        raise Refused("KEY_MISSING", "the record has no key")
    # Tables are cut by the *source's* partition. A producer with another partitioner would split a key's state in two.
    count = table.inner.partitions
    if (murmur2(delivery.key) & 0x7FFFFFFF) % count != delivery.partition:
        raise Refused("WRONG_PARTITION", f"the key belongs to another of the {count} partitions (murmur2)")
    app = table.app
    await table.heard(delivery.key)
    state, outputs = step(table.get(delivery.key), event)
    if state is None:
        return None
    # Before the first write, so that a refusal leaves nothing half done.
    value = table.write(state)
    for output in (Output(table.changelog, delivery.key, value), *outputs):
        app.emitter.check_size(output)
    # Set even if unchanged. Killed behind this line the local store is ahead of the changelog; the event comes again,
    # finds itself applied, and only setting it again repairs the changelog.
    try:
        with app.outbox.sending() as change:
            table.inner[delivery.key] = value
    except Exception as error:
        raise StateFailed(f"Table {table.inner.name} can't be written: {error!r}") from error
    app.crash_points("after-table-write")
    # Sent even if the state had the event. Killed before the broker had them, nothing else would ever send them.
    if outputs or table.in_step:
        table.said(delivery.key, app.followers.send(change, outputs))
    # Killed from here to the commit: state and outputs are repeated, equal, under equal ids.
    app.crash_points("after-send")
    return state
