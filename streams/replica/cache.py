"""A bounded cache in two generations."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

V = TypeVar("V")


class Miss:
    """The type of `MISS`."""


#: The answer for a key that the cache knows nothing about; None is an answer (there is no such row).
MISS: Final = Miss()


class TwoGenerations(Generic[V]):
    """Holds between `capacity` and 2 × `capacity` keys; what wasn't asked for during one generation falls out.

    No order is kept and nothing is evicted one by one: a dict's oldest key costs a walk over the holes.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._young: dict[str, V] = {}
        self._old: dict[str, V] = {}

    def get(self, key: str) -> V | Miss:
        value = self._young.get(key, MISS)
        if value is not MISS:
            return value
        value = self._old.get(key, MISS)
        if not isinstance(value, Miss):
            self.put(key, value)
        return value

    def put(self, key: str, value: V) -> None:
        if len(self._young) >= self._capacity:
            self._old = self._young
            self._young = {}
        self._young[key] = value

    def drop(self, key: str) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
