"""What a counting agent has said and what still follows: say what is new, withdraw what no longer follows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from streams.contracts.reputation import Finding
from streams.engine.ladder import sanction_id
from streams.engine.policy import Policy
from streams.engine.sanctioning import WITHDRAWN

#: Findings kept to be told again when a delta is delivered again.
TOLD = 16


def told_anew(
    told: list[Finding], follows: Mapping[str, Finding], open_from_ms: int, policy: Policy
) -> tuple[list[Finding], list[Finding]]:
    """(what of `told` is kept, what is to be said now). follows: by id, what the open epochs come to.

    Findings recorded before open_from_ms rest on settled epochs and stand.
    """
    stands = {f.finding_id: f for f in told if f.releases is None and f.recorded_at_ms >= open_from_ms}
    gone = [_withdrawal(f, policy) for name, f in stands.items() if name not in follows]
    lost = {f.releases for f in gone}
    back = follows.keys() - stands.keys()
    kept = [f for f in told if f.finding_id not in lost and (f.reason != WITHDRAWN or f.releases not in back)]
    return kept, [*(f for name, f in follows.items() if name in back), *gone]


def _withdrawal(finding: Finding, policy: Policy) -> Finding:
    return msgspec.structs.replace(
        finding, finding_id=sanction_id(finding.subject, f"{WITHDRAWN}/{finding.finding_id}", finding.version),
        reason=WITHDRAWN, step="OBSERVE", releases=finding.finding_id, codes=(), counts={}, policy=policy.version,
    )  # fmt: skip
