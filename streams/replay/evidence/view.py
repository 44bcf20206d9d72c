"""What a bundle holds, as the engine's view. Whatever the bundle does not hold is said, never taken for absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from streams.contracts.base import read
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.evidence import Evidence, Kept, ReadRow
from streams.contracts.feeds import Heartbeat, Manifest
from streams.contracts.jobs import JobRow
from streams.contracts.lists import ListRow
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import Row
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsRow
from streams.engine.policy import PackData, Policies
from streams.replica.changes import NOT_ROWS, Entity, Value, decode
from streams.replica.marks import Marks

_POLICY = msgspec.json.Decoder(PolicyRow)


class NotHeld(Exception):
    """The engine asks for something that is not in the bundle. withheld: because it may not leave the carrier."""

    def __init__(self, what: str, withheld: bool) -> None:
        super().__init__(what)
        self.what, self.withheld = what, withheld


def value_of(row: ReadRow) -> Value | None:
    """What a row of the bundle says; None where it says nothing. Raises ValueError."""
    if row.record is None and row.excerpt is None:
        return None
    entity: Entity = row.entity  # type: ignore[assignment]  # another one's value is no row, which decode says
    said = row.excerpt if row.excerpt is not None else cast("Kept", row.record).value
    return decode(entity, row.key, said.encode())


class BundleView:
    """The engine's view of a bundle. Raises ValueError when a row, heartbeat or policy in it can't be read."""

    def __init__(self, evidence: Evidence) -> None:
        self._values = {(row.entity, row.key): value_of(row) for row in evidence.reads if not row.withheld}
        self._withheld = {row.key for row in evidence.reads if row.withheld}
        self._alike: Mapping[str, tuple[str, ...]] = evidence.alike
        self._feeds, self._marks = frozenset(evidence.feeds), Marks()
        for feed, marks in evidence.feeds.items():
            for kept in marks:
                mark = decode("registry", kept.key, kept.value.encode())
                if not isinstance(mark, Heartbeat | Manifest) or mark.feed != feed:
                    raise ValueError(f"{kept.key} is no heartbeat or manifest of {feed}")
                self._marks.put(kept.key, kept.partition, mark)
        self._policies = {name: read(_POLICY, kept.value.encode()) for name, kept in evidence.policies.items()}

    def _held(self, entity: str, key: str, kind: str) -> Value | None:
        try:
            return self._values[entity, key]
        except KeyError:
            raise NotHeld(key, kind in self._withheld) from None

    @property
    def revision(self) -> int | None:
        """Not counted: a bundle is asked once."""
        return None

    def row(self, key: str) -> Row | None:
        """A registry row."""
        value = self._held("registry", key, key.partition(":")[0] + ":")
        return None if isinstance(value, NOT_ROWS) else value

    def sanctions(self, subject: str) -> SanctionRow | None:
        """A subject's sanctions."""
        value = self._held("sanctions", subject, subject.partition(":")[0] + ":")
        return value if isinstance(value, SanctionRow) else None

    def settings(self, recipient: str) -> SettingsRow | None:
        """Never in a bundle."""
        raise NotHeld("settings", True)

    def job(self, key: str) -> JobRow | None:
        """Never in a bundle: it tells whom a job binds."""
        raise NotHeld("jobs", True)

    def blacklisted(self, key: str) -> BlacklistRow | None:
        """Never in a bundle: partners' lists are theirs to show."""
        raise NotHeld("partners' blacklists", True)

    def blacklists(self) -> tuple[BlacklistManifest, ...]:
        """Likewise."""
        raise NotHeld("partners' blacklists", True)

    def content_list(self, key: str) -> ListRow | None:
        """Never in a bundle: without the text they say nothing."""
        raise NotHeld(key, True)

    def feed(self, name: str) -> Heartbeat | None:
        """The heartbeats of a feed."""
        self._asked(name)
        return self._marks.feed(name)

    def manifests(self, feed: str) -> tuple[Manifest, ...]:
        """The manifests of a feed."""
        self._asked(feed)
        return self._marks.manifests(feed)

    def _asked(self, feed: str) -> None:
        if feed not in self._feeds:
            raise NotHeld(f"feed {feed}", False)

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        """Keys by skeleton."""
        if skeleton not in self._alike:
            raise NotHeld(f"names that look like {skeleton}", False)
        return self._alike[skeleton]

    def policy(self, jurisdiction: str) -> PolicyRow | None:
        """The published policy."""
        return self._policies.get(jurisdiction)


def policies_of(evidence: Evidence) -> Policies:
    """The carrier's own policies. Raises ValueError or LookupError when its packs do not build."""
    shipped: dict[tuple[str, str], PackData] = {
        (name, profile): pack for name, profiles in evidence.packs.items() for profile, pack in profiles.items()
    }
    return Policies(shipped, evidence.jurisdiction)
