"""The gate's side of `sent`: what each account and proved line sent, in the transaction that decides it.

A record for each partition of `sent` and transaction, not one for each message, as in `delivered`.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.contracts.base import encoder
from streams.contracts.messages import Message
from streams.contracts.shapes import Fact, Sent
from streams.engine.decide import Decided
from streams.engine.deliveries import partition_of
from streams.engine.pseudonym import Keys
from streams.engine.shaping import Shaper
from streams.pipeline.fitting import fitting
from streams.pipeline.step import Output

#: Facts of one subject in a row of a record: it can be split between rows only.
_ROW = 1000
_Row = tuple[str, tuple[Fact, ...]]


class Shaped:
    """Collects what the open transaction saw sent. partitions: of `sent`."""

    def __init__(self, keys: Keys, partitions: int) -> None:
        self._shaper, self._partitions = Shaper(keys), partitions
        self._encode = encoder().encode
        self._open: dict[int, dict[str, list[Fact]]] = {}  # by length of an epoch and subject

    def note(self, message: Message, decided: Decided) -> None:
        """A message was decided."""
        found = self._shaper.fact(message, decided)
        if found is None:
            return
        subjects, fact = found
        opened = self._open.get(decided.pack.epoch_ms)
        if opened is None:
            opened = self._open[decided.pack.epoch_ms] = {}
        for subject in subjects:
            held = opened.get(subject)
            if held is None:
                opened[subject] = [fact]
            else:
                held.append(fact)

    def flush(self) -> list[Output]:
        """What belongs into this transaction."""
        outputs: list[Output] = []
        for epoch_ms, opened in self._open.items():
            rows: dict[int, list[_Row]] = {}
            for subject, facts in opened.items():
                there = rows.setdefault(partition_of(subject, self._partitions), [])
                there.extend([(subject, tuple(facts[at : at + _ROW])) for at in range(0, len(facts), _ROW)])

            def encoded(part: Sequence[_Row], epoch_ms: int = epoch_ms) -> bytes:
                return self._encode(Sent(epoch_ms=epoch_ms, facts=tuple(part)))

            for partition, there in rows.items():
                outputs += [Output("sent", None, value, partition) for value in fitting(there, encoded)]
        return outputs

    def forget(self) -> None:
        """The transaction is over, one way or the other."""
        self._open.clear()
