"""A consumer group: who owns which partition, and who should."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Protocol


class Member(Protocol):
    """A consumer, as its group sees it. lost: its partitions were given away while it wasn't heard of."""

    lost: bool


class Group:
    """Cooperative: a partition moves when its owner has let go of it. target: who should own it; owned: who does."""

    def __init__(self, name: str, entity: str, partitions: int) -> None:
        self.name, self.entity, self.partitions = name, entity, partitions
        self.members: dict[str, Member] = {}
        self.target: dict[int, str] = {}
        self.owned: dict[int, str] = {}

    def join(self, name: str, member: Member) -> None:
        """A member comes, or comes back under its static name."""
        self.leave(name)
        self.members[name] = member
        self.fill()

    def leave(self, name: str) -> None:
        """It died or left; under a static name its partitions wait for it until `fill` or `shuffle`."""
        self.members.pop(name, None)
        self.owned = {p: owner for p, owner in self.owned.items() if owner != name}

    def fill(self) -> None:
        """Give what belongs to nobody alive to somebody alive."""
        names = sorted(self.members)
        for partition in range(self.partitions):
            if names and self.target.get(partition) not in self.members:
                self.target[partition] = names[partition % len(names)]

    def shuffle(self, rng: Random) -> None:
        """A rebalance."""
        names = sorted(self.members)
        if names:
            self.target = {partition: rng.choice(names) for partition in range(self.partitions)}

    def kick(self, name: str) -> None:
        """It wasn't heard of for too long: others get its partitions, it learns of it when it wakes."""
        member = self.members.pop(name, None)
        if member is not None:
            member.lost = True
            self.owned = {p: owner for p, owner in self.owned.items() if owner != name}
            self.fill()

    def free(self, name: str) -> list[int]:
        """Partitions that this member may take now."""
        return [p for p, owner in sorted(self.target.items()) if owner == name and p not in self.owned]

    def take(self, name: str, partitions: Iterable[int]) -> None:
        self.owned.update(dict.fromkeys(partitions, name))

    def release(self, name: str, partitions: Iterable[int]) -> None:
        for partition in partitions:
            if self.owned.get(partition) == name:
                del self.owned[partition]
