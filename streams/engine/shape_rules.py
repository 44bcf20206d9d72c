"""The rules of behaviour: what the shape of a subject's traffic comes to, one function each. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from streams.contracts.messages import Leg
from streams.contracts.reputation import StepName
from streams.contracts.shapes import Shape
from streams.engine.pack import Behaviour


class Look(NamedTuple):
    """What a rule may look at: one leg of a subject, the epoch that is judged, and its local day up to there."""

    subject: str
    leg: Leg
    epoch: Shape
    day: Shape

    @property
    def line(self) -> bool:
        """A person's own line: a proved sender that is registered to no business."""
        return self.subject.startswith("sender:~")


class Conclusion(NamedTuple):
    """to_end_of_day: how long it stands; otherwise for the pack's `throttle_ms`. share_permille: None, the pack's."""

    step: StepName
    reason: str
    counts: dict[str, int]
    to_end_of_day: bool = False
    share_permille: int | None = None


Rule = Callable[[Look, Behaviour], Conclusion | None]
DAILY_CAP = "DAILY_CAP"


def daily_cap(look: Look, rules: Behaviour) -> Conclusion | None:
    """More messages in a day than a person's line may send. Korea: 500 a line and day since 2009, lifted on proof:
    a number that is registered to a business has no cap."""
    if not rules.daily_cap or not look.line or look.day.sent < rules.daily_cap:
        return None
    counts = {"sent": look.day.sent, "cap": rules.daily_cap}
    return Conclusion("THROTTLE", DAILY_CAP, counts, to_end_of_day=True, share_permille=1000)


RULES: tuple[Rule, ...] = (daily_cap,)
