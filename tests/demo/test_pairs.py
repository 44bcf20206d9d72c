"""Each pair owns its things, and its reports come when and from whom they must, for any seed by construction."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.messages import Message
from streams.contracts.reports import Report
from streams.demo import World
from streams.demo.clock import DAY_FROM_MS, EPOCH_MS, at, epoch_start
from streams.demo.numbers import displayed
from streams.demo.pairs.base import REPORTS
from streams.engine.fingerprint import fingerprint
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.replay.drive import Drive, Timed, raw_messages
from streams.replay.embedded import Embedded

FIRST_TENTH_MS = at(2.4)


def _sent(world: World, pair: str, side: str) -> list[Message]:
    return [m for m in world.messages if world.labels[m.event_id] == (pair, side)]


def _reported(world: World, messages: Iterable[Message]) -> list[Report]:
    recipients = {m.recipient for m in messages}
    return [r for r in world.reports if r.reporter in recipients]


def _things(world: World) -> dict[str, dict[str, set[str]]]:
    """Kind of thing → owner → what it uses."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for message in world.messages:
        owner, route = world.labels[message.event_id][0], message.route
        found["senders"][owner].add(displayed(message.sender))
        found["texts"][owner].add(fingerprint(message.content.text) or "")
        found["recipients"][owner].add(message.recipient)
        found["resellers"][owner].update(route.chain)
        if message.origin_number:
            found["senders"][owner].add(message.origin_number)
        if route.relay_id:
            found["relays"][owner].add(route.relay_id)
        if route.account_id:
            found["accounts"][owner].add(route.account_id)
    return found


def test_owners_share_nothing(world: World) -> None:
    for kind, by_owner in _things(world).items():
        held = Counter(thing for things in by_owner.values() for thing in things)
        assert [thing for thing, owners in held.items() if owners > 1] == [], kind


def test_attack_and_twin_of_the_reported_line_have_other_texts_and_the_same_reports(world: World) -> None:
    name = "spammer's own line"
    attack, twin, wave = (_sent(world, name, side) for side in ("attack", "twin", "wave"))
    texts = [{fingerprint(m.content.text) for m in messages} for messages in (attack, twin, wave)]
    assert not texts[0] & texts[1] and not texts[1] & texts[2] and not texts[0] & texts[2]
    assert {m.sender.address for m in twin} == {m.sender.address for m in wave}
    assert all(m.origin_number == m.sender.address for m in (*attack, *twin))
    spam, spoof = (Counter(r.displayed_sender for r in _reported(world, m)) for m in (attack, wave))
    assert set(spam.values()) == set(spoof.values()) == {10}
    assert not _reported(world, twin)


def test_votes_that_reach_a_threshold_come_in_the_first_tenth_of_the_day(world: World) -> None:
    for pair in world.pairs:
        if pair.code != REPORTS:
            continue
        attack = _sent(world, pair.name, "attack")
        assert pair.effect_ms is not None and (pair.effect_ms - DAY_FROM_MS) % EPOCH_MS == 0
        counted = [r for r in _reported(world, attack) if r.ingested_at_ms < pair.effect_ms - EPOCH_MS]
        assert all(r.ingested_at_ms < FIRST_TENTH_MS for r in counted)
        assert len({r.reporter for r in counted}) >= 6
        before = sum(m.event_time_ms < pair.effect_ms for m in attack)
        assert before * 100 <= 16 * len(attack), pair.name


