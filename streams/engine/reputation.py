"""Gate 2 at the message: which sanctions touch it, and what they do."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from streams.contracts.decisions import Action, Mode
from streams.contracts.reputation import SanctionEntry
from streams.engine.advertising import is_advertisement, without_label
from streams.engine.case import Case
from streams.engine.epochs import epoch_of
from streams.engine.fingerprint import fingerprint

#: Subjects of texts that were seen with an advertising label, by fingerprint; a row under one means that it was.
LABELLED = "labelled:"
STRICTNESS = {"RELIEF": -1, "OBSERVE": 0, "WARN": 1, "THROTTLE": 2, "TEMP_BLOCK": 3, "BLOCK": 4}


class Hit(NamedTuple):
    """A sanction that stops this message. others: of a campaign by its bands, the sanctions of the other bands.
    cap: LABEL where it is not known whether the sanction covers the message. above: the subject, where the message
    does not name it itself but the registry has it above who carried it."""

    kind: str
    entry: SanctionEntry
    action: Action
    directive: bool
    others: tuple[str, ...] = ()
    cap: Mode = "BLOCK"
    above: str = ""


def hits(case: Case, subjects: tuple[str, ...], genuine_route: bool) -> list[Hit]:
    """The sanctions that stop the message, the strictest of each subject; of the regulator's orders every one.

    A campaign sanction never touches a message whose route binding is PASS: a copied bank template must not block
    the bank. WARN and OBSERVE stop nothing, nor does what an appeal suspends.
    """
    found: list[Hit] = []
    for subject, standing in case.imposed(subjects):
        kind = subject.partition(":")[0]
        if kind == "campaign" and genuine_route:
            continue
        entries = _counting(standing, case)
        found += _stopping(case, kind, [e for e in entries if e.authority == "regulator"], True)
        hit = _strictest(case, kind, [e for e in entries if e.authority != "regulator"], False)
        if hit is not None:
            found.append(hit)
    return found


def ordered_above(case: Case, subjects: tuple[str, ...]) -> list[Hit]:
    """The regulator's orders on those who stand above who carried the message. Nothing else is inherited."""
    return [
        hit._replace(above=subject) for subject in subjects for hit in hits(case, (subject,), False) if hit.directive
    ]


def campaign_by_bands(case: Case, subjects: tuple[str, ...]) -> list[Hit]:
    """The sanction on a campaign that the text is an edited copy of: so many of its bands are under one, as the pack
    says. What then holds is what that many bands have at least. One band that an honest text shares does nothing.
    """
    standing = [_counting(imposed, case) for _, imposed in case.imposed(subjects)]
    found: list[Hit] = []
    for directive in (True, False) if standing else ():
        sides = ([e for e in entries if (e.authority == "regulator") is directive] for entries in standing)
        stopped = [hit for side in sides if (hit := _strictest(case, "campaign", side, directive)) is not None]
        if len(stopped) >= case.pack.matching_bands:
            stopped.sort(key=lambda hit: (hit.cap != "BLOCK", -STRICTNESS[hit.entry.step], hit.entry.sanction_id))
            holds = stopped.pop(case.pack.matching_bands - 1)
            found.append(holds._replace(others=tuple(hit.entry.sanction_id for hit in stopped)))
    return found


def paused(entry: SanctionEntry, e_ms: int) -> bool:
    """Whether an appeal suspends the sanction at event time e."""
    return bool(entry.appeals) and any(
        a.paused_from_ms is not None
        and a.paused_from_ms <= e_ms
        and (a.paused_to_ms is None or e_ms < a.paused_to_ms)
        for a in entry.appeals
    )  # fmt: skip


def _counting(standing: list[SanctionEntry], case: Case) -> list[SanctionEntry]:
    return [e for e in standing if _in_scope(e, case) and not paused(e, case.e_ms)]


def _strictest(case: Case, kind: str, entries: list[SanctionEntry], directive: bool) -> Hit | None:
    stopping = _stopping(case, kind, entries, directive)
    return next((hit for hit in stopping if hit.cap == "BLOCK"), stopping[0] if stopping else None)


def _stopping(case: Case, kind: str, entries: list[SanctionEntry], directive: bool) -> list[Hit]:
    """What stops the message, the strictest first."""
    found: list[Hit] = []
    for entry in sorted(entries, key=lambda e: (-STRICTNESS[e.step], e.sanction_id)):
        action: Action = "REJECT"
        if STRICTNESS[entry.step] < STRICTNESS["TEMP_BLOCK"]:
            if entry.step != "THROTTLE" or not _throttled(case, entry.share_permille):
                continue
            action = "THROTTLE"
        covered = True if entry.scope.purpose is None else _advertising(case)
        if covered:
            found.append(Hit(kind, entry, action, directive))
        elif covered is None:
            found.append(Hit(kind, entry, action, directive, cap="LABEL"))
    return found


def _in_scope(entry: SanctionEntry, case: Case) -> bool:
    scope, message = entry.scope, case.message
    return (not scope.legs or message.leg in scope.legs) and (not scope.channels or message.channel in scope.channels)


def _advertising(case: Case) -> bool | None:
    """Stamped so, labelled, or a text that was ever seen labelled; None: nobody said what it is.

    A text is known by its fingerprint without the label: what was sent as advertising is advertising without it.
    """
    message = case.message
    rules = case.pack.advertising
    said = is_advertisement(message.purpose, without_label(message.content.text, rules) is not None, rules)
    if said:
        return True
    mark = fingerprint(message.content.text)
    return True if mark is not None and case.sanctions(LABELLED + mark) else said


def _throttled(case: Case, share_permille: int) -> bool:
    """H(first event id, epoch) mod 1000 below the share: a retry gets a new chance in the next epoch."""
    first = case.message.retry_of or case.message.event_id
    epoch = epoch_of(case.e_ms, case.pack.epoch_ms)
    drawn = hashlib.sha256(f"{first}/{epoch}".encode("utf-8", "replace")).digest()[:8]
    return int.from_bytes(drawn, "big") % 1000 < share_permille
