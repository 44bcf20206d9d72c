"""Compute a decision again from the rows that it says it read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from streams.contracts.base import encoder
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.decisions import Decision
from streams.contracts.feeds import Heartbeat, Manifest
from streams.contracts.jobs import JobRow
from streams.contracts.lists import ListRow
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import Row
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsRow
from streams.engine.decide import Decider
from streams.engine.intake import InvalidEvent, read_message
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.replay.history import NO_ROW, NOTHING, History, State, version_at
from streams.replica.changes import NOT_ROWS, Entity, Value
from streams.replica.marks import Marks

#: Rows of one version can differ (an end was added); so many combinations are tried before a decision is called wrong.
_TRIES = 64


class Read(NamedTuple):
    """A row that a decision read, the version that it names for it, and the state that was found for that."""

    entity: Entity
    key: str
    named: str
    state: State


class Recomputed(NamedTuple):
    """value: canonical bytes without `observed`, None where no policy has the hash that the decision names.
    feeds: whose heartbeats and manifests were asked for. alike: keys by skeleton, of those asked for.
    policy: the state that has the hash.
    """

    value: bytes | None
    reads: tuple[Read, ...] = ()
    feeds: tuple[str, ...] = ()
    alike: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    policy: State = NOTHING


class GuidedView:
    """A `View` that answers each read with a state whose version at e is the one that the decision names for it.

    The n-th distinct key asked for is the n-th version in `versions.read`. Heartbeats and manifests are those of the
    end: they count by their own times.
    """

    def __init__(self, history: History) -> None:
        self._history, self._marks = history, Marks()
        for (key, partition), mark in history.marks.items():
            self._marks.put(key, partition, mark)
        self._skeletons = _skeletons(history)
        manifests = [value for value in history.rows.values() if isinstance(value, BlacklistManifest)]
        self._blacklists = tuple(sorted(manifests, key=lambda m: m.issuer))
        self.tested: tuple[str, PolicyRow | None] = ("", None)
        self.begin((), 0, {})

    def begin(self, named: tuple[str, ...], e_ms: int, choice: dict[str, int]) -> None:
        """Get ready for one decision. choice: which of several fitting states a key gets (0, or absent: the newest)."""
        self._named, self._e_ms, self._choice = named, e_ms, choice
        self.reads: list[Read] = []
        self.several: dict[str, int] = {}
        self.feeds: dict[str, None] = {}
        self.alike: dict[str, tuple[str, ...]] = {}
        self._held: dict[tuple[Entity, str], Value | None] = {}

    def _read(self, entity: Entity, key: str) -> Value | None:
        place = (entity, key)
        if place not in self._held:
            number = len(self.reads)
            named = self._named[number] if number < len(self._named) else NO_ROW
            states = self._history.states(entity, key)
            fit = [s for s in reversed(states) if version_at(s.value, self._e_ms) == named]
            if len(fit) > 1:
                self.several[key] = len(fit)
            at = self._choice.get(key, 0)
            found = fit[at] if at < len(fit) else NOTHING
            self.reads.append(Read(entity, key, named, found))
            self._held[place] = found.value
        return self._held[place]

    def feed(self, name: str) -> Heartbeat | None:
        """The heartbeats of a feed."""
        self.feeds[name] = None
        return self._marks.feed(name)

    def manifests(self, feed: str) -> tuple[Manifest, ...]:
        """The manifests of a feed."""
        self.feeds[feed] = None
        return self._marks.manifests(feed)

    def row(self, key: str) -> Row | None:
        """A registry row."""
        value = self._read("registry", key)
        return None if isinstance(value, NOT_ROWS) else value

    def sanctions(self, subject: str) -> SanctionRow | None:
        """A subject's sanctions."""
        value = self._read("sanctions", subject)
        return value if isinstance(value, SanctionRow) else None

    def settings(self, recipient: str) -> SettingsRow | None:
        """A recipient's settings."""
        value = self._read("settings", recipient)
        return value if isinstance(value, SettingsRow) else None

    def blacklisted(self, key: str) -> BlacklistRow | None:
        """What an issuer's list says of a subject."""
        value = self._read("blacklists", key)
        return value if isinstance(value, BlacklistRow) else None

    def blacklists(self) -> tuple[BlacklistManifest, ...]:
        """The manifests of the end; which issuers count at an event's time, their `since_ms` says."""
        return self._blacklists

    def job(self, key: str) -> JobRow | None:
        """A bulk send."""
        value = self._read("jobs", key)
        return value if isinstance(value, JobRow) else None

    def policy(self, jurisdiction: str) -> PolicyRow | None:
        """The policy state under test; of another jurisdiction its newest."""
        if self.tested[0] == jurisdiction:
            return self.tested[1]
        states = self._history.states("policy", jurisdiction)
        value = states[-1].value if states else None
        return value if isinstance(value, PolicyRow) else None

    def content_list(self, key: str) -> ListRow | None:
        """The newest state of a list; which version counts, the policy says."""
        states = self._history.states("policy", key)
        value = states[-1].value if states else None
        return value if isinstance(value, ListRow) else None

    @property
    def revision(self) -> int | None:
        """Not counted: what it answers changes with what is recomputed."""
        return None

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        """Keys by skeleton, over every row that ever was."""
        found = self.alike[skeleton] = self._skeletons.get(skeleton, ())
        return found


