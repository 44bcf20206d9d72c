"""What the registrar has written and its replica has not read back yet."""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts.feeds import RegistryValue

Slot = tuple[int, str]  # partition, key: heartbeats and manifests stand in every partition under one key


class Overlay:
    """Two layers over a replica: the open transaction, which an abort drops, and what is committed but still on its
    way back through the topic. A key's own writes come back in order, so counting them tells when it is safe to look
    at the replica again."""

    def __init__(self) -> None:
        self._open: dict[Slot, tuple[RegistryValue, int]] = {}
        self._landed: dict[Slot, tuple[RegistryValue, int]] = {}

    def get(self, slot: Slot) -> RegistryValue | None:
        """The newest value written under a slot; None = ask the replica."""
        found = self._open.get(slot) or self._landed.get(slot)
        return None if found is None else found[0]

    def put(self, slot: Slot, value: RegistryValue) -> None:
        """A record that this transaction writes."""
        before = self._open.get(slot)
        self._open[slot] = (value, 1 if before is None else before[1] + 1)

    def committed(self) -> None:
        for slot, (value, number) in self._open.items():
            before = self._landed.get(slot)
            self._landed[slot] = (value, number if before is None else before[1] + number)
        self._open.clear()

    def aborted(self) -> None:
        self._open.clear()

    def read_back(self, slot: Slot) -> None:
        """The replica took one record of this slot."""
        found = self._landed.get(slot)
        if found is None:
            return
        if found[1] <= 1:
            del self._landed[slot]
        else:
            self._landed[slot] = (found[0], found[1] - 1)

    def drop(self, partitions: Iterable[int]) -> None:
        """Somebody else writes these from now on."""
        gone = set(partitions)
        for layer in (self._open, self._landed):
            for slot in [slot for slot in layer if slot[0] in gone]:
                del layer[slot]

    def __len__(self) -> int:
        return len(self._open) + len(self._landed)
