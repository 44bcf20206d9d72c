"""The rules of behaviour: what the shape of a subject's traffic comes to, one function each. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from streams.contracts.messages import Leg
from streams.contracts.reputation import StepName
from streams.contracts.shapes import Habits, Shape
from streams.engine.pack import Behaviour, Sequential
from streams.engine.shaping import BLOCK
from streams.engine.sketches import BLOCKS, NAMES, Sketch, estimate

#: Local days and texts that habits remember, and messages after which the past counts half.
DAYS, TEXTS_KNOWN, FORGETTING = 7, 64, 10_000


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
    if not asked.recipients or look.day.sent < asked.recipients:
        return None
    filled = [bits.bit_count() for _, bits in sketch]
    dense = sum([n for n in filled if n * 1000 >= asked.fill_permille * BLOCK])
    everybody = people_of(look.day)
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
    asked = rules.sim_box
    if not asked.recipients or not look.line or look.day.sent < asked.recipients:
        return None
    people = people_of(look.day)
    if people < asked.recipients or people * 1000 < asked.distinct_permille * look.day.sent:
        return None
    return Conclusion("OBSERVE", "SIM_BOX", {"recipients": people, "sent": look.day.sent})


def people_of(shape: Shape) -> int:
    """How many different recipients it was sent to, estimated; never more than messages."""
    sketch = shape.recipients
    return min(shape.sent, _scaled(sum([bits.bit_count() for _, bits in sketch]), sketch)) if sketch else 0


def _scaled(seen: int, sketch: Sketch) -> int:
    return estimate(seen, len(sketch), sketch[-1][0], BLOCKS)


RULES: tuple[Rule, ...] = (daily_cap, sequential, takeover, unlisted, many_routes, sim_box)


#: More than is ever sent.
NEVER = 2**53


def ahead(subject: str, day: Shape, epoch: Shape, habits: Habits, rules: Behaviour) -> int:
    """How many messages may still come on a leg before any rule but `many_routes` could conclude anything; at least so
    many. 0 or less: one may now. `day`: this one so far; `epoch`: the one that holds most, of those that more may come
    of."""
    line, least = subject.startswith("sender:~"), NEVER
    if rules.unlisted:
        least = rules.unlisted - day.unlisted
    if asked := rules.takeover.messages:
        least = min(least, max(asked - epoch.sent, rules.takeover.history_epochs - habits.epochs))
    if line and rules.daily_cap:
        least = min(least, rules.daily_cap - day.sent)
    if line and rules.sim_box.recipients:
        least = min(least, rules.sim_box.recipients - day.sent)
    if rules.sequential.recipients:
        least = min(least, max(rules.sequential.recipients - day.sent, _until_dense(day, rules.sequential)))
    return least


def _until_dense(day: Shape, asked: Sequential) -> int:
    """The same of `sequential`, once there are recipients enough."""
    fill = -(-asked.fill_permille * BLOCK // 1000)
    total = dense = fullest = 0
    for _, bits in day.recipients:
        filled = bits.bit_count()
        total += filled
        if filled >= fill:
            dense += filled
        elif filled > fullest:
            fullest = filled
    # A message fills one number: a block is dense after `fill - fullest` of them at the earliest, and then counts
    # `fill`. Or it opens a block that pushes another one out of the sketch.
    share = asked.share_permille / 1000
    in_turn = int((share * total - dense) / (fill / (fill - fullest) + share * max(fullest, 1)))
    if len(day.blocks) >= NAMES:
        return in_turn
    return min(in_turn, asked.per_block * len(day.blocks) - day.sent)


def grown(look: Look, day: int, rules: Behaviour) -> Habits:
    """The habits after the epoch looked at, on a local day. A week and 64 texts are remembered, those seen last."""
    old, shape, known_ms = look.habits, look.epoch, look.from_ms - rules.takeover.known_after_ms
    peaks = {d: n for d, n in old.peaks if d > day - DAYS}
    if old.last and old.last_day > day - DAYS:
        peaks[old.last_day] = max(peaks.get(old.last_day, 0), old.last)
    texts = {name: (first_ms, last_ms) for name, first_ms, last_ms in old.texts}
    judged, usual = old.judged, old.usual
    if any([first_ms <= known_ms for _, first_ms, _ in old.texts]):  # nothing is known at first, so nothing is strange
        judged, usual = judged + sum([n for _, n in shape.texts]), usual + old.known(shape, known_ms)
    if judged > FORGETTING:
        judged, usual = judged // 2, usual // 2
    for name, _ in shape.texts:
        texts[name] = (texts.get(name, (look.from_ms, 0))[0], look.from_ms)
    kept = [(name, first_ms, last_ms) for name, (first_ms, last_ms) in texts.items()]
    if len(kept) > TEXTS_KNOWN:
        kept = sorted(kept, key=lambda text: (-text[2], text[0]))[:TEXTS_KNOWN]
    return Habits(
        old.epochs + 1, tuple(sorted(peaks.items())), shape.sent, look.from_ms, day, tuple(sorted(kept)), judged, usual
    )
