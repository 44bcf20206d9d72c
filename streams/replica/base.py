"""The replica: rows by key, as far as the compacted topics have been read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import Heartbeat, Manifest, RegistryValue
from streams.contracts.jobs import JobRow
from streams.contracts.lists import ListRow
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import Row
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsRow
from streams.replica.changes import Applied, Bad, Change


class Replica(Protocol):
    """The local view of the compacted topics. One thread; nothing here waits for a network.

    The read methods never raise for a missing key. Closed replicas may not be used.
    """

    @property
    def bad(self) -> list[Bad]:
        """The last changes that could not be read, oldest first (at most `marks.BAD_KEPT`)."""
        ...

    @property
    def bad_count(self) -> int:
        """How many changes could not be read since the replica was opened."""
        ...

    @property
    def fault(self) -> str | None:
        """What the disk said when it could not be read or written; until `recover` nothing read counts."""
        ...

    @property
    def mended(self) -> str | None:
        """Why the replica was built anew because it was damaged; None if it was not."""
        ...

    def recover(self) -> None:
        """After a fault: open it again, empty if it was damaged. Raises disk.DiskError while that can't be done."""
        ...

    @property
    def revision(self) -> int | None:
        """Grows with whatever changes an answer, except of `feed` and `manifests`; also when all is wiped."""
        ...

    def row(self, key: str) -> Row | None:
        """The registry row under a key such as `sender:kr:15881234`."""
        ...

    def feed(self, name: str) -> Heartbeat | None:
        """The heartbeats of a feed: the union over partitions, overlapping beats merged."""
        ...

    def manifests(self, feed: str) -> tuple[Manifest, ...]:
        """All manifests held for a feed: one for each generation and partition, in that order."""
        ...

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        """Keys of the registry rows that have this skeleton, sorted."""
        ...

    def sanctions(self, subject: str) -> SanctionRow | None:
        """The sanctions of a subject."""
        ...

    def settings(self, recipient: str) -> SettingsRow | None:
        """What a recipient has set."""
        ...

    def blacklisted(self, key: str) -> BlacklistRow | None:
        """What an issuer's list says of a subject."""
        ...

    def blacklists(self) -> tuple[BlacklistManifest, ...]:
        """The manifests of all issuers, by name."""
        ...

    def job(self, key: str) -> JobRow | None:
        """A bulk send under a key such as `job:acct-1/spring-sale`."""
        ...

    def policy(self, jurisdiction: str) -> PolicyRow | None:
        """The published policy timeline of a jurisdiction."""
        ...

    def content_list(self, key: str) -> ListRow | None:
        """The content list under a key such as `kr/list:gambling`; lists stand on `policy` beside the policies."""
        ...

    def held(self, key: str, partition: int) -> RegistryValue | None:
        """What `registry` holds under a key in one partition; for its writer, which keeps every partition apart."""
        ...

    def apply(self, changes: Iterable[Change]) -> list[Applied]:
        """Take changes in the order of their topic, with their offsets, all or none (a crash leaves no half).

        A change below `next_offsets` was applied before and is skipped; a value that can't be read is noted in `bad`
        and what was held stays. Never raises for the content of a change.
        """
        ...

    def next_offsets(self) -> dict[tuple[str, int], int]:
        """One past the last change taken, for each (entity, partition) that had one."""
        ...

    def usable(self, topic_ids: Mapping[str, str], now_ms: int, max_age_ms: int) -> bool:
        """Whether reading may go on from `next_offsets`: same topics, and stamped at most `max_age_ms` ago.

        `max_age_ms`: half of the topics' delete.retention.ms. What slept longer may have missed a tombstone.
        """
        ...

    @property
    def layout_differs(self) -> bool:
        """Whether what was kept was written by a version that lays rows out otherwise; `usable` is False then."""
        ...

    def stamp(self, topic_ids: Mapping[str, str], now_ms: int) -> None:
        """Note that the replica stood at the end of these topics (entity → topic id) at this wall time."""
        ...

    def wipe(self) -> None:
        """Forget everything, offsets and stamp included."""
        ...

    def close(self) -> None:
        """Release files. May be called twice."""
        ...
