"""Claims judged before: recalled for as long as they would come out the same.

A claim's judgement is a function of the claim, the policy, what the view answered, how the event's time stands to the
times in those answers, and for what the feeds vouch. So it is kept with these: it counts again where view and feeds
still answer the same and the event's time lies in the same stretch between two such times. What holds the time against
anything else (`Case.clocked`) is not kept, and our own failure is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from streams.cache import Miss, TwoGenerations
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import Heartbeat, Manifest
from streams.contracts.jobs import JobRow
from streams.contracts.lists import ListRow
from streams.contracts.messages import UNTOLD, Message, Route, Sender
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import Row
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsRow
from streams.engine.case import Case, Reads
from streams.engine.claims import Claim, judged
from streams.engine.feeds import Absence
from streams.engine.policy import Policy
from streams.engine.pseudonym import Keys
from streams.engine.timeline import stretch, times_in
from streams.engine.view import View

#: Everything of a message that a claim rests on; `Case` has the policy, `Kept` the rest.
Name = tuple[Sender, Route, str, str, str, str | None, str | None, str | None]
Ask = Callable[[str], Any]
#: What was asked, of which keys, and what was said of each.
Answers = tuple[tuple[Ask, tuple[str, ...], list[Any]], ...]
A = TypeVar("A")


@dataclass(slots=True)
class Kept:
    """A judgement, and what must be as it was. [from_ms, to_ms): event times that see the same entries. revision: of
    the view, when it last gave these answers."""

    claim: Claim
    policy: Policy
    view: View
    answers: Answers
    from_ms: int
    to_ms: int
    vouched: tuple[tuple[str, Absence | bool], ...]
    reads: Reads
    revision: int | None


class Claims:
    """Judges claims, or recalls how they were judged. held: so many at least; 0 judges each time."""

    def __init__(self, keys: Keys, held: int) -> None:
        self._keys = keys
        self._kept: TwoGenerations[Name, Kept] | None = TwoGenerations(held) if held else None
        self._met: TwoGenerations[int, None] = TwoGenerations(4 * held)
        self._read: TwoGenerations[str, tuple[Any, tuple[int, ...]]] = TwoGenerations(held)

    def __len__(self) -> int:
        return 0 if self._kept is None else len(self._kept)

    def of(self, case: Case) -> Claim:
        """The claim of a case, which then has read what the judgement rests on."""
        message = case.message
        if self._kept is None or message.signalling != UNTOLD:
            return judged(case, self._keys)
        name = _name(message)
        kept = self._kept.get(name)
        if isinstance(kept, Miss):
            if message.traffic_class == "p2p" and self._new(name):
                return judged(case, self._keys)
        elif _stands(kept, case):
            case.recall(kept.reads)
            return kept.claim
        view, case.view = case.view, (witness := _Witness(case.view))
        for key in case.keys_read():
            witness.row(key)  # what told the jurisdiction
        claim = judged(case, self._keys)
        case.view = view
        if not case.clocked and not any([check.gate == "own" for check in claim.checks]):
            answers = tuple([(ask, tuple(said), list(said.values())) for ask, said in witness.answers.items()])
            begin, end = stretch(case.e_ms, self._times(answers))
            vouched = tuple(case.vouched.items())
            self._kept.put(
                name, Kept(claim, case.policy, view, answers, begin, end, vouched, case.recalled(), view.revision)
            )
        return claim

    def _times(self, answers: Answers) -> list[int]:
        found: list[int] = []
        for _, keys, said in answers:
            for key, value in zip(keys, said, strict=True):
                if not value:
                    continue
                held = self._read.get(key)
                if isinstance(held, Miss) or held[0] is not value:  # a relay's row is read for thousands
                    held = (value, tuple(times_in(value)))
                    self._read.put(key, held)
                found += held[1]
        return found

    def _new(self, name: Name) -> bool:
        """Most people write once, and would push out who writes often: they are kept at their second message."""
        named = hash(name)
        if not isinstance(self._met.get(named), Miss):
            return False
        self._met.put(named, None)
        return True


def _name(message: Message) -> Name:
    return (
        message.sender, message.route, message.leg, message.channel, message.traffic_class, message.purpose,
        message.origin_number, message.origin_id,
    )  # fmt: skip


def _stands(kept: Kept, case: Case) -> bool:
    if not kept.from_ms <= case.e_ms < kept.to_ms or kept.policy is not case.policy or kept.view is not case.view:
        return False
    revision = kept.view.revision
    if revision is None or revision != kept.revision:
        for ask, keys, said in kept.answers:
            if list(map(ask, keys)) != said:
                return False
        kept.revision = revision
    return all([case.vouching(word) == said for word, said in kept.vouched])


@dataclass(frozen=True)
class _Keyless:
    """Something asked without a key."""

    ask: Callable[[], Any]  # Any: mypyc makes no dataclass that is generic

    def __call__(self, _: str) -> Any:
        return self.ask()


class _Witness:
    """A view that remembers what it was asked and what it said."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.revision: int | None = None
        self.answers: dict[Ask, dict[str, Any]] = {}

    def _noted(self, ask: Callable[[str], A], key: str) -> A:
        held = self.answers.get(ask)
        if held is None:
            held = self.answers[ask] = {}
        said = held[key] = ask(key)
        return said

    def row(self, key: str) -> Row | None:
        return self._noted(self._view.row, key)

    def feed(self, name: str) -> Heartbeat | None:
        return self._view.feed(name)  # a heartbeat comes every few minutes: what counts is `Case.vouched`

    def manifests(self, feed: str) -> tuple[Manifest, ...]:
        return self._view.manifests(feed)  # likewise

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        return self._noted(self._view.lookalikes, skeleton)

    def sanctions(self, subject: str) -> SanctionRow | None:
        return self._noted(self._view.sanctions, subject)

    def settings(self, recipient: str) -> SettingsRow | None:
        return self._noted(self._view.settings, recipient)

    def blacklisted(self, key: str) -> BlacklistRow | None:
        return self._noted(self._view.blacklisted, key)

    def blacklists(self) -> tuple[BlacklistManifest, ...]:
        return self._noted(_Keyless(self._view.blacklists), "")

    def job(self, key: str) -> JobRow | None:
        return self._noted(self._view.job, key)

    def policy(self, jurisdiction: str) -> PolicyRow | None:
        return self._noted(self._view.policy, jurisdiction)

    def content_list(self, key: str) -> ListRow | None:
        return self._noted(self._view.content_list, key)
