"""Explain a decision from the record alone: each check, why the verdict won, what would have changed it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.contracts.decisions import CheckRecord, Decision, Evidence, Reason
from streams.packs import shipped
from streams.replay.sentences import CHECKS, RANKS, said

_TIMES = {"from_ms"}
_OUTCOME = {"ALLOW": "was allowed", "BLOCK": "was blocked"}
_ACTION = {
    "DELIVER": "to be delivered", "LABEL": "to be delivered with a label", "SPAM_BOX": "to be put into the spam box",
    "REJECT": "to be rejected", "DROP": "to be dropped", "THROTTLE": "to be tried again later",
}  # fmt: skip
_MODE = {"OBSERVE": "only observed", "LABEL": "labels", "BLOCK": "blocks"}


class Line(msgspec.Struct, frozen=True):
    """One check in one sentence."""

    check: str
    asks: str
    outcome: str
    sentence: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in sentences. changed: what would have made another verdict; notes: leak, flags, shadow."""

    verdict: str
    checks: tuple[Line, ...]
    why: str
    changed: tuple[str, ...]
    notes: tuple[str, ...]
    versions: str


def explain(decision: Decision, home: str | None = None) -> Explanation:
    """The explanation of a decision. home: the carrier's own jurisdiction, if its codes are to be named."""
    judged_by = shipped().get((decision.jurisdiction or home or "", "enforce"), {})
    return Explanation(
        verdict=_verdict(decision),
        checks=tuple(_lines(decision, judged_by.get("codes", {}))),
        why=_why(decision),
        changed=tuple(_changed(decision)),
        notes=tuple(_notes(decision)),
        versions=_versions(decision),
    )


def _verdict(d: Decision) -> str:
    label = f" {d.label!r}" if d.label else ""
    return (
        f"Message {d.event_id} from {d.sender.key} ({d.sender.kind}) {_OUTCOME[d.verdict]} on the {d.leg} leg, "
        f"{_ACTION[d.action]}{label}, by what was known at {time_of(d.event_time_ms)}."
    )


def _lines(d: Decision, theirs: Mapping[str, str]) -> list[Line]:
    left = [r for r in d.reasons if r.gate != "own"]
    lines: list[Line] = []
    for check in d.checks:
        if check.outcome == "FAIL":
            lines.append(Line(check.check, _asks(check.check), "FAIL", _failed(check, _take(check, left), theirs)))
        else:
            why = str(check.evidence.get("why", "it could not be told"))
            lines.append(Line(check.check, _asks(check.check), "UNKNOWN", f"{_upper(why)}; that never blocks."))
    for name in d.passed:
        held = CHECKS.get(name)
        lines.append(Line(name, _asks(name), "PASS", f"{_upper(held.passed)}." if held else "Passed."))
    return lines


def _take(check: CheckRecord, left: list[Reason]) -> list[Reason]:
    """The reasons that belong to a failed check, taken out of `left`: some checks name each of their
    codes, every other check has one. A code of a later version goes to the first check that has none."""
    if check.check == "sanctions":
        mine = [r for r in left if r.gate in ("directive", "reputation")][:1]
    elif check.check == "certification":
        mine = [r for r in left if r.code in check.evidence.values()]
    elif check.check in ("advertising", "categories"):
        mine = [r for r in left if r.code in CODES_OF[check.check]]
    else:
        mine = []
    mine = mine or [r for r in left if r.code in CODES_OF.get(check.check, ())][:1]
    if not mine:
        known = {code for codes in CODES_OF.values() for code in codes}
        mine = [r for r in left if r.code not in known][:1]
    for reason in mine:
        left.remove(reason)
    return mine


