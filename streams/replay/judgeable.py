"""Backtest over recorded decisions: what follows from the reasons they hold, and what can't be known without messages.

A decision shows its objections and the mode each ran in. It does not show an allow rule that had no say, nor the
strictest mode that a check would have run in. Where those could matter, both ends are tried; when they differ, the
decision is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.contracts.decisions import Decision, Mode, Reason
from streams.engine.pack import RANKS, Pack
from streams.engine.policy import Policy
from streams.engine.precedence import MODE_ORDER, Objection, judge, reasons_of
from streams.errors import InputError
from streams.replay.again import CODES, Again, Asked
from streams.replay.backtest import Backtest, Said
from streams.replay.backtest import said as said_of
from streams.replay.proposed import Rules
from streams.replay.touched import NEEDS_MESSAGE, SENDER_ROW, Touched

#: Parts of a pack that say what follows from an objection. All others say whether there is one.
FOLLOWS = frozenset(
    {"profile", "modes", "enforce", "default_mode", "actions", "soft", "label", "ranks"}
)  # fmt: skip
UNKNOWN_ALLOW = "an allow rule that had no say may have stood behind the block"
UNKNOWN_CAP = "how strictly its check may run does not stand in it"
_ALLOWS = tuple(rank for rank in RANKS if rank.endswith("_allow"))
_STRICTEST: Mode = "BLOCK"


class Judge:
    """Judges decisions by two policies. known: policies by their hash, so that a recorded mode can be understood.

    Raises InputError when the new policy or rows say something that no recorded decision can answer.
    """

    def __init__(self, today: Policy, new: Policy, rules: Rules, known: Mapping[str, Policy]) -> None:
        asks = [n for n in Pack.__struct_fields__ if n not in FOLLOWS and _part(today, n) != _part(new, n)]
        if asks:
            raise InputError(
                f"The new policy changes {', '.join(asks)}: what follows for a message stands in no decision. "
                "Take --from topic or --from files."
            )
        if rules.feeds or rules.manifests:
            raise InputError(
                "The new rows hold heartbeats or manifests: what an absent row proves by them stands in no decision. "
                "Take --from topic or --from files."
            )
        self._today, self._new = today, new
        self._known = {**known, today.version: today, new.version: new}
        self._touched = Touched(rules.rows.values(), today.pack.grammar)
        self._again = Again(rules.rows, new)

    def run(self, decisions: Iterable[Decision], backtest: Backtest) -> None:
        """Compare what both policies make of each decision."""
        for decision in decisions:
            registered = decision.sender.registered
            why = self._touched.why(decision)
            if why is None and self._alike(decision):
                recorded = said_of(decision)  # whatever else it hangs on is the same on both sides
                backtest.compare(recorded, recorded)
                continue
            today, new = self._said(decision, self._today), self._new_said(decision, why)
            if isinstance(today, str):
                backtest.not_judgeable[registered, today] += 1
            elif isinstance(new, str):
                backtest.not_judgeable[registered, new] += 1
            else:
                backtest.compare(today, new)

    def _alike(self, decision: Decision) -> bool:
        """Whether both policies make the same of every reason that the decision names."""
        then, one, other = self._known.get(decision.versions.policy), self._today, self._new
        return one.pack.ranks == other.pack.ranks and all(
            _objection(reason, decision, then, one, strict) == _objection(reason, decision, then, other, strict)
            for reason in decision.reasons if reason.gate != "own" for strict in (False, True)
        )  # fmt: skip

    def _new_said(self, decision: Decision, why: str | None) -> Said | str:
        if why != SENDER_ROW:
            return why or self._said(decision, self._new)
        asked = self._again.ask(decision)
        if asked is None or (asked.passed != asked.passes and _hangs_on_route(decision, asked.passes)):
            return NEEDS_MESSAGE
        said = self._said(decision, self._new, asked)
        if isinstance(said, Said) and not said.blocked and asked.passed and not asked.passes:
            return NEEDS_MESSAGE  # a sanctioned campaign, which a proved route keeps away, may stop it now
        return said

    def _said(self, decision: Decision, policy: Policy, asked: Asked | None = None) -> Said | str:
        """What a policy makes of the decision's objections, or why that can't be told."""
        then = self._known.get(decision.versions.policy)
        found: dict[str, list[Said]] = {}
        verdicts = {}
        reasons = [r for r in decision.reasons if r.gate != "own" and (asked is None or r.code not in CODES)]
        allowing = _allows(decision, then, policy)
        if asked is not None and asked.passes and not asked.passed:
            # On a proved route a protected sender may stand behind it, who had no say before.
            allowing = {"few": allowing["few"], "most": [*_ALLOWS]}
        sender, relay = decision.sender, decision.route.relay_id or "-"
        registered = sender.registered if asked is None else asked.registered
        for strict in (False, True):
            objections = [_objection(r, decision, then, policy, strict) for r in reasons]
            objections += asked.objections if asked is not None else []
            for name, allows in allowing.items():
                outcome = judge(objections, allows, policy.pack.ranks)
                verdicts[strict, name] = outcome.verdict
                blocking = [r.code for r in reasons_of(objections, policy.pack.ranks) if r.mode == "BLOCK"]
                blocked = outcome.verdict == "BLOCK"
                reason = next(iter(blocking), outcome.won) if blocked else ""
                said = Said(sender.key, registered, relay, outcome.action, blocked, reason)
                found.setdefault(outcome.verdict, []).append(said)
        if len(found) > 1:
            return UNKNOWN_CAP if verdicts[False, "few"] != verdicts[True, "few"] else UNKNOWN_ALLOW
        return next(iter(found.values()))[0]


def _hangs_on_route(decision: Decision, passes: bool) -> bool:
    """Whether something else in the decision hangs on the route binding, so that it would have come out otherwise."""
    return any(r.gate == "reputation" for r in decision.reasons) if passes else decision.won == "protected_allow"


def _part(policy: Policy, name: str) -> object:
    held = getattr(policy.pack, name)
    # Grammars are compared by identity in the engine; here by what they say.
    return repr(held) if name == "grammar" else held


def _objection(reason: Reason, decision: Decision, then: Policy | None, policy: Policy, strict: bool) -> Objection:
    name = {"directive": "DIRECTIVE", "reputation": "SANCTION"}.get(reason.gate, reason.code)
    cap = _cap(reason, name, decision, then, strict)
    asked = policy.pack.modes.get(name, policy.pack.default_mode)
    mode = min(asked, cap, key=MODE_ORDER.__getitem__)
    return Objection(reason.code, reason.gate, mode, policy.pack.actions.get(reason.code, "REJECT"))


def _cap(reason: Reason, name: str, decision: Decision, then: Policy | None, strict: bool) -> Mode:
    """The strictest mode that the reason's check may run in: the least it can be, or with `strict` the most."""
    shadow = decision.shadow
    if shadow is not None and reason.code in shadow.codes:
        return _STRICTEST  # the enforce profile would have blocked for it
    if then is not None:
        was = then.pack.modes.get(name, then.pack.default_mode)
        if MODE_ORDER[reason.mode] < MODE_ORDER[was]:
            return reason.mode  # it was held back, so that is its cap
        if shadow is not None and then.pack.enforce.get(name) == _STRICTEST and MODE_ORDER[reason.mode] < 2:
            return "LABEL" if strict else reason.mode  # not even the enforce profile would have blocked for it
    return _STRICTEST if strict else reason.mode


def _allows(decision: Decision, then: Policy | None, policy: Policy) -> dict[str, list[str]]:
    """The fewest and the most allow rules that can have stood beside the objections."""
    if decision.verdict == "ALLOW" and decision.won == "default":
        return {"few": []}
    few = [decision.won] if decision.won in _ALLOWS else []
    if decision.verdict == "ALLOW" and then is not None and then.pack.ranks == policy.pack.ranks:
        return {"few": few}  # the strongest one is named, and the weaker ones change nothing
    if then is None or decision.won not in then.pack.ranks:
        return {"few": few, "most": list(_ALLOWS)}
    weaker = [rank for rank in _ALLOWS if then.pack.ranks[rank] > then.pack.ranks[decision.won]]
    return {"few": few, "most": [*few, *weaker]}
