"""One message under judgement: what it claims, the rows read for it at its event time, and their versions.

Every read goes through the case, so that a decision can name the version of each row it rests on, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from streams.contracts.base import Entry
from streams.contracts.blacklists import BlacklistEntry, BlacklistManifest, row_key
from streams.contracts.decisions import FailBasis
from streams.contracts.jobs import JobEntry, job_key
from streams.contracts.messages import Message
from streams.contracts.registry import (
    AccountEntry,
    AccountRow,
    AllowEntry,
    AllowRow,
    BlockRow,
    CertificateEntry,
    CertificateRow,
    ConsentEntry,
    ConsentRow,
    DnoEntry,
    DnoRow,
    InstitutionEntry,
    InstitutionRow,
    KeyEntry,
    KeyRow,
    NetworkEntry,
    NetworkRow,
    NumberRow,
    NumberStatus,
    PermissionEntry,
    PermissionRow,
    RelayEntry,
    RelayRow,
    ResellerEntry,
    ResellerRow,
    SenderEntry,
    SenderRow,
)
from streams.contracts.reputation import SanctionEntry
from streams.contracts.settings import SettingsEntry
from streams.engine.accounts import sender_of
from streams.engine.blocks import state_at
from streams.engine.feeds import Absence, absence, fresh
from streams.engine.jobs.keys import compromised_since, key_name
from streams.engine.numberplan import block_key
from streams.engine.policy import Policy
from streams.engine.senders import SenderId, classify
from streams.engine.timeline import all_current, counts_since, current, ended_since, visible
from streams.engine.view import View

LONG_AGO = -(2**53)
E = TypeVar("E", bound=Entry)
#: Rows of signalling addresses stand under a whole address or so many of its first digits.
NETWORK, MIN_PREFIX, MAX_PREFIX = "network:gt:", 3, 10


class Read(NamedTuple, Generic[E]):
    """What stood under a key at e: the entry that counts, or none because it expired, or no row at all.

    since_ms: from when on any reader saw this: recorded and begun, or ended.
    """

    entry: E | None
    expired: bool
    since_ms: int
    version: str

    @property
    def absent(self) -> bool:
        """No row was recorded by e. Proves nothing by itself (closed world)."""
        return self.entry is None and not self.expired


IN_SERVICE: tuple[NumberStatus, ...] = ("active", "ported_out")
OUT_OF_SERVICE: tuple[NumberStatus, ...] = ("unallocated", "suspended", "terminated")
ABSENT: Read[Entry] = Read(None, False, LONG_AGO, "-")


class Reads(NamedTuple):
    """What a case had read when its claim was judged, which is never changed: a thousand cases stand on the same one.

    number: its state, if it was asked. versions: of the rows, in the order of reading. shown: as `versions_read` shows
    them where nothing else was found.
    """

    rows: dict[str, Read[Any]]
    number: NumberFact | None
    versions: tuple[str, ...]
    shown: str


class NumberFact(NamedTuple):
    """A number's state at e. source: 'row', 'block' or '' (nobody said anything).

    basis: what a FAIL on this state rests on: `generation` where the block said "in service" one generation before and
    no row of the number says what it says now.
    """

    status: NumberStatus
    source: str
    from_ms: int
    since_ms: int
    owner_epoch: int
    basis: FailBasis = "row"


NOTHING_READ = Reads({}, None, (), "")


class Case:
    """A message, the view and the policy that counts for it; caches what several checks read."""

    __slots__ = (
        "_before", "_number", "_reads", "clocked", "e_ms", "flags", "message", "pack", "policy", "sender", "view",
        "vouched", "when",
    )  # fmt: skip

    def __init__(
        self, message: Message, view: View, policy: Policy, when: tuple[int, bool] | None = None
    ) -> None:  # fmt: skip
        """when: `effective_time` by the carrier's own skew, where another jurisdiction's policy judges.

        clocked: a rule has held the time against another than those in the rows: the same rows may say otherwise later.
        vouched: what was asked of the feeds, as `vouching` knows it, and the answer.
        """
        self.message, self.view, self.policy, self.pack = message, view, policy, policy.pack
        self.when = when or effective_time(message, policy.pack.skew_ms)
        self.e_ms, late = self.when
        shown, grammar = message.sender, self.pack.grammar
        if message.channel in ("mo", "mt"):
            self.sender: SenderId = classify(shown.address, shown.ton, grammar)
        else:
            self.sender = sender_of(message.channel, shown.address, shown.ton, message.origin_id, grammar)
        self.flags: list[str] = [*self.sender.flags]
        if late:
            self.flags.append("time_from_ingest")
        self._before = NOTHING_READ
        self._reads: dict[str, Read[Entry]] = {}
        self._number: NumberFact | None = None
        self.clocked = False
        self.vouched: dict[str, Absence | bool] = {}

    def recalled(self) -> Reads:
        """What was read so far, for `recall`."""
        versions = [read.version for read in self._reads.values()]
        return Reads(dict(self._reads), self._number, tuple(versions), _shown(versions))

    def recall(self, reads: Reads) -> None:
        """Stand as a case that has read this: the next reads come behind."""
        self._before, self._reads, self._number = reads, {}, reads.number

    def _read(self, key: str, row_type: type) -> Read[Entry]:
        held = self._reads.get(key) or self._before.rows.get(key)
        if held is not None:
            return held
        row = self.view.row(key)
        found: Read[Entry]
        if row is None or row.__class__ is not row_type:
            found = ABSENT
        else:
            timeline: tuple[Entry, ...] = row.timeline  # type: ignore[union-attr]  # row_type is never BlockRow
            entry = current(timeline, self.e_ms)
            if entry is not None:
                found = Read(entry, False, counts_since(entry), str(entry.version))
            elif visible(timeline, self.e_ms):
                found = Read(None, True, ended_since(timeline, self.e_ms), "x")
            else:
                found = ABSENT
        self._reads[key] = found
        return found

    # One accessor for each kind of row, so that a check says what it reads and gets the right type.
    def sender_row(self, key: str | None = None) -> Read[SenderEntry]:
        """The registration of the sender (or of another sender's key)."""
        return self._read("sender:" + (key or self.sender.key), SenderRow)  # type: ignore[return-value]  # by row_type

    def account_row(self, account: str) -> Read[AccountEntry]:
        """The row of an account."""
        return self._read("account:" + account, AccountRow)  # type: ignore[return-value]  # by row_type

    def reseller_row(self, reseller: str) -> Read[ResellerEntry]:
        """The row of a reseller."""
        return self._read("reseller:" + reseller, ResellerRow)  # type: ignore[return-value]  # by row_type

    def relay_row(self, relay: str) -> Read[RelayEntry]:
        """The row of a relay."""
        return self._read("relay:" + relay, RelayRow)  # type: ignore[return-value]  # by row_type

    def certificate_row(self, number: str) -> Read[CertificateEntry]:
        """A mass-sender certificate by its number."""
        return self._read("certificate:" + number, CertificateRow)  # type: ignore[return-value]  # by row_type

    def dno_row(self) -> Read[DnoEntry]:
        """The do-not-originate entry of the sender."""
        return self._read("dno:" + self.sender.key, DnoRow)  # type: ignore[return-value]  # by row_type

    def institution_row(self, key: str) -> Read[InstitutionEntry]:
        """An institution's row by its full key."""
        return self._read(key, InstitutionRow)  # type: ignore[return-value]  # by row_type

    def permission_row(self, origin_key: str) -> Read[PermissionEntry]:
        """The permission of an origin number to show the sender."""
        return self._read(f"permission:{origin_key}>{self.sender.key}", PermissionRow)  # type: ignore[return-value]  # by row_type

    def network_of(self, address: str) -> Read[NetworkEntry]:
        """Whose signalling address it is: the row of the address itself, else of its longest prefix."""
        for digits in (address, *(address[:n] for n in range(min(len(address) - 1, MAX_PREFIX), MIN_PREFIX - 1, -1))):
            read: Read[NetworkEntry] = self._read(NETWORK + digits, NetworkRow)  # type: ignore[assignment]  # by row_type
            if read.entry is not None:
                return read
        return Read(None, False, LONG_AGO, "-")

    def consent_row(self, owner: str, recipient: str) -> Read[ConsentEntry]:
        """A recipient's consent to an owner's advertisements; `recipient` under the state key."""
        return self._read(f"consent:{owner}>{recipient}", ConsentRow)  # type: ignore[return-value]  # by row_type

    def key_row(self, account: str, kid: str) -> Read[KeyEntry]:
        """A key that an account signs its bulk sends with."""
        return self._read(key_name(account, kid), KeyRow)  # type: ignore[return-value]  # by row_type

    def compromised_since(self, account: str, kid: str) -> int | None:
        """From when on a reader knew that this key is compromised; None: nobody said so by e."""
        self.key_row(account, kid)
        row = self.view.row(key_name(account, kid))
        return compromised_since(row, self.e_ms) if isinstance(row, KeyRow) else None

    def allow_rules(self) -> list[AllowEntry]:
        """Every allow rule of the sender that counts at e. They stand in parallel: a new one never hides another."""
        key = "allow:" + self.sender.key
        row = self.view.row(key)
        if not isinstance(row, AllowRow):
            self._note(key, ABSENT.version)
            return []
        found = all_current(row.timeline, self.e_ms)
        self._note(key, "+".join(str(rule.version) for rule in found) or "-")
        return found

    def sanctions(self, subject: str) -> list[SanctionEntry]:
        """All sanctions of a subject that count at e."""
        row, key = self.view.sanctions(subject), "s:" + subject
        if row is None:
            if key not in self._before.rows:
                self._reads[key] = ABSENT
            return []
        found = all_current(row.timeline, self.e_ms)
        self._note(key, "+".join([str(s.version) for s in found]) or "-")
        return found

    def imposed(self, subjects: Iterable[str]) -> Iterator[tuple[str, list[SanctionEntry]]]:
        """Those of the subjects that are under sanctions that count at e, hardly ever any; each is read when its turn
        comes."""
        held, before = self.view.sanctions, self._before.rows
        for subject in subjects:
            if held(subject) is not None:
                if standing := self.sanctions(subject):
                    yield subject, standing
            elif (key := "s:" + subject) not in before:
                self._reads[key] = ABSENT

    def settings(self, recipient: str) -> SettingsEntry | None:
        """What a recipient (state pseudonym) has set that counts at e."""
        row = self.view.settings(recipient)
        entry = None if row is None else current(row.timeline, self.e_ms)
        self._note("p:" + recipient, "-" if entry is None else str(entry.version))
        return entry

    def blacklists(self) -> list[BlacklistManifest]:
        """The issuers whose lists were taken by e, by name."""
        return [manifest for manifest in self.view.blacklists() if manifest.since_ms <= self.e_ms]

    def blacklisted(self, issuer: str, subject: str) -> BlacklistEntry | None:
        """What an issuer's list says of a subject at e."""
        key = row_key(issuer, subject)
        row = self.view.blacklisted(key)
        entry = None if row is None else current(row.timeline, self.e_ms)
        expired = entry is None and row is not None and visible(row.timeline, self.e_ms)
        self._note("b:" + key, str(entry.version) if entry is not None else "x" if expired else "-")
        return entry

    def handed_on(self, since_ms: int) -> bool:
        """Whether the sender's number has changed hands since a time: it went out of service, its owner's number in
        the row of the number went up, or it was registered to somebody else."""
        number = self.sender.number
        row = None if number is None else self.view.row("number:" + number)
        if isinstance(row, NumberRow):
            self.number()
            known = [e for e in row.timeline if e.recorded_at_ms <= self.e_ms and e.from_ms <= self.e_ms]
            if any(e.status in ("terminated", "unallocated") and e.from_ms > since_ms for e in known):
                return True
            newest = max((e.owner_epoch for e in known), default=0)
            if newest and min(e.from_ms for e in known if e.owner_epoch == newest) > since_ms:
                return True
        held = self.sender_row().entry
        before = self.view.row("sender:" + self.sender.key)
        if held is None or not isinstance(before, SenderRow):
            return False
        then = [e for e in before.timeline if e.from_ms <= since_ms and (e.to_ms is None or since_ms < e.to_ms)]
        return any(e.owner != held.owner for e in then)

    def job_row(self, account: str, job: str) -> Read[JobEntry]:
        """What became of a bulk send that an account submitted."""
        key = job_key(account, job)
        row = self.view.job(key)
        entry = None if row is None else current(row.timeline, self.e_ms)
        found = Read(entry, False, LONG_AGO, "-" if entry is None else str(entry.version))
        self._note("j:" + key, found.version)
        return found

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        """Keys of registry rows whose name looks like this skeleton."""
        return self.view.lookalikes(skeleton)

    def number(self) -> NumberFact:
        """The state of the sender's number: its own row where one counts, else its block as of e."""
        if self._number is None:
            self._number = self._find_number()
        return self._number

    def _find_number(self) -> NumberFact:
        number = self.sender.number
        if number is None:
            return NumberFact("unknown", "", LONG_AGO, LONG_AGO, 0)
        row = self.view.row("number:" + number)
        if isinstance(row, NumberRow) and (entry := current(row.timeline, self.e_ms)) is not None:
            self._note("number:" + number, str(entry.version))
            return NumberFact(entry.status, "row", entry.from_ms, counts_since(entry), entry.owner_epoch)
        self._note("number:" + number, ABSENT.version)
        key = block_key(number)
        block = self.view.row(key)
        self._note(key, ABSENT.version)
        if not isinstance(block, BlockRow):
            return NumberFact("unknown", "", LONG_AGO, LONG_AGO, 0, "absence")
        for part in (block.current, block.previous):
            if part is not None and part.as_of_ms <= self.e_ms:
                self._note(key, part.generation)
                index = int(number[-4:])
                status = state_at(part.states, index)
                basis: FailBasis = "absence" if status == "unallocated" else "row"
                if status in OUT_OF_SERVICE and not self._stated(row, status):
                    before = block.previous if part is block.current else None
                    if before is not None and state_at(before.states, index) in IN_SERVICE:
                        basis = "generation"
                return NumberFact(status, "block", part.as_of_ms, part.as_of_ms, 0, basis)
        return NumberFact("unknown", "", LONG_AGO, LONG_AGO, 0, "absence")

    def _stated(self, row: object, status: NumberStatus) -> bool:
        """Whether a row of the number ever said this, also one that an import has folded into the block since."""
        if not isinstance(row, NumberRow):
            return False
        return any(e.status == status and e.recorded_at_ms <= self.e_ms for e in row.timeline)

    def dropped_row(self) -> SenderEntry | None:
        """The sender's last registration, if it was active and ended because a generation no longer listed it, not
        longer ago than the breaker remembers."""
        if not self.sender_row().expired:
            return None
        self.clocked = True
        row = self.view.row("sender:" + self.sender.key)
        if not isinstance(row, SenderRow):
            return None
        ended = [e for e in row.timeline if e.recorded_at_ms <= self.e_ms and e.to_ms is not None]
        last = max(ended, key=lambda e: (e.to_ms or 0, e.version), default=None)
        if last is None or last.dropped_by is None or last.state != "active":
            return None
        remembered_ms = self.pack.breaker.memory_days * 86_400_000
        return last if self.e_ms - (last.to_ms or 0) < remembered_ms else None

    def number_feed_fresh(self) -> bool:
        """Whether the feed that vouches for this kind of number was alive at e."""
        return bool(self.vouching("fresh"))

    def absence(self, word: str | None) -> Absence:
        """What "no row" means for a word at e."""
        return self.vouching(word or "")  # type: ignore[return-value]  # by the word

    def vouching(self, asked: str) -> Absence | bool:
        """What the feeds vouch for: `absence` of a word, or whether the number's feed is `fresh`."""
        held = self.vouched.get(asked)
        if held is None:
            if asked == "fresh":
                word = self.sender.word
                held = fresh(self.view, self.pack.feeds.get(word) if word else None, self.e_ms)
            else:
                held = absence(self.view, self.pack.feeds, asked or None, self.e_ms)
            self.vouched[asked] = held
        return held

    def country_word(self, name: str) -> str:
        """`sender` → `kr:sender`."""
        return f"{self.pack.grammar.country}:{name}"

    def versions_read(self) -> str:
        """Versions of the rows read so far, in the order of reading; `-` for no row, `x` for an expired one.

        Trailing `-` are left out: most reads end in a row of keys under which nobody was ever sanctioned.
        """
        since = [read.version for read in self._reads.values()]
        if since.count(ABSENT.version) == len(since):  # most
            return self._before.shown
        return _shown([*self._before.versions, *since])

    def _note(self, key: str, version: str) -> None:
        if key not in self._before.rows:
            self._reads[key] = ABSENT if version == ABSENT.version else Read(None, False, LONG_AGO, version)

    def keys_read(self) -> tuple[str, ...]:
        """The keys behind `versions_read`, in the same order."""
        return (*self._before.rows, *self._reads)


def _shown(versions: list[str]) -> str:
    named = [*versions]
    while named and named[-1] == ABSENT.version:
        named.pop()
    return ",".join(named)


def effective_time(message: Message, skew_ms: int) -> tuple[int, bool]:
    """Event time, or ingest time (and True) when the two differ by more than the policy's skew."""
    if abs(message.event_time_ms - message.ingested_at_ms) > skew_ms:
        return message.ingested_at_ms, True
    return message.event_time_ms, False