class Recomputer:
    """Decides again, at the versions that a decision names."""

    def __init__(self, history: History, keys: Keys, jurisdiction: str) -> None:
        self._history, self._jurisdiction, self._encode = history, jurisdiction, encoder().encode
        self._view = GuidedView(history)
        self._keys = keys
        self._policies: dict[str, list[tuple[State, Decider]]] = {}

    def again(self, raw: bytes, decision: Decision) -> Recomputed:
        """The decision's own bytes where any reading of its versions gives them, else the last that was tried."""
        said = self._encode(msgspec.structs.replace(decision, observed=None))
        last = Recomputed(None)
        for last in self._attempts(raw, decision):
            if last.value == said:
                break
        return last

    def policy(self, decision: Decision) -> State:
        """The newest state of the policy that gives the hash which the decision names; none published: `NOTHING`."""
        place, e_ms = decision.jurisdiction or self._jurisdiction, decision.event_time_ms
        for state, decider in reversed(self._tested(place)):
            if self._version(place, state, decider, e_ms) == decision.versions.policy:
                return state
        return NOTHING

    def _attempts(self, raw: bytes, decision: Decision) -> Iterator[Recomputed]:
        try:
            read_message(raw)
        except InvalidEvent as invalid:
            answer = self._tested(self._jurisdiction)[0][1].invalid(raw, invalid.reason)
            yield Recomputed(None if answer is None else self._encode(answer))
            return
        place = decision.jurisdiction or self._jurisdiction
        for state, decider in reversed(self._tested(place)):
            if self._version(place, state, decider, decision.event_time_ms) != decision.versions.policy:
                continue
            yield self._compute(decider, raw, decision, {})._replace(policy=state)
            several = dict(self._view.several)
            for choice in islice(product(*(range(count) for count in several.values())), 1, _TRIES):
                again = self._compute(decider, raw, decision, dict(zip(several, choice, strict=True)))
                yield again._replace(policy=state)

    def _compute(self, decider: Decider, raw: bytes, decision: Decision, choice: dict[str, int]) -> Recomputed:
        named = tuple(decision.versions.read.split(",")) if decision.versions.read else ()
        self._view.begin(named, decision.event_time_ms, choice)
        message, flags = read_message(raw)
        made = self._encode(decider.decide(message, raw, self._view, flags))
        view = self._view
        return Recomputed(made, tuple(view.reads), tuple(view.feeds), dict(view.alike))

    def superseded(self, reads: tuple[Read, ...], decision: Decision, known_ms: int) -> list[tuple[str, str, str]]:
        """(key, version named, version readable by `known_ms`) where a newer one should have been read."""
        found: list[tuple[str, str, str]] = []
        e_ms = decision.event_time_ms
        for entity, key, named, _ in reads:
            states = self._history.states(entity, key)
            allowed = [version_at(s.value, e_ms) for s in states[_newest(states, known_ms) :]]
            if named not in allowed:
                found.append((key, named, allowed[0]))
        if reads:
            place = decision.jurisdiction or self._jurisdiction
            tested = self._tested(place)
            newest = _newest([state for state, _ in tested], known_ms)
            hashes = [self._version(place, state, decider, e_ms) for state, decider in tested[newest:]]
            if decision.versions.policy not in hashes:
                found.append(("policy", decision.versions.policy, hashes[0]))
        return found

    def _tested(self, place: str) -> list[tuple[State, Decider]]:
        """Each state of a jurisdiction's policy, and a decider that has seen no other."""
        if place not in self._policies:
            self._policies[place] = [
                (state, Decider(Policies(shipped(), self._jurisdiction), self._keys, recall=0))
                for state in self._history.states("policy", place)
            ]
        return self._policies[place]

    def _version(self, place: str, state: State, decider: Decider, e_ms: int) -> str:
        self._view.tested = (place, state.value if isinstance(state.value, PolicyRow) else None)
        return decider.policies.place(place).at(self._view, e_ms).version


def _newest(states: list[State], known_ms: int) -> int:
    return max(n for n, state in enumerate(states) if state.readable_ms <= known_ms)


def _skeletons(history: History) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for (entity, key), value in history.rows.items():
        if entity == "registry" and not isinstance(value, NOT_ROWS):
            for skeleton in skeletons_of(value):
                found.setdefault(skeleton, set()).add(key)
    return {skeleton: tuple(sorted(keys)) for skeleton, keys in found.items()}
