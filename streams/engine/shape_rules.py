"""The rules of behaviour: what the shape of a subject's traffic comes to, one function each. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from streams.contracts.messages import Leg
from streams.contracts.reputation import StepName
from streams.contracts.shapes import Shape
from streams.engine.pack import Behaviour
from streams.engine.shaping import BLOCK
from streams.engine.sketches import BLOCKS, NAMES, Sketch, estimate

#: Local days and texts that habits remember, and messages after which the past counts half.
DAYS, TEXTS_KNOWN, FORGETTING = 7, 64, 10_000


class Habits(msgspec.Struct, frozen=True):
    """How a subject used to send on a leg, from settled epochs with traffic.

    epochs: how many. peaks: local day → messages of its busiest epoch; not yet of the last one, which holds `last`
    messages and began at last_ms: a burst that straddles two epochs must not excuse itself. texts: fingerprint → when
    it was seen (first, last), in ms. judged, usual: messages whose text could be compared, and those that it was known
    of; the past counts less and less.
    """

    epochs: int = 0
    peaks: dict[int, int] = {}
    last: int = 0
    last_ms: int = 0
    last_day: int = 0
    texts: dict[int, tuple[int, int]] = {}
    judged: int = 0
    usual: int = 0

    def peak(self, before_ms: int) -> int:
        """Messages of the busiest epoch that neither is, nor ended at, this time."""
        return max((*self.peaks.values(), self.last if self.last_ms < before_ms else 0), default=0)

    def known(self, shape: Shape, since_ms: int) -> int:
        """Messages whose text was seen by then."""
        return sum([n for name, n in shape.texts if name in self.texts and self.texts[name][0] <= since_ms])


class Look(NamedTuple):
    """What a rule may look at: one leg of a subject, the epoch that is judged, its local day up to there, what was
    usual before it, and what was said before and stands. Times in ms."""

    subject: str
    leg: Leg
    epoch: Shape
    day: Shape
    habits: Habits
    from_ms: int
    epoch_ms: int
    said: frozenset[str]

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
TAKEOVER = "TAKEOVER_SUSPECTED"


def daily_cap(look: Look, rules: Behaviour) -> Conclusion | None:
    """More messages in a day than a person's line may send. Korea: 500 a line and day since 2009, lifted on proof:
    a number that is registered to a business has no cap."""
    if not rules.daily_cap or not look.line or look.day.sent < rules.daily_cap:
        return None
    counts = {"sent": look.day.sent, "cap": rules.daily_cap}
    return Conclusion("THROTTLE", DAILY_CAP, counts, to_end_of_day=True, share_permille=1000)


def sequential(look: Look, rules: Behaviour) -> Conclusion | None:
    """Harvesting: the recipients of a day lie side by side, or crowd in few allocated blocks, in whatever order they
    were sent to. Anybody's customers are scattered over the whole plan."""
    asked, sketch = rules.sequential, look.day.recipients
    if not asked.recipients or not sketch:
        return None
    filled = [bits.bit_count() for _, bits in sketch]
    dense = sum([n for n in filled if n * 1000 >= asked.fill_permille * BLOCK])
    everybody = _scaled(sum(filled), sketch)
    if everybody < asked.recipients:
        return None
    blocks = len(look.day.blocks)
    in_turn = dense * 1000 >= asked.share_permille * sum(filled)
    permuted = blocks < NAMES and everybody >= asked.per_block * blocks
    if not (in_turn or permuted):
        return None
    counts = {"recipients": everybody, "in_turn": _scaled(dense, sketch), "blocks": blocks}
    return Conclusion("THROTTLE", "RECIPIENTS_SEQUENTIAL", counts)


