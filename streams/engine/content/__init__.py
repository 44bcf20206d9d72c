"""Content rules: what a text says, not who sent it. The lowest rank; they label, unless a pack says more.

They never touch whether a sender is genuine, and no leak follows from them.
"""

from __future__ import annotations

from collections.abc import Callable

from streams.engine.advertising import is_advertisement
from streams.engine.case import Case
from streams.engine.content import advertising, categories, links
from streams.engine.content.seen import Seen
from streams.engine.lists import Compiled
from streams.engine.outcome import Check
from streams.engine.pseudonym import Keys

ContentCheck = Callable[[Case, Seen], Check | None]

CHECKS: tuple[tuple[str, ContentCheck], ...] = (
    (categories.NAME, lambda case, seen: categories.check(case, seen.lists, seen.found)),
    (links.NAME, links.check),
    (advertising.NAME, advertising.check),
)


def content_checks(
    case: Case, keys: Keys, route_passes: bool, lists: Compiled, linked: tuple[str, ...], labelled: bool
) -> list[Check]:  # fmt: skip
    """Ask every content check. linked: `host:` subjects of the text; labelled: it bears the advertising label. Our own
    error is CHECK_FAILED, never a block."""
    answers: list[Check] = []
    try:
        found = categories.found_in(case, lists, route_passes)
        named = [f.category for f in found]
        advertised = is_advertisement(case.message.purpose, labelled, case.pack.advertising, named)
    except Exception as error:  # any error of ours: the message must not pay for it
        return [_failed(categories.NAME, error)]
    if not (found or linked or advertised) and lists.whole(case.e_ms):
        return answers  # most messages
    seen = Seen(keys, route_passes, lists, found, linked, bool(advertised))
    for name, function in CHECKS:
        try:
            answer = function(case, seen)
        except Exception as error:  # as above
            answer = _failed(name, error)
        if answer is not None:
            answers.append(answer)
    return answers


def _failed(name: str, error: Exception) -> Check:
    return Check(name, "UNKNOWN", ("CHECK_FAILED",), {"why": type(error).__name__}, gate="own")
