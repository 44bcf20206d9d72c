"""Which rule wins: a total order of unique ranks, allow rules always evaluated, no ties.

directive › emergency allow › forgery › recipient's own block › protected allowlist › standing › sanctions › partners'
blacklists › recipient's own allow › content › default ALLOW.
"""

from __future__ import annotations

from typing import NamedTuple

from streams.contracts.decisions import Action, FailBasis, Gate, Mode, Reason
from streams.contracts.messages import Verdict

MODE_ORDER: dict[Mode, int] = {"OBSERVE": 0, "LABEL": 1, "BLOCK": 2}
_RANK_OF_GATE: dict[Gate, str] = {
    "directive": "directive",
    "forgery": "forgery",
    "standing": "standing",
    "reputation": "sanction",
    "blacklist": "blacklist",
    "recipient": "recipient_block",
    "content": "content",
}


class Objection(NamedTuple):
    """A code that speaks against the message.

    mode: what it may do; cap: the strictest mode. action: what its BLOCK does; soft: what its LABEL does, LABEL or
    SPAM_BOX.
    """

    code: str
    gate: Gate
    mode: Mode
    action: Action
    cap: Mode = "BLOCK"
    soft: Action = "LABEL"
    basis: FailBasis | None = None


class Outcome(NamedTuple):
    """won: the rank that decided (`default` when nothing did)."""

    verdict: Verdict
    action: Action
    won: str


_NO_RANK = 2**63
_UNDISPUTED = Outcome("ALLOW", "DELIVER", "default")


def judge(objections: list[Objection], allows: list[str], ranks: dict[str, int]) -> Outcome:
    """The verdict. `allows` holds the ranks of the allow rules that apply."""
    if not objections and not allows:
        return _UNDISPUTED
    allow_rank = min([ranks[name] for name in allows]) if allows else _NO_RANK
    best: Objection | None = None
    best_rank = allow_rank
    softly: set[Action] = set()
    for objection in objections:
        rank_name = _RANK_OF_GATE.get(objection.gate)
        if rank_name is None:
            continue
        rank = ranks[rank_name]
        if objection.mode == "BLOCK" and rank < best_rank:
            best, best_rank = objection, rank
        elif objection.mode == "LABEL" and rank < allow_rank:
            softly.add(objection.soft)
    if best is not None:
        return Outcome("BLOCK", best.action, _RANK_OF_GATE[best.gate])
    won = next((name for name in allows if ranks[name] == allow_rank), "default")
    if softly:
        return Outcome("ALLOW", "SPAM_BOX" if "SPAM_BOX" in softly else "LABEL", won)
    return Outcome("ALLOW", "DELIVER", won)


def reasons_of(objections: list[Objection], ranks: dict[str, int]) -> tuple[Reason, ...]:
    """The objections as reasons, the one with the highest precedence first."""
    if not objections:
        return ()
    order = sorted(objections, key=lambda o: ranks.get(_RANK_OF_GATE.get(o.gate, ""), 1 << 30))
    return tuple(Reason(code=o.code, gate=o.gate, mode=o.mode, basis=o.basis) for o in order)
