"""The breaker agent and the sanction agent behind it, killed right after a table write and elsewhere: topics must equal
the pure steps over the same deltas."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from streams.contracts.reputation import Finding, PairTraffic, SanctionRow
from streams.engine.breaking import Pair, on_pair
from streams.engine.policy import Policies
from streams.engine.sanctioning import impose
from streams.packs import shipped
from tests.service.bed import AT, Bed

STEP = 10_000
CODE = "SENDER_REGISTRATION_EXPIRED"
BANKS = tuple(f"pair:sender:kr:1588000{n}>relay-7" for n in range(4))
# Each run dies there. The last delta of a pair and the last finding are among them. What commits comes last: it could
# leave the next order too few events.
KILLS = (
    "breaker:2:after-table-write",
    "breaker:1:after-send",
    "sanctions:1:after-table-write",
    "breaker:7:after-table-write",
    "breaker:9:before-commit",
)


def deltas() -> list[PairTraffic]:
    """Four banks that pass and then fail; the first recovers, the second is spoofed only, the fourth never passed."""
    found = []
    for n, subject in enumerate(BANKS):
        for epoch in range(12):
            fails = epoch >= 4 and not (n == 0 and epoch >= 7)
            found.append(
                PairTraffic(
                    subject=subject, epoch=AT // STEP + epoch, epoch_ms=STEP, partition=0, first_offset=100 * epoch,
                    next_offset=100 * epoch + 100, passed=0 if fails or n == 3 else 7,
                    failed={CODE: {"row" if n == 1 else "generation": 9}} if fails else {},
                )
            )  # fmt: skip
    return sorted(found, key=lambda delta: delta.epoch)


def model() -> list[SanctionRow]:
    """What the steps make of the deltas, one by one."""
    policy = Policies(shipped(), "kr").default
    pairs: dict[str, Pair | None] = {}
    rows: dict[str, SanctionRow] = {}
    for delta in deltas():
        pairs[delta.subject], findings = on_pair(pairs.get(delta.subject), delta, policy)
        for finding in findings:
            rows[finding.subject] = impose(rows.get(finding.subject), finding)
    return [rows[subject] for subject in sorted(rows)]


@pytest.fixture(scope="module")
def bed(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    bed = Bed.made(
        kafka, "breaker", tmp_path_factory.mktemp("breaker"), (("breaker", "pairs"), ("sanctions", "findings"))
    )
    bed.garbage("pairs", BANKS[0])
    bed.send("pairs", [(delta.subject, delta) for delta in deltas()])
    bed.kill(KILLS)
    bed.settle()
    yield bed


def test_every_worker_died_where_it_was_told(bed: Bed) -> None:
    assert bed.codes == [-9] * len(KILLS) + [0]


def test_sanctions_are_exactly_those_of_the_model(bed: Bed) -> None:
    last = {key: value for _, key, value in bed.read("sanctions")}
    rows = [msgspec.json.decode(value, type=SanctionRow) for _, value in sorted(last.items())]
    assert rows == model()
    assert [row.subject for row in rows] == [BANKS[0], BANKS[2]]
    assert [row.timeline[0].end_recorded_at_ms is not None for row in rows] == [True, False]


def test_only_pairs_that_passed_are_kept(bed: Bed) -> None:
    keys = {key.decode() for _, key, _ in bed.read_topic(f"{bed.prefix}agents.breaker.changelog")}
    assert keys == set(BANKS[:3])


def test_findings_are_of_the_breaker_and_what_is_no_delta_is_a_dead_letter(bed: Bed) -> None:
    found = [msgspec.json.decode(v, type=Finding) for _, _, v in bed.read("findings")]
    assert {(f.source, f.reason) for f in found} == {("breaker", "FALSE_BLOCKS"), ("breaker", "RELIEF_ENDED")}
    assert {value for _, _, value in bed.read("pairs.dead")} == {b"{"}
