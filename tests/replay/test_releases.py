"""Releases in an embedded run: enough of them open a review, and only what a person decides reaches the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.releases import Release
from streams.contracts.reputation import Finding
from streams.engine.policy import Policies
from streams.engine.sanctioning import person_id
from streams.packs import shipped
from streams.replay.drive import Drive, Raw, Refused, Timed
from streams.replay.embedded import Embedded
from streams.replay.files import Inputs
from streams.replay.records import read_control
from tests.engine.kit import KEYS, MINUTE, T, a2p, published, raw

WHO = "sender:kr:15889999#0"
ORDER = Finding(
    subject=WHO, finding_id=person_id("carrier", "d1"), source="person", step="BLOCK", from_ms=T, recorded_at_ms=T,
    reason="PROHIBITED_CONTENT", reference="d1", version=1, urgent="it goes on",
)  # fmt: skip
MINUTES = (0, 2, 10, 20, 21, 22, 30)


def release(number: int) -> Release:
    at_ms = T + 5 * MINUTE + number
    return Release(
        release_id=f"r{number}", act="release", subject=WHO, recipient=f"~{number:020x}", released_at_ms=at_ms,
        recorded_at_ms=at_ms,
    )  # fmt: skip


def run(*control: Any) -> tuple[Embedded, list[bool], list[str]]:
    """(the carrier, whether each of a few messages met the order, reasons of dead lines)."""
    embedded, decided, refused = Embedded(Policies(shipped(), "kr"), KEYS), list[Decision](), list[Refused]()
    timed = [Timed(0, published(releases={"min_releasers": 3}))]
    timed += [Timed(record.recorded_at_ms, record, "f:1", b"") for record in (ORDER, *control)]
    sent = [a2p("15889999", event_id=f"e{n}", event_time_ms=T + n * MINUTE) for n in MINUTES]
    Drive(embedded, decided.append, refused.append, timed).run(Raw("", raw(m)) for m in sent)
    met = [any(reason.code == ORDER.reason for reason in d.reasons) for d in decided]
    return embedded, met, [r.reason for r in refused]


def decision(act: Any, review: str) -> Release:
    return Release(
        release_id="d1", act=act, subject=WHO, review_id=review, sanction_id=ORDER.finding_id, grounds="file-1",
        recorded_at_ms=T + 20 * MINUTE,
    )  # fmt: skip


def test_releases_open_a_review_and_do_nothing_else() -> None:
    embedded, met, refused = run(*map(release, (1, 2)))
    assert (embedded.reviews, refused) == ({}, [])
    embedded, met, refused = run(*map(release, (1, 2, 3, 3)))
    (review,) = embedded.reviews.values()
    assert (review.subject, review.releasers, review.outcome) == (WHO, 3, None)
    assert met == [False, *[True] * 6], "the sanction stands"


@pytest.mark.parametrize(("act", "after"), [("overturn", [True, True, False, False]), ("confirm", [True] * 4)])
def test_what_a_person_decides_counts_from_the_second_epoch_after_its_own(act: str, after: list[bool]) -> None:
    three = [release(n) for n in (1, 2, 3)]
    (review_id,) = run(*three)[0].reviews
    embedded, met, refused = run(*three, decision(act, review_id))
    assert (met, refused, embedded.late_enforcement) == ([False, True, True, *after], [], 0)
    assert embedded.reviews[review_id].outcome == ("overturned" if act == "overturn" else "confirmed")


def test_a_decision_on_no_review_is_a_dead_line_and_ends_nothing() -> None:
    _, met, refused = run(decision("overturn", "nothing"))
    assert (met, refused) == ([False, *[True] * 6], ["NO_SUCH_REVIEW"])


def test_releases_are_read_from_files(tmp_path: Path) -> None:
    file, refused = tmp_path / "releases.ndjson", list[Refused]()
    file.write_bytes(b"\n".join([encoder().encode(release(1)), b'{"act":"release"}']) + b"\n")
    (timed,) = Inputs(messages=(), releases=(str(file),)).control(refused.append)
    assert (timed.record, timed.at_ms) == (release(1), release(1).recorded_at_ms)
    assert [r.reason for r in refused] == ["NOT_A_RECORD_OF_RELEASES"]
    assert list(read_control("releases", [], refused.append)) == []
