"""A bounded cache in two generations."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Miss:
    """The type of `MISS`."""


#: The answer for a key that the cache knows nothing about; None is an answer (there is no such row).
MISS: Final = Miss()


class TwoGenerations(Generic[K, V]):
    """Holds between `capacity` and 2 × `capacity` keys; what wasn't asked for during one generation falls out.

    No order is kept and nothing is evicted one by one: a dict's oldest key costs a walk over the holes.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | Miss:
        value = self._young.get(key, MISS)
        if value is not MISS:
            return value
        value = self._old.get(key, MISS)
        if not isinstance(value, Miss):
            self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        if len(self._young) >= self._capacity:
            self._old = self._young
            self._young = {}
        self._young[key] = value

    def drop(self, key: K) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
