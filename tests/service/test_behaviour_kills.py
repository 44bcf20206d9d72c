"""The behaviour agent and the sanction agent behind it, killed right after a table write and elsewhere: topics must
equal the pure steps over the same deltas."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from streams.contracts.reputation import Finding, SanctionRow
from streams.contracts.shapes import Shape, Shapes
from streams.engine.behaving import Subject, on_shapes
from streams.engine.policy import Policies
from streams.engine.sanctioning import impose
from streams.packs import shipped
from tests.service.bed import AT, Bed

EPOCH = 60_000
LINES = tuple(f"sender:~{n}{'a' * 19}#0" for n in range(3))
# Each run dies there. The last delta of a line and the last finding are among them.
KILLS = ("behaviour:5:after-table-write", "behaviour:3:after-send", "sanctions:1:after-table-write")


def deltas() -> list[Shapes]:
    """Two lines go over their cap, one of them long after the others have stopped; the third stays below."""
    found = [
        Shapes(
            subject=subject, epoch=AT // EPOCH + epoch, epoch_ms=EPOCH, partition=n % 2, first_offset=100 * epoch,
            next_offset=100 * epoch + 100, legs={"termination": Shape(sent=sent, recipients=((epoch, 1),))},
        )
        for n, (subject, sent, last) in enumerate(zip(LINES, (130, 45, 30), (6, 14, 14), strict=True))
        for epoch in range(last)
    ]  # fmt: skip
    return sorted(found, key=lambda delta: delta.epoch)


def model() -> tuple[list[SanctionRow], dict[str, Subject]]:
    """What the steps make of the deltas, one by one."""
    policy = Policies(shipped(), "kr").default
    states: dict[str, Subject] = {}
    rows: dict[str, SanctionRow] = {}
    for delta in deltas():
        states[delta.subject], findings = on_shapes(states.get(delta.subject), delta, policy)
        for finding in findings:
            rows[finding.subject] = impose(rows.get(finding.subject), finding)
    return [rows[subject] for subject in sorted(rows)], states


@pytest.fixture(scope="module")
def bed(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    road = (("behaviour", "shapes"), ("sanctions", "findings"))
    bed = Bed.made(kafka, "behaviour", tmp_path_factory.mktemp("behaviour"), road)
    bed.garbage("shapes", LINES[0])
    bed.send("shapes", [(delta.subject, delta) for delta in deltas()])
    bed.kill(KILLS)
    bed.settle()
    yield bed


def test_every_worker_died_where_it_was_told(bed: Bed) -> None:
    assert bed.codes == [-9] * len(KILLS) + [0]


def test_sanctions_and_states_are_exactly_those_of_the_model(bed: Bed) -> None:
    wanted, states = model()
    last = {key: value for _, key, value in bed.read("sanctions")}
    rows = [
        msgspec.structs.replace(
            row, timeline=tuple(msgspec.structs.replace(e, appeal_until_ms=None) for e in row.timeline)
        )
        for row in (msgspec.json.decode(value, type=SanctionRow) for _, value in sorted(last.items()))
    ]
    assert rows == wanted
    assert [row.subject for row in rows] == list(LINES[:2])
    held = {key.decode(): value for _, key, value in bed.read_topic(f"{bed.prefix}agents.behaviour.changelog")}
    assert {name: msgspec.json.decode(value, type=Subject) for name, value in held.items()} == states


def test_each_cap_is_told_with_what_went_over_and_what_is_no_shape_is_a_dead_letter(bed: Bed) -> None:
    found = [msgspec.json.decode(v, type=Finding) for _, _, v in bed.read("findings")]
    assert {(f.source, f.reason, f.step) for f in found} == {("behaviour", "DAILY_CAP", "THROTTLE")}
    assert {f.counts["over"] for f in found if "over" in f.counts} == {150, 85}
    assert {value for _, _, value in bed.read("shapes.dead")} == {b"{"}
