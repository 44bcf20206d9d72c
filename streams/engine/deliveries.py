"""Deliveries: what the gate remembers of a message, and how a report finds its message again.

A report says what somebody's phone showed; a delivery says what the network did. Joined, the network's facts replace
the reporter's claims. Absence proves nothing until somebody vouches for completeness: "not received" is said only
where every delivery to that person at that time would be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from streams.contracts.decisions import Decision
from streams.contracts.messages import Message, Route
from streams.contracts.recent import Delivery, Origin
from streams.contracts.reports import Report
from streams.engine.accounts import sender_of
from streams.engine.epochs import epoch_of, start_of
from streams.engine.fingerprint import fingerprint
from streams.engine.pack import Pack
from streams.engine.people import is_number, person
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys, state_pseudonym
from streams.engine.recipient import recipient_key
from streams.engine.senders import SenderId, classify
from streams.engine.view import View

#: Deliveries looked at for one person: the newest.
KEPT = 64
HORIZON_MS = 10 * 86_400_000
LONG_AGO = -(2**53)
_SENDERS = 50_000


class Coverage(NamedTuple):
    """What is known of the deliveries in one partition of `recent`. Times in ms.

    first_ms: the first mark, from one epoch later on everything is here (None: no gate has ever written);
    closed_before_ms: everything before it is here; holes: [from, to) in which something is missing.
    """

    first_ms: int | None = None
    closed_before_ms: int = LONG_AGO
    holes: tuple[tuple[int, int], ...] = ()


def partition_of(key: str, count: int) -> int:
    """The partition of `recent` and `reports.keyed` that a person's key falls into.

    Not murmur2: the gate computes it for every message, and a CRC costs a tenth of a microsecond.
    """
    return crc32(key.encode()) % count


def reporter_key(report: Report, pack: Pack, keys: Keys) -> str:
    """The key of `reports.keyed`: the reporter under the state key, as `recent` knows the recipient."""
    return recipient_key(report.reporter, pack.grammar, keys)


class Memo:
    """What is remembered of a message. Holds nothing but what it has computed before: it runs for every one."""

    def __init__(self, policies: Policies, keys: Keys) -> None:
        self._policies, self._keys = policies, keys
        self._packs: dict[str, Pack] = {}
        self._pack: Pack | None = None
        self._senders: dict[tuple[str, int | None, object], tuple[SenderId, str]] = {}

    def delivery(self, message: Message, decision: Decision, view: View) -> Delivery | None:
        """None when nobody got it, or on the leg before the recipient's."""
        if decision.verdict != "ALLOW" or decision.leg != "termination":
            return None
        # Whoever judged it, a report is joined to it by the carrier's own spelling of senders and recipients.
        version = decision.versions.policy
        pack = self._packs.get(version) if decision.jurisdiction is None else None
        if pack is None:
            pack = self._policies.at(view, decision.event_time_ms).pack
            if decision.jurisdiction is None:
                self._packs[version] = pack
        if pack is not self._pack or len(self._senders) > _SENDERS:
            self._pack = pack
            self._senders.clear()
        sender, route, number = message.sender, message.route, message.origin_number
        rich = None if message.channel in ("mo", "mt") else (message.channel, message.origin_id)
        named = (sender.address, sender.ton, rich)
        shown = self._senders.get(named)
        if shown is None:
            found = sender_of(message.channel, sender.address, sender.ton, message.origin_id, pack.grammar)
            shown = self._senders[named] = (found, state_pseudonym(self._keys, found.key))
        return Delivery(
            recipient_key(message.recipient, pack.grammar, self._keys),
            decision.event_time_ms,
            decision.event_id,
            shown[1],
            message.channel,
            message.traffic_class,
            route.relay_id,
            route.account_id,
            decision.fingerprint,
            None if number is None else _origin(number, shown[0], pack),
            route.international,
            route.chain,
            decision.jurisdiction,
        )


def _origin(number: str, shown: SenderId, pack: Pack) -> Origin:
    return "same" if classify(number, None, pack.grammar).key == shown.key else "other"