def test_one_in_two_hundred_recipients_reports_the_registered_sender(world: World) -> None:
    attack = _sent(world, "reported registered sender", "attack")
    reports = _reported(world, attack)
    assert len(reports) * 200 == len(attack)
    early = [m for m in attack if m.event_time_ms < epoch_start(2)]
    assert len(early) >= 1_100 and all(m.leg == "termination" for m in early)
    # Reported in the epoch of the message, so that it counts from the next one whatever the seed.
    assert all(r.message_at_ms // EPOCH_MS == r.ingested_at_ms // EPOCH_MS for r in reports)
    in_time = [r for r in reports if r.message_at_ms < epoch_start(2)]
    assert len(in_time) * 1_000_000 >= 5_000 * len(early)


def test_the_bank_has_ten_angry_customers_after_six(world: World) -> None:
    twin = _sent(world, "reported registered sender", "twin")
    reports = sorted(_reported(world, twin), key=lambda r: r.message_at_ms)
    assert len(reports) == 10 and reports[0].message_at_ms >= at(6)
    times = sorted(m.event_time_ms for m in twin)
    for count, report in enumerate(reports, 1):
        delivered = sum(t < report.message_at_ms // EPOCH_MS * EPOCH_MS for t in times)
        assert count < 5 or count * 1_000_000 < 2_500 * delivered  # critical is 3 000 from five reporters on


def test_the_shop_is_reported_by_one_group(world: World) -> None:
    name = "campaign on an unproven route"
    shop = _reported(world, _sent(world, name, "twin"))
    assert len({r.reporter for r in shop}) >= 20
    assert {r.reporter_group for r in shop} == {"rival-1"}
    attack = _reported(world, _sent(world, name, "attack"))
    assert len({r.reporter for r in attack if r.reporter_group is None}) >= 12
    assert len({displayed(m.sender) for m in _sent(world, name, "attack")}) >= 20


def test_honest_subjects_never_get_a_third_reporter(world: World) -> None:
    pairs = {m.recipient for m in world.messages if world.labels[m.event_id][0] != "background"}
    subjects: dict[str, set[str]] = defaultdict(set)
    relays: dict[str, set[str]] = defaultdict(set)
    for report in world.reports:
        if report.reporter in pairs or report.group_chat:
            continue
        if report.route.relay_id:
            relays[report.route.relay_id].add(report.reporter)
        if (report.text or "").startswith("대박 기회"):
            continue  # old spam: its numbers and texts are not of the day
        subjects[f"sender {report.displayed_sender}"].add(report.reporter)
        subjects[f"text {fingerprint(report.text or '')}"].add(report.reporter)
        if report.route.account_id:
            subjects[f"account {report.route.account_id}"].add(report.reporter)
    assert len(subjects) > 50
    assert max(len(reporters) for reporters in subjects.values()) <= 2
    assert max(len(reporters) for reporters in relays.values()) < 200


def test_old_spam_is_silent_on_the_day(world: World) -> None:
    old = {r.displayed_sender for r in world.reports if (r.text or "").startswith("대박 기회")}
    assert old
    assert not old & {displayed(m.sender) for m in world.messages}


def _decided(world: World, name: str, deliveries: dict[str, object]) -> Counter[tuple[str, str]]:
    """The pair alone: (side, verdict) → messages, under a policy that vouches for deliveries, or not."""
    sent = [m for m in world.messages if world.labels[m.event_id][0] == name]
    people = {m.recipient for m in sent}
    pack = {**world.policy.timeline[0].pack, "deliveries": deliveries}
    row = msgspec.structs.replace(
        world.policy, timeline=(msgspec.structs.replace(world.policy.timeline[0], pack=pack),)
    )
    found: Counter[tuple[str, str]] = Counter()
    control = [Timed(0, row), *(Timed(r.ingested_at_ms, r) for r in world.reports if r.reporter in people)]
    drive = Drive(
        Embedded(Policies(shipped(), "kr"), Keys(*DEMO_KEYS)),
        lambda d: found.update([(world.labels[d.event_id][1], d.verdict)]), lambda refused: None, control,
    )  # fmt: skip
    drive.run(raw_messages(sent, encoder().encode))
    return found


def test_equally_many_complain_about_both_shops_and_only_the_deliveries_tell_them_apart(world: World) -> None:
    name = "shop's line reported by who received it"
    vouched = _decided(world, name, {"channels": ["mo"]})
    assert vouched["attack", "BLOCK"] > 0 and vouched["twin", "BLOCK"] == 0
    assert _decided(world, name, {})["twin", "BLOCK"] > 0, "nobody vouches, so nothing follows from absence"
