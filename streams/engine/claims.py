"""What a message claims of where it comes from, judged: its sender and the hands that carried it, by their rows.

Neither text nor recipient is looked at, so the next message of the same sender over the same route claims the same.
"""

from __future__ import annotations

from typing import NamedTuple

from streams.contracts.decisions import CheckRecord, RouteSeen, SenderSeen
from streams.engine.allowlist import allows
from streams.engine.blacklist import Listings, listings
from streams.engine.case import Case
from streams.engine.checks import run_checks
from streams.engine.lineage import above
from streams.engine.outcome import Check
from streams.engine.pseudonym import Keys, pseudonym
from streams.engine.subjects import hands, is_business, listed_subjects, sender_subjects


class Claim(NamedTuple):
    """The checks' answers, and what else follows from sender and route.

    passed, records: of the checks, as a decision has them. senders, hands, above: subjects under which the message may
    be under sanction; senders[0] is what reports are counted against. requires_job: the account's bulk sends are
    signed. route_passes: the route binding proves the sender. clear: nothing failed, and nothing is imposed on any of
    the subjects.
    """

    checks: list[Check]
    passed: tuple[str, ...]
    records: tuple[CheckRecord, ...]
    senders: tuple[str, ...]
    hands: tuple[str, ...]
    above: tuple[str, ...]
    listed: tuple[str, ...]
    listings: Listings
    allowed: tuple[str, ...]
    sender: SenderSeen
    route: RouteSeen
    requires_job: bool
    route_passes: bool
    clear: bool


def judged(case: Case, keys: Keys) -> Claim:
    """Ask everything that needs neither text nor recipient."""
    message, checks = case.message, run_checks(case)
    passed = names_passed(checks)
    genuine_route = "route" in passed
    senders, carried = sender_subjects(case, keys), hands(case)
    over = above(case)
    imposed = list(case.imposed((*senders, *carried, *over)))
    account = message.route.account_id
    held = None if account is None else case.account_row(account).entry
    business = is_business(case)
    entry = case.sender_row().entry if business or message.traffic_class == "a2p" else None
    return Claim(
        checks=checks,
        passed=passed,
        records=tuple(records_of(checks)),
        senders=senders,
        hands=carried,
        above=over,
        listed=listed_subjects(case),
        listings=listings(case, keys, genuine_route),
        allowed=tuple(allows(case, genuine_route)),
        sender=SenderSeen(
            key=case.sender.key if business else pseudonym(keys, case.sender.key),
            kind=case.sender.kind,
            registered=entry is not None,
            owner_epoch=case.number().owner_epoch if business else 0,
        ),
        route=RouteSeen(relay_id=message.route.relay_id),
        requires_job=held is not None and held.requires_job,
        route_passes=genuine_route,
        clear=not imposed and not any([check.codes for check in checks]),
    )


def names_passed(checks: list[Check]) -> tuple[str, ...]:
    """The checks that passed, in their order."""
    return tuple([check.name for check in checks if check.outcome == "PASS"])


def records_of(checks: list[Check]) -> list[CheckRecord]:
    """The checks that did not pass, as a decision has them."""
    return [
        CheckRecord(check=c.name, outcome=c.outcome, evidence=c.evidence) for c in checks if c.outcome != "PASS"
    ]  # fmt: skip