#: Which check a code comes from. The check before the code in a decision is told by this.
CODES_OF: dict[str, tuple[str, ...]] = {
    "format": ("SENDER_MALFORMED", "SENDER_KIND_NOT_ALLOWED"),
    "allocation": ("NUMBER_UNALLOCATED",),
    "status": ("NUMBER_TERMINATED", "NUMBER_SUSPENDED"),
    "do-not-originate": ("NUMBER_DO_NOT_ORIGINATE",),
    "registration": ("SENDER_NOT_REGISTERED", "SENDER_REGISTRATION_EXPIRED", "SENDER_REGISTRATION_SUSPENDED"),
    "route": ("SENDER_WRONG_ROUTE",),
    "institution": ("INSTITUTION_IMPERSONATED",),
    "lookalike": ("SENDER_LOOKALIKE",),
    "certification": (
        "RELAY_UNKNOWN",
        "RELAY_UNCERTIFIED",
        "RESELLER_UNCERTIFIED",
        "ACCOUNT_UNKNOWN",
        "ACCOUNT_SUSPENDED",
    ),
    "chain": ("CHAIN_INCOMPLETE",),
    "origin": ("ORIGIN_MISMATCH",),
    "abroad": ("NATIONAL_SENDER_FROM_ABROAD",),
    "signalling": ("MO_SPOOFED", "SMSC_FAKED", "FORWARD_UNSOLICITED", "OWN_ADDRESS_ABROAD", "LINK_WRONG"),
    "source": ("SOURCE_NOT_LISTED",),
    "job": (
        "JOB_MISSING",
        "JOB_EXPIRED",
        "JOB_RECIPIENT_UNBOUND",
        "JOB_REUSED",
        "JOB_OTHER_ACCOUNT",
        "JOB_OTHER_JOB",
        "JOB_RECIPIENTS_DIFFER",
        "JOB_ASSERTION_MALFORMED",
        "JOB_SIGNATURE_BAD",
        "JOB_KEY_UNKNOWN",
        "JOB_KEY_RETIRED",
        "JOB_KEY_COMPROMISED",
    ),
    "categories": (
        "CONTENT_FRAUD",
        "CONTENT_PHISHING",
        "CONTENT_IMPERSONATION",
        "CONTENT_ADULT",
        "CONTENT_GAMBLING",
    ),
    "recipient": (
        "RECIPIENT_BLOCKED",
        "RECIPIENT_ALLOW_ONLY",
        "RECIPIENT_KEYWORD",
        "RECIPIENT_UNKNOWN_SENDER",
    ),
    "links": ("HOST_REPORTED",),
    "advertising": ("AD_LABEL_MISSING", "AD_OPT_OUT_MISSING", "AD_QUIET_HOURS", "AD_WITHOUT_CONSENT"),
}


def _failed(check: CheckRecord, reasons: list[Reason], theirs: Mapping[str, str]) -> str:
    """theirs: what the country's own authority calls a code."""
    parts = [
        f"{_meaning(r.code, check.evidence)} ({r.code}, {_MODE[r.mode]}"
        f"{f'; there {theirs[r.code]}' if r.code in theirs else ''})"
        for r in reasons
    ]
    return f"{_upper('; '.join(parts) or 'it failed')}.{_rests(check, reasons)}"


_RESTS = {
    "absence": " It rests on there being no row.",
    "generation": " It rests on a new generation that no longer holds it.",
    "policy": " It rests on a new policy: the one before did not object.",
}


def _rests(check: CheckRecord, reasons: list[Reason]) -> str:
    """What a business sender's FAIL rests on where that may be our error, and what held it back."""
    found = "".join(_RESTS.get(r.basis or "", "") for r in reasons)
    if "relief" in check.evidence:
        found += f" Relief {check.evidence['relief']} of this sender on this relay makes it a label."
    if "trial" in check.evidence:
        found += " That is new, so for a while it only labels."
    return found


def _asks(name: str) -> str:
    held = CHECKS.get(name)
    return f"{_upper(held.question)}?" if held else "-"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _meaning(code: str, evidence: dict[str, Evidence]) -> str:
    words = said(code)
    if words is None:
        return f"code {code}, for which this version has no words"
    parts = ", ".join(f"{k}" for k, v in evidence.items() if v == code)
    return words.meaning.format_map(_Facts({**evidence, "parts": parts or "see the evidence"}))


