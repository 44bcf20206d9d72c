"""What an import comes to against the registry that is held: what to publish, what ends, and what speaks against it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.cli.imports.numbers import Numbers
from streams.cli.imports.rows import UNNUMBERED, Parsed
from streams.cli.imports.seen import Seen
from streams.cli.imports.source import RowError, reject
from streams.contracts.base import Entry
from streams.contracts.feeds import Manifest
from streams.contracts.registry import (
    AccountRow,
    BlockRow,
    BlockStates,
    NumberRow,
    RelayRow,
    ResellerRow,
    Row,
    SenderEntry,
    SenderRow,
    TimelineRow,
)
from streams.engine.blocks import STATES, encode, state_at
from streams.engine.numberplan import block_key
from streams.engine.pack import Pack
from streams.engine.registry import RowRefused, merge
from streams.engine.senders import classify
from streams.engine.timeline import current
from streams.engine.view import View

MAX_SHRINK_PERCENT = 20
_KIND_OF_WORD = {"sender": SenderRow, "relay": RelayRow, "reseller": ResellerRow, "account": AccountRow}


@dataclass(slots=True)
class Plan:
    """rows: the generation, in order. ended: rows that it no longer has, their intervals closed. refusals: sentences
    that only --force overrules. warnings: sentences that stop nothing. grown_from: what the generation held counted, 0
    when there is none."""

    rows: list[Row] = field(default_factory=list)
    ended: list[Row] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    count: int = 0
    grown_from: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """feed, generation: names. as_of_ms: the time from which the generation counts. complete_for: words."""

    feed: str
    generation: str
    as_of_ms: int
    complete_for: tuple[str, ...] = ()

    @property
    def manifest(self) -> str:
        """The generation's name among all feeds: manifests of two feeds must not share a key."""
        return self.generation if self.feed in self.generation else f"{self.generation}-{self.feed}"


def _no_telling(keys: Collection[str]) -> set[str] | None:
    return None


def make(
    parsed: Parsed, held: Iterable[Row], view: View, spec: Import, pack: Pack, seen: Seen = _no_telling
) -> Plan:  # fmt: skip
    """The plan of an import. Rows that contradict what is held become rejects of `parsed` (in place).

    seen: which of the senders that would vanish had traffic in the last day; asked only when there are some.
    """
    plan = Plan()
    for key, row in parsed.rows.items():
        there = view.row(key)
        numbered = _numbered(row, there, spec.as_of_ms) if key in parsed.unnumbered else row
        try:
            merge(there, numbered)
        except RowRefused as error:
            detail = f"{key}: {error.detail}"
            parsed.rejects.append(reject(parsed.places[key], RowError(error.reason, detail), key))
            continue
        plan.rows.append(numbered)
    names = {row.key for row in plan.rows}
    plan.ended = list(_ended(held, names, parsed, spec, pack))
    _judge(plan, parsed, held, view, spec, pack)
    _vanishing(plan, view, spec, seen)
    return plan


def _numbered(row: Row, held: Row | None, as_of_ms: int) -> Row:
    """Entries of a file without versions: the held ones where they say the same, else the next versions."""
    if isinstance(row, BlockRow):
        return row
    there: tuple[Entry, ...] = held.timeline if held is not None and not isinstance(held, BlockRow) else ()
    there = tuple(e for e in there if e.end_recorded_at_ms is None)
    last = there[-len(row.timeline) :]
    same = zip(last, row.timeline, strict=False)
    if type(held) is type(row) and len(last) == len(row.timeline) and all(_alike(a, b, as_of_ms) for a, b in same):
        return msgspec.structs.replace(row, timeline=last)
    first = 1 + max((e.version for e in (held.timeline if held and not isinstance(held, BlockRow) else ())), default=0)
    entries: Any = tuple(msgspec.structs.replace(e, version=first + i) for i, e in enumerate(row.timeline))
    return msgspec.structs.replace(row, timeline=entries)


def _alike(held: Entry, new: Entry, as_of_ms: int) -> bool:
    """Whether two entries say the same, whenever that was written down; a `from` that nobody gave is no difference."""
    from_ms = held.from_ms if new.from_ms == as_of_ms else new.from_ms
    return msgspec.structs.replace(held, version=UNNUMBERED, recorded_at_ms=0) == msgspec.structs.replace(
        new, from_ms=from_ms, version=UNNUMBERED, recorded_at_ms=0
    )


def _ended(held: Iterable[Row], names: set[str], parsed: Parsed, spec: Import, pack: Pack) -> Iterator[Row]:
    country = pack.grammar.country
    kinds = tuple(t for word, t in _KIND_OF_WORD.items() if f"{country}:{word}" in spec.complete_for)
    blocks = parsed.blocks if isinstance(parsed, Numbers) else {}
    for row in held:
        if row.key in names:
            continue
        if isinstance(row, BlockRow):
            if isinstance(parsed, Numbers) and word_of(row.key, pack) in spec.complete_for:
                yield from _emptied(row, spec)
        elif isinstance(row, NumberRow):
            if block_key(row.key.removeprefix("number:")) in blocks:
                yield from _closed(row, spec.as_of_ms)
        elif isinstance(row, kinds) and _ours(row, country):
            yield from _closed(row, spec.as_of_ms, spec.generation)