def span_of(report: Report, pack: Pack) -> tuple[int, int]:
    """[first, last] time in ms at which the reported message may have been delivered."""
    window = pack.deliveries.window_ms
    first = report.message_at_ms if report.message_from_ms is None else report.message_from_ms
    # What came after the report was made can't be what it is about.
    last = min(report.message_at_ms + window, max(report.reported_at_ms, report.message_at_ms))
    return first - window, last


def waits_for(report: Report, pack: Pack) -> int:
    """The end of the last epoch that a report may be about, in ms: deliveries must be closed up to there."""
    return start_of(epoch_of(span_of(report, pack)[1], pack.epoch_ms) + 1, pack.epoch_ms)


def join(report: Report, held: Sequence[Delivery], coverage: Coverage, pack: Pack, keys: Keys) -> Report:
    """The report with what is known of its delivery. `held`: the reporter's deliveries, newest first."""
    found = _find(report, held, pack, keys)
    if found is None:
        missed = _complete(report, held, coverage, pack)
        return msgspec.structs.replace(report, received=False if missed else None)
    return msgspec.structs.replace(
        report,
        received=True,
        event_id=found.event_id,
        message_at_ms=found.event_time_ms,
        message_from_ms=None,
        origin_number=_origin_of(report, found, pack),
        route=Route(
            relay_id=found.relay_id,
            chain=found.chain,
            account_id=found.account_id,
            international=found.international,
        ),
        channel=found.channel,
        leg="termination",
        traffic_class=found.traffic_class,
        fingerprint=found.fingerprint,
        jurisdiction=found.jurisdiction,
    )


def _find(report: Report, held: Sequence[Delivery], pack: Pack, keys: Keys) -> Delivery | None:
    first, last = span_of(report, pack)
    sender = sender_of(report.channel, report.displayed_sender, None, report.origin_id, pack.grammar)
    shown = state_pseudonym(keys, sender.key)
    mark = fingerprint(report.text) if report.text else None
    fit = [
        d for d in held
        if d.event_time_ms <= last and d.sender == shown
        and (d.event_time_ms >= first or (report.event_id is not None and d.event_id == report.event_id))
    ]  # fmt: skip

    def rank(d: Delivery) -> tuple[bool, bool, int, int, str]:
        return (
            report.event_id is not None and d.event_id == report.event_id,
            mark is not None and d.fingerprint == mark,
            -abs(d.event_time_ms - report.message_at_ms),
            d.event_time_ms,
            d.event_id,
        )

    return max(fit, key=rank, default=None)


def _complete(report: Report, held: Sequence[Delivery], coverage: Coverage, pack: Pack) -> bool:
    """Whether a delivery to this person at that time would be among `held`."""
    first, last = span_of(report, pack)
    known = pack.deliveries
    if report.group_chat:
        return False  # delivered to the group; nobody tells who its members are
    if report.channel not in known.channels or not is_number(person(report.reporter, pack.grammar)):
        return False
    # The first mark may stand in the middle of what its epoch held, so one epoch more.
    if coverage.first_ms is None or first < coverage.first_ms + pack.epoch_ms:
        return False
    if last >= coverage.closed_before_ms or first < report.ingested_at_ms - HORIZON_MS:
        return False
    if any(first < to and last >= begin for begin, to in coverage.holes):
        return False
    # Somebody else's subscriber gets nothing through this gate. An earlier delivery shows that this one does; and of
    # more than are kept it shows that none of that time were dropped.
    earlier = bool(held) and held[-1].event_time_ms < first
    return earlier or (report.source in known.own_sources and len(held) < KEPT)


def _origin_of(report: Report, found: Delivery, pack: Pack) -> str | None:
    if found.origin == "same":
        return report.displayed_sender
    claimed = report.origin_number
    if found.origin is None or claimed is None:
        return None
    shown = classify(report.displayed_sender, None, pack.grammar)
    return None if _origin(claimed, shown, pack) == "same" else claimed
