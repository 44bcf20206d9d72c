"""The gate's side of `shapes`: how each account and proved line sent, in the transaction that decides it.

A delta for each subject, epoch and transaction, not one for each message; offsets as the meter's.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.contracts.base import encoder
from streams.contracts.messages import Message
from streams.engine.decide import Decided
from streams.engine.pseudonym import Keys
from streams.engine.shaping import Open, Shaper, deltas
from streams.pipeline.step import Input, Output


class Shaped:
    """Collects the shapes of the open transaction, per input partition."""

    def __init__(self, keys: Keys) -> None:
        self._shaper = Shaper(keys)
        self._encode = encoder().encode
        self._open: dict[int, tuple[int, Open]] = {}

    def note(self, message: Message, decided: Decided, record: Input) -> None:
        """A message was decided."""
        held = self._open.get(record.partition)
        if held is None:
            held = self._open[record.partition] = (record.offset, {})
        self._shaper.note(message, decided, held[1])

    def flush(self, positions: Mapping[int, int]) -> list[Output]:
        """What belongs into this transaction."""
        outputs: list[Output] = []
        for partition, (first, opened) in self._open.items():
            for delta in deltas(opened, partition, first, positions[partition]):
                outputs.append(Output("shapes", delta.subject.encode("utf-8", "replace"), self._encode(delta)))
        return outputs

    def forget(self) -> None:
        """The transaction is over, one way or the other."""
        self._open.clear()
