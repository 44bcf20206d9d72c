"""What a world promises, whatever its seed: sizes, order, times, records that fit the contracts, the same bytes."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import phonenumbers
import pytest

from streams.contracts.base import encoder
from streams.contracts.feeds import Heartbeat, Manifest, RegistryValue, decode_registry, key_of
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import BlockRow, SenderRow
from streams.contracts.reports import Report
from streams.demo import MAX_MESSAGES, MIN_MESSAGES, World, build_world, write_inputs
from streams.demo.beats import VOIP_BACK_MS, VOIP_STALE_MS
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, EPOCH_MS, HISTORY_FROM_MS
from streams.demo.numbers import displayed
from streams.demo.pairs import PAIRS
from streams.engine.feeds import merge_heartbeat
from streams.errors import InputError

ROOT = Path(__file__).parents[2]


def _digest(directory: Path) -> str:
    held = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        held.update(path.name.encode() + path.read_bytes())
    return held.hexdigest()


def test_same_seed_same_bytes_in_every_process(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from streams.demo import build_world, write_inputs
        write_inputs(build_world(5, 28_000), Path(sys.argv[1]))
    """
    digests = set()
    for hash_seed in ("0", "4711"):
        out = tmp_path / hash_seed
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code, str(out)], check=True, env=env)
        digests.add(_digest(out))
    assert len(digests) == 1
    write_inputs(build_world(6, 28_000), tmp_path / "other")
    assert _digest(tmp_path / "other") not in digests


@pytest.mark.parametrize("messages", [0, MIN_MESSAGES - 1, MAX_MESSAGES + 1])
def test_impossible_size_is_refused(messages: int) -> None:
    with pytest.raises(InputError, match="the demo needs between"):
        build_world(1, messages)


@pytest.mark.parametrize("messages", [MIN_MESSAGES, 28_001, 31_337])
def test_as_many_messages_as_asked_for(messages: int) -> None:
    assert len(build_world(-1, messages).messages) == messages


def test_every_message_is_labelled_and_every_side_large_enough(world: World) -> None:
    assert len(world.labels) == len(world.messages) == len({m.event_id for m in world.messages})
    sizes = Counter(world.labels.values())
    for pair in world.pairs:
        assert sizes[pair.name, "attack"] >= 100, pair.name
        assert sizes[pair.name, "twin"] >= 100, pair.name
    assert len(world.pairs) == len(PAIRS)
    assert sizes["background", "twin"] >= 1_000


def test_full_size_has_the_banks_codes_and_the_cast() -> None:
    world = build_world(3)
    sizes = Counter(world.labels.values())
    assert len(world.messages) == 200_000
    assert sizes["reported registered sender", "twin"] == 50_000
    keys = {key_of(value) for _, value in world.feeds if not isinstance(value, BlockRow)}
    rows = Counter(key.partition(":")[0] for key in keys)
    assert rows["relay"] >= 20 and (rows["reseller"], rows["account"]) == (60, 2_000)


def test_messages_come_in_order_within_their_epoch(world: World) -> None:
    ingested = [m.ingested_at_ms for m in world.messages]
    assert ingested == sorted(ingested)
    assert world.messages[0].event_time_ms >= DAY_FROM_MS and world.messages[-1].ingested_at_ms < DAY_TO_MS
    for message in world.messages:
        assert 0 <= message.ingested_at_ms - message.event_time_ms <= 500
        assert message.event_time_ms // EPOCH_MS == message.ingested_at_ms // EPOCH_MS


def test_reports_come_in_order_after_their_message(world: World) -> None:
    ingested = [r.ingested_at_ms for r in world.reports]
    assert ingested == sorted(ingested)
    assert HISTORY_FROM_MS <= ingested[0] < DAY_FROM_MS and ingested[-1] < DAY_TO_MS
    assert all(r.message_at_ms <= r.reported_at_ms <= r.ingested_at_ms for r in world.reports)
    wrong = sum(r.category == "not_spam" for r in world.reports)
    assert wrong * 100 >= 4 * len(world.reports)
    assert len({r.category for r in world.reports}) >= 6


def _ingest_time(value: RegistryValue) -> int:
    if isinstance(value, Heartbeat):
        return max(beat.recorded_at_ms for beat in value.beats)
    if isinstance(value, Manifest):
        return value.from_ms
    if isinstance(value, BlockRow):
        return value.current.as_of_ms
    return max(max(e.recorded_at_ms, e.end_recorded_at_ms or 0) for e in value.timeline)


