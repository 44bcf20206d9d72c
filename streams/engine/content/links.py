"""links: does the text lead to a host that people reported?

Reports alone never block a host: they warn, and a warned host is labelled. Hosts that strangers share are no subjects.
"""

from __future__ import annotations

from streams.engine.case import Case
from streams.engine.content.seen import Seen
from streams.engine.outcome import Check

NAME = "links"


def check(case: Case, seen: Seen) -> Check | None:
    """FAIL HOST_REPORTED. A sender whose route binding proves him answers for his links himself."""
    if seen.route_passes:
        return None
    for subject in seen.linked:
        warned = [entry for entry in case.sanctions(subject) if entry.step != "OBSERVE"]
        if warned:
            first = min(warned, key=lambda entry: (entry.from_ms, entry.sanction_id))
            evidence = {"host": subject.removeprefix("host:"), "sanction_id": first.sanction_id}
            return Check(NAME, "FAIL", ("HOST_REPORTED",), dict(evidence), gate="content")
    return None
