"""categories: is the text on a list of fraud, phishing, impersonation, adult or gambling texts?"""

from __future__ import annotations

from streams.engine.case import Case
from streams.engine.lists import NOTHING, Compiled, Found
from streams.engine.outcome import Check

NAME = "categories"
CODES = {
    "fraud": "CONTENT_FRAUD",
    "phishing": "CONTENT_PHISHING",
    "impersonation": "CONTENT_IMPERSONATION",
    "adult": "CONTENT_ADULT",
    "gambling": "CONTENT_GAMBLING",
}


def found_in(case: Case, lists: Compiled, route_passes: bool) -> list[Found]:
    """The lists that the text is on. What claims a false identity is not asked of a sender whose route proves his."""
    if lists is NOTHING:
        return []
    found = lists.find(case.message.content.text, case.e_ms)
    return [f for f in found if not (route_passes and f.category in case.pack.proved_exempt)]


def check(case: Case, lists: Compiled, found: list[Found]) -> Check | None:
    """FAIL CONTENT_…, one for each category; the evidence names list and entry, never the text."""
    if found:
        codes = tuple(dict.fromkeys(CODES[f.category] for f in found))
        return Check(NAME, "FAIL", codes, {"found": tuple(f"{f.name}/{f.entry}" for f in found)}, gate="content")
    expired = lists.expired(case.e_ms)
    why = [f"{name} is not here" for name in lists.missing] + [f"{name} has expired" for name in expired]
    return Check(NAME, "UNKNOWN", (), {"why": "list " + ", ".join(why)}, gate="content") if why else None