def _ours(row: TimelineRow, country: str) -> bool:
    return not isinstance(row, SenderRow) or row.key.startswith((f"sender:{country}:", "sender:+"))


def _closed(row: TimelineRow, as_of_ms: int, generation: str | None = None) -> Iterator[Row]:
    """The row with every entry that was written down by then and is still open ended, if there is one.

    generation: noted in a sender's entries, so that what a list has lost can be told from what somebody ended.
    """
    open_ = [e for e in row.timeline if e.recorded_at_ms <= as_of_ms and (e.to_ms is None or e.to_ms > as_of_ms)]
    if open_:
        ends: Any = tuple(
            msgspec.structs.replace(e, to_ms=max(as_of_ms, e.from_ms), end_recorded_at_ms=as_of_ms) for e in open_
        )
        if isinstance(row, SenderRow):
            ends = tuple(msgspec.structs.replace(e, dropped_by=generation) for e in ends)
        yield msgspec.structs.replace(row, timeline=ends)


def _emptied(row: BlockRow, spec: Import) -> Iterator[Row]:
    states = encode({}, "unallocated")
    if row.current.states != states:
        current_ = BlockStates(generation=spec.generation, as_of_ms=spec.as_of_ms, states=states)
        yield BlockRow(key=row.key, current=current_)


def word_of(key: str, pack: Pack) -> str | None:
    """What a feed must be complete for to speak about a block, e.g. `kr:mobile`."""
    return classify(key.removeprefix("block:") + "0000", None, pack.grammar).word


def _judge(plan: Plan, parsed: Parsed, held: Iterable[Row], view: View, spec: Import, pack: Pack) -> None:
    if isinstance(parsed, Numbers):
        words = {*parsed.words.values(), *spec.complete_for}
        plan.count, what = parsed.listed, "numbers"
        plan.grown_from = sum(_listed(r) for r in held if isinstance(r, BlockRow) and word_of(r.key, pack) in words)
    else:
        plan.count, what = len(plan.rows), "rows"
        plan.grown_from = rows_of(view.manifests(spec.feed), spec)
    if plan.grown_from and plan.count * 100 < plan.grown_from * (100 - MAX_SHRINK_PERCENT):
        percent = 100 - plan.count * 100 // plan.grown_from
        plan.refusals.append(
            f"{spec.feed} would shrink by {percent} % ({plan.grown_from:,} to {plan.count:,} {what}), more than the "
            f"{MAX_SHRINK_PERCENT} % that pass unasked: look at the file, or use --force."
        )


def _vanishing(plan: Plan, view: View, spec: Import, seen: Seen) -> None:
    """Senders that were served in the last day must not be lost unasked; nor those that can't be told."""
    ended = {r.key: registration(view.row(r.key), spec.as_of_ms) for r in plan.ended if isinstance(r, SenderRow)}
    gone = {key: entry for key, entry in ended.items() if entry is not None}
    # Personal lines stand under pseudonyms in all that tells of traffic.
    named = [key for key, entry in gone.items() if entry.class_ == "business"]
    served = seen(named) if named else None
    idle = sorted(set(named) - served) if served is not None else []
    kept = sorted(gone.keys() - set(idle))
    if kept:
        plan.refusals.append(
            f"{len(kept):,} registered senders would vanish from the register and be blocked ({_some(kept)}): put them "
            "back into the file, or use --force."
        )
    if idle:
        plan.warnings.append(
            f"{len(idle):,} registered senders without traffic in the last day vanish from the register "
            f"({_some(idle)})."
        )


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (", …" if len(keys) > 3 else "")


def _listed(row: BlockRow) -> int:
    states = (state_at(row.current.states, i) for i in range(10_000))
    return sum(STATES.index(s) >= STATES.index("active") for s in states)


def registration(row: Row | None, at_ms: int) -> SenderEntry | None:
    """A sender row's entry at a time."""
    return current(row.timeline, at_ms) if isinstance(row, SenderRow) else None


def rows_of(manifests: tuple[Manifest, ...], spec: Import) -> int:
    """Rows of the newest whole generation of a feed, other than this one; 0 when there is none."""
    whole: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        if manifest.generation != spec.manifest:
            whole.setdefault(manifest.generation, []).append(manifest)
    done = [parts for parts in whole.values() if len({m.partition for m in parts}) >= parts[0].partitions]
    newest = max(done, key=lambda parts: parts[0].from_ms, default=[])
    return sum(m.rows for m in newest)