def takeover(look: Look, rules: Behaviour) -> Conclusion | None:
    """An account or line that suddenly sends otherwise than it used to: much more, or what it never sent. Each alone
    happens to honest senders and is only noted; both at once is what a thief does."""
    asked, habits, sent = rules.takeover, look.habits, look.epoch.sent
    if not asked.messages or habits.epochs < asked.history_epochs or sent < asked.messages:
        return None
    peak = habits.peak(look.from_ms - look.epoch_ms)
    much = sent >= asked.factor * peak
    new = total = sum([n for _, n in look.epoch.texts])
    new -= habits.known(look.epoch, look.from_ms - asked.known_after_ms)
    repeats = habits.usual * 1000 >= asked.usual_permille * habits.judged > 0
    strange = repeats and new * 1000 >= asked.new_permille * total > 0
    counts = {"sent": sent, "busiest_before": peak, "new_texts": new, "texts": total}
    if (much and (strange or "CONTENT_NEW" in look.said)) or (strange and "VOLUME_SUDDEN" in look.said):
        return Conclusion("THROTTLE", TAKEOVER, counts)
    if much or strange:
        return Conclusion("OBSERVE", "VOLUME_SUDDEN" if much else "CONTENT_NEW", counts)
    return None


def unlisted(look: Look, rules: Behaviour) -> Conclusion | None:
    """Bulk from addresses that the account does not list. Some messages are a server that was moved."""
    if not rules.unlisted or look.day.unlisted < rules.unlisted:
        return None
    counts = {"unlisted": look.day.unlisted, "sent": look.day.sent, "peers": len(look.day.peers)}
    return Conclusion("THROTTLE", "BULK_UNLISTED", counts)


def many_routes(look: Look, rules: Behaviour) -> Conclusion | None:
    """One proved sender over many routes in a day. Failover and several aggregators look alike: only noted."""
    routes = len(look.day.routes)
    if not rules.routes or routes < rules.routes or not look.subject.startswith("sender:"):
        return None
    return Conclusion("OBSERVE", "MANY_ROUTES", {"routes": routes, "sent": look.day.sent})


def sim_box(look: Look, rules: Behaviour) -> Conclusion | None:
    """A line that writes to more people in a day than a person does, and to hardly any of them twice. CTIA's guidance
    puts a person's line at 200 different recipients. What a line receives is not counted."""
    asked, sketch = rules.sim_box, look.day.recipients
    if not asked.recipients or not look.line or not sketch:
        return None
    people = _scaled(sum([bits.bit_count() for _, bits in sketch]), sketch)
    if people < asked.recipients or people * 1000 < asked.distinct_permille * look.day.sent:
        return None
    return Conclusion("OBSERVE", "SIM_BOX", {"recipients": people, "sent": look.day.sent})


def _scaled(seen: int, sketch: Sketch) -> int:
    return estimate(seen, len(sketch), sketch[-1][0], BLOCKS)


RULES: tuple[Rule, ...] = (daily_cap, sequential, takeover, unlisted, many_routes, sim_box)


def grown(look: Look, day: int, rules: Behaviour) -> Habits:
    """The habits after the epoch looked at, on a local day. A week and 64 texts are remembered, those seen last."""
    old, shape, known_ms = look.habits, look.epoch, look.from_ms - rules.takeover.known_after_ms
    peaks = {d: n for d, n in old.peaks.items() if d > day - DAYS}
    if old.last and old.last_day > day - DAYS:
        peaks[old.last_day] = max(peaks.get(old.last_day, 0), old.last)
    texts = dict(old.texts)
    for name, _ in shape.texts:
        texts[name] = (texts.get(name, (look.from_ms, 0))[0], look.from_ms)
    if len(texts) > TEXTS_KNOWN:
        texts = dict(sorted(texts.items(), key=lambda item: (-item[1][1], item[0]))[:TEXTS_KNOWN])
    judged, usual = old.judged, old.usual
    if any(first <= known_ms for first, _ in old.texts.values()):  # nothing is known at first, so nothing is strange
        judged, usual = judged + sum([n for _, n in shape.texts]), usual + old.known(shape, known_ms)
    if judged > FORGETTING:
        judged, usual = judged // 2, usual // 2
    return Habits(old.epochs + 1, peaks, shape.sent, look.from_ms, day, texts, judged, usual)
