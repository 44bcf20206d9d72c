"""What the rules may read: the local view of the compacted topics. Replicas implement it; rules only see this."""

from __future__ import annotations

from typing import Protocol

from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import Heartbeat, Manifest
from streams.contracts.jobs import JobRow
from streams.contracts.lists import ListRow
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import Row
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsRow


class View(Protocol):
    """Rows by key. Every method answers at once, from memory or the local disk, and never raises for a missing key."""

    @property
    def revision(self) -> int | None:
        """Another number whenever an answer but of `feed` or `manifests` may be another one, so that nobody asks twice
        in vain; None: not counted. Heartbeats come all the time, and rows hardly ever."""
        ...

    def row(self, key: str) -> Row | None:
        """The registry row under a key such as `sender:kr:15881234`."""
        ...

    def feed(self, name: str) -> Heartbeat | None:
        """The heartbeats of a feed, overlapping ones merged."""
        ...

    def manifests(self, feed: str) -> tuple[Manifest, ...]:
        """All manifests held for a feed, any order."""
        ...

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        """Keys of the registry rows (institutions and alphanumeric senders) that have this skeleton, sorted."""
        ...

    def sanctions(self, subject: str) -> SanctionRow | None:
        """The sanctions of a subject."""
        ...

    def settings(self, recipient: str) -> SettingsRow | None:
        """What a recipient (pseudonym under the state key) has set."""
        ...

    def blacklisted(self, key: str) -> BlacklistRow | None:
        """What an issuer's list says under a key such as `carrier-b:host:prizes.example`."""
        ...

    def blacklists(self) -> tuple[BlacklistManifest, ...]:
        """The manifests of all issuers whose lists were taken, by name."""
        ...

    def job(self, key: str) -> JobRow | None:
        """A bulk send under a key such as `job:acct-1/spring-sale`."""
        ...

    def policy(self, jurisdiction: str) -> PolicyRow | None:
        """The published policy timeline of a jurisdiction."""
        ...

    def content_list(self, key: str) -> ListRow | None:
        """The content list under a key such as `kr/list:gambling`."""
        ...
