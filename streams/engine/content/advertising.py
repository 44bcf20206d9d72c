"""advertising: does an advertisement look like one, may it be sent at this hour, and does the recipient want it?

What is not known to be an advertisement is not asked. Times are the pack's local ones.
"""

from __future__ import annotations

from streams.contracts.decisions import Evidence
from streams.contracts.registry import ConsentEntry
from streams.engine.advertising import squeezed, without_label
from streams.engine.case import Case, Read
from streams.engine.content.seen import Seen
from streams.engine.local import minute_named, minute_of_day, within
from streams.engine.outcome import LONG_AGO, Check
from streams.engine.pack import Advertising
from streams.engine.recipient import recipient_key

NAME = "advertising"
PASS = Check(NAME, "PASS", gate="content")
UNLABELLED, NO_OPT_OUT, QUIET, NO_CONSENT = (
    "AD_LABEL_MISSING", "AD_OPT_OUT_MISSING", "AD_QUIET_HOURS", "AD_WITHOUT_CONSENT",
)  # fmt: skip


def check(case: Case, seen: Seen) -> Check | None:
    """FAIL AD_LABEL_MISSING, AD_OPT_OUT_MISSING, AD_QUIET_HOURS, AD_WITHOUT_CONSENT; each that holds is named."""
    if not seen.advertised:
        return None
    rules, text = case.pack.advertising, case.message.content.text
    failed: dict[str, Evidence] = {}
    if rules.labels and without_label(text, rules) is None:
        failed[UNLABELLED] = "label"
    if rules.opt_out and not any(squeezed(line) in squeezed(text) for line in rules.opt_out):
        failed[NO_OPT_OUT] = "opt_out"
    why, since_ms = _when_and_whether(case, seen, rules, failed)
    if failed:
        return Check(NAME, "FAIL", tuple(failed), {"missing": tuple(map(str, failed.values()))}, since_ms,
                     gate="content")  # fmt: skip
    return Check(NAME, "UNKNOWN", (), {"why": why}, gate="content") if why else PASS


def _when_and_whether(case: Case, seen: Seen, rules: Advertising, failed: dict[str, Evidence]) -> tuple[str, int]:
    """Notes what fails about hour and consent. Answers (what could not be known, since when the facts stood)."""
    quiet = bool(rules.quiet_from) and within(
        minute_of_day(case.e_ms, case.pack.time_zone), minute_named(rules.quiet_from), minute_named(rules.quiet_to)
    )
    consent = _consent(case, seen) if rules.consent else None
    if quiet and not (consent is not None and consent.entry is not None and consent.entry.night):
        failed[QUIET] = f"{rules.quiet_from}-{rules.quiet_to}"
    if not rules.consent:
        return "", LONG_AGO
    if consent is None:
        return "nobody says who advertises", LONG_AGO
    if consent.entry is not None:
        return "", LONG_AGO
    if consent.expired:
        failed[NO_CONSENT] = "taken back"
        return "", consent.since_ms
    absence = case.absence(rules.consent)
    if not absence.proved:
        return absence.why, LONG_AGO
    failed[NO_CONSENT] = "consent"
    return "", absence.since_ms


def _consent(case: Case, seen: Seen) -> Read[ConsentEntry] | None:
    """The consent of this recipient to the sender's owner; None when nobody says who that is."""
    sender, account = case.sender_row().entry, case.message.route.account_id
    owner = sender.owner if sender is not None else None
    if owner is None and account is not None and (held := case.account_row(account).entry) is not None:
        owner = held.owner
    if owner is None:
        return None
    return case.consent_row(owner, recipient_key(case.message.recipient, case.pack.grammar, seen.keys))