def test_feeds_come_in_order_and_their_time_can_be_read_from_the_value(world: World) -> None:
    times = [ms for ms, _ in world.feeds]
    assert times == sorted(times)
    assert times == [_ingest_time(value) for _, value in world.feeds]


def _dropped(value: RegistryValue) -> bool:
    return isinstance(value, SenderRow) and any(entry.dropped_by is not None for entry in value.timeline)


def test_manifests_stand_behind_their_rows(world: World) -> None:
    values = [value for _, value in world.feeds]
    manifests = [i for i, value in enumerate(values) if isinstance(value, Manifest)]
    assert len(manifests) == 8
    rows = [i for i, v in enumerate(values) if key_of(v).startswith(("sender:", "account:", "block:", "relay:"))]
    senders = [i for i in rows if not _dropped(values[i])]  # what a later import drops comes with that one
    assert max(senders) < min(manifests)
    assert sum(v.rows for v in values if isinstance(v, Manifest)) > 3_000


def test_only_the_voip_feed_is_ever_stale(world: World) -> None:
    merged: dict[str, Heartbeat] = {}
    for _, value in world.feeds:
        if isinstance(value, Heartbeat):
            merged[value.feed] = merge_heartbeat(merged.get(value.feed), value, 12 * 86_400_000)
    for feed, heartbeat in merged.items():
        spans = [(b.recorded_at_ms, b.fresh_until_ms) for b in heartbeat.beats]
        assert spans[0][0] < HISTORY_FROM_MS and spans[-1][1] >= DAY_TO_MS
        assert [(a[1], b[0]) for a, b in zip(spans, spans[1:], strict=False)] == (
            [(VOIP_STALE_MS, VOIP_BACK_MS)] if feed == "kr-voip-status" else []
        )


def test_every_record_fits_its_contract(world: World) -> None:
    encode = encoder().encode
    for records, kind in (
        (world.messages, Message),
        (world.reports, Report),
        ([world.policy, *world.abroad], PolicyRow),
    ):
        decode = msgspec.json.Decoder(kind).decode
        assert all(decode(encode(record)) == record for record in records)
    assert all(decode_registry(key_of(value), encode(value)) == value for _, value in world.feeds)


def test_numbers_are_valid_by_plan_and_nobodys(world: World) -> None:
    nobody = re.compile(r"010[01]\d{7}|0(2|[3-6]\d)1[0-4]\d{6}|0700\d{7}|1[568]\d{6}|\+1202555010?\d+")
    addresses = {displayed(m.sender) for m in world.messages if not any(c.isalpha() for c in m.sender.address)}
    shown = {address.removeprefix("@") for address in addresses}  # a handle may be all digits
    origins = {m.origin_number for m in world.messages if m.origin_number}
    recipients = {"0" + m.recipient[2:] for m in world.messages[::50] if m.jurisdiction is None}
    for number in shown | origins | recipients:
        assert nobody.fullmatch(number), number
    abroad = {m.recipient for m in world.messages if m.jurisdiction is not None and m.leg == "termination"}
    assert abroad
    assert all(re.fullmatch(r"(65|84)1\d{7}", number) for number in abroad)
    for number in sorted(shown)[::25] + sorted(recipients)[::25]:
        assert phonenumbers.is_valid_number(phonenumbers.parse(number, "KR")), number


def test_both_legs_and_all_channels_of_the_day_appear(world: World) -> None:
    seen = Counter((m.leg, m.channel, m.traffic_class) for m in world.messages)
    for leg in ("origination", "termination"):
        assert seen[leg, "mt", "a2p"] and seen[leg, "rcs", "a2p"]
    assert seen["termination", "mo", "p2p"] and seen["termination", "mt", "p2p"]
    stamped = Counter(m.upstream is not None for m in world.messages if m.leg == "termination" and m.route.relay_id)
    assert stamped[True] and stamped[False]
    assert not any(m.upstream for m in world.messages if m.leg == "origination")


def test_written_files_hold_the_world(small: World, tmp_path: Path) -> None:
    write_inputs(small, tmp_path)
    lines = {path.stem: path.read_bytes().splitlines() for path in tmp_path.iterdir()}
    assert set(lines) == {
        "registry", "policy", "reports", "settings", "blacklists", "jobs", "directives", "orders", "appeals",
        "messages", "labels",
    }  # fmt: skip
    assert len(lines["registry"]) == len(small.feeds) and len(lines["reports"]) == len(small.reports)
    assert msgspec.json.decode(lines["messages"][0], type=Message) == small.messages[0]
    first = msgspec.json.decode(lines["labels"][0])
    assert (first["pair"], first["side"]) == small.labels[first["event_id"]]