class _Facts(dict[str, Any]):
    """Evidence by name; times as times, what is not there as a dash."""

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            return "an unnamed one" if name != "from_ms" else "an earlier day"
        return time_of(value) if name in _TIMES and isinstance(value, int) else str(value)


def _why(d: Decision) -> str:
    rank = RANKS.get(d.won, f"the rank {d.won}")
    if d.verdict == "ALLOW":
        beaten = [r.code for r in d.reasons if r.mode == "BLOCK"]
        more = f" It outranks {', '.join(beaten)}." if beaten else ""
        return f"ALLOW won by {rank}.{more}"
    first = next((r for r in d.reasons if r.mode == "BLOCK"), None)
    code = f" ({first.code})" if first is not None else ""
    return f"BLOCK won by {rank}{code}."


def _changed(d: Decision) -> list[str]:
    blocking = [r for r in d.reasons if r.mode == "BLOCK"]
    found: list[str] = []
    if d.verdict == "BLOCK":
        for reason in blocking:
            words = said(reason.code)
            found.append(
                f"{reason.code} would not stand if {words.remedy}." if words else f"{reason.code}: see the docs."
            )
        if len(blocking) > 1:
            found.append(f"All {len(blocking)} of these block: each one alone would have been enough.")
        if d.won != "directive":
            found.append("An emergency allow rule for this sender on this route would have outranked it.")
        return found
    if d.won in ("emergency_allow", "protected_allow") and blocking:
        found.append(f"Without the allow rule it would have been blocked by {', '.join(r.code for r in blocking)}.")
    soft = [r for r in d.reasons if r.mode != "BLOCK" and r.gate != "own"]
    if soft:
        codes = ", ".join(f"{r.code} ({_MODE[r.mode]})" for r in soft)
        found.append(f"In mode BLOCK, what was found could have blocked it: {codes}.")
    unknown = [c.check for c in d.checks if c.outcome == "UNKNOWN"]
    if unknown:
        found.append(
            f"Fresh and complete data could have changed {', '.join(unknown)}: unknown is never held against it."
        )
    return found or ["Nothing that was looked at: every check that applies passed."]


def _notes(d: Decision) -> list[str]:
    found: list[str] = []
    if d.shadow is not None:
        codes = f" for {', '.join(d.shadow.codes)}" if d.shadow.codes else ""
        found.append(f"Under profile enforce it would be {d.shadow.verdict} ({d.shadow.action}){codes}.")
    if d.leak == "no_gate":
        found.append(f"Leak: it came without a usable verdict of the gate upstream; booked against {_relay(d)}.")
    elif d.leak is not None:
        found.append(f"Leak: the gate upstream let it pass and could have known {d.leak}; booked against {_relay(d)}.")
    if d.jurisdiction is not None:
        found.append(f"The rules of {d.jurisdiction} judged it, not the carrier's own.")
    found += [_FLAGS.get(flag, f"Flag: {flag}.") for flag in d.flags]
    found += [f"{_upper(_meaning(r.code, _own(d)))} ({r.code})." for r in d.reasons if r.gate == "own"]
    return found


_FLAGS = {
    "time_from_ingest": "Event time and ingest time lie too far apart: ingest time decided.",
    "ton_mismatch": "The type of number does not fit the sender; that decides nothing.",
    "jurisdiction_without_pack": "Its country has no pack: what holds anywhere was applied.",
    "plus_missing": "An international number came without its plus and was read as one.",
    "text_repaired": "Half a character at the end of the text was repaired before it was read.",
}


def _relay(d: Decision) -> str:
    return d.route.relay_id or "no named relay"


def _own(d: Decision) -> dict[str, Evidence]:
    return next((c.evidence for c in d.checks if c.outcome == "UNKNOWN" and c.check in ("intake", "decide")), {})


def _versions(d: Decision) -> str:
    v = d.versions
    return f"Policy {v.policy}, rows {v.read or '-'}, data {v.data}, engine {v.engine}, input {v.input}."


def time_of(at_ms: int) -> str:
    """A time for people, to the second."""
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"
