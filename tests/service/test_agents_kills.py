"""The real agents, killed right after a table write and at other points; topics must equal the embedded model."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.messages import Route
from streams.contracts.reports import Report
from streams.contracts.reputation import Finding, SanctionRow, Vote
from streams.contracts.settings import SettingsRequest, SettingsRow, Wishes
from streams.engine.attribution import attribute
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.settling import settle
from streams.packs import shipped
from streams.replay.embedded import Embedded
from tests.service.bed import AT, Bed
from tests.service.bed import PARTITIONS as PARTITIONS

SPAMMERS = ("01055501111", "01055502222", "01055503333")
REPORTERS = 7
ROAD = (
    ("reports", "reports"), ("tally", "votes"), ("sanctions", "findings"), ("settings", "settings.requests"),
)  # fmt: skip
# Each run dies there. The last one of a report, of a vote and of a finding are among them. Only the last order commits
# while it waits for its agent: before another it could leave that too few events.
KILLS = (
    "reports:1:after-table-write",
    "reports:5:after-send",
    "tally:4:after-table-write",
    "sanctions:1:after-table-write",
    "tally:9:after-send",
    "sanctions:2:after-table-write",
    "sanctions:3:after-handler",
    "settings:1:after-table-write",
    "settings:3:after-send",
    "settings:5:after-table-write",
    "tally:3:before-commit",
)
ME, YOU = "~" + "1" * 20, "~" + "2" * 20


def reports() -> list[Report]:
    """Seven people report each of three lines that show their own number; some reports come twice."""
    found = [
        Report(
            report_id=f"r-{line}-{person}",
            message_at_ms=AT,
            reported_at_ms=AT + 60_000 * person,
            ingested_at_ms=AT + 60_000 * person + 500,
            displayed_sender=line,
            origin_number=line,
            route=Route(),
            channel="mo",
            traffic_class="p2p",
            reporter=f"8210555{person:05d}",
            text="cheap loans, call now",
        )
        for person in range(REPORTERS)
        for line in SPAMMERS
    ]
    return [*found, *found[::4]]


def requests() -> list[SettingsRequest]:
    """Two recipients set their rules, one of them twice, one erases them; the last request is the last of its key."""

    def asks(number: int, recipient: str, wishes: Wishes | None) -> SettingsRequest:
        return SettingsRequest(request_id=f"s{number}", recipient=recipient, recorded_at_ms=AT + number, wishes=wishes)

    return [
        asks(1, ME, Wishes(block=("kr:15881234",))),
        asks(2, YOU, Wishes(unknown=True)),
        asks(3, ME, Wishes(keywords=("loans",))),
        asks(4, YOU, None),
        asks(5, ME, Wishes(mode="allow_only")),
    ]


def settled_rows() -> dict[bytes, SettingsRow]:
    """The settings that the requests come to."""
    rows: dict[bytes, SettingsRow] = {}
    for request in requests():
        key = request.recipient.encode()
        rows[key] = settle(rows.get(key), request)
    return rows


def model() -> Embedded:
    """What one process makes of the same reports."""
    embedded = Embedded(Policies(shipped(), "kr"), Keys(*DEMO_KEYS))
    for report in reports():
        embedded.report(report)
    return embedded


@pytest.fixture(scope="module")
def bed(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    bed = Bed.made(kafka, "kills", tmp_path_factory.mktemp("agents"), ROAD)
    bed.send("reports", [(r.report_id, r) for r in reports()])
    bed.send("settings.requests", [(r.recipient, r) for r in requests()])
    bed.kill(KILLS)
    bed.settle()
    yield bed


def test_every_worker_died_where_it_was_told_and_the_last_stopped_gracefully(bed: Bed) -> None:
    assert bed.codes == [-9] * len(KILLS) + [0]


def test_sanctions_are_exactly_those_of_the_model(bed: Bed) -> None:
    last = {key: value for _, key, value in bed.read("sanctions")}
    rows = [msgspec.json.decode(value, type=SanctionRow) for _, value in sorted(last.items())]
    assert rows == model().sanctions()
    assert {e.step for row in rows for e in row.timeline} == {"WARN", "TEMP_BLOCK"}


def test_settings_and_their_history_are_those_of_the_model(bed: Bed) -> None:
    last = {key: msgspec.json.decode(value, type=SettingsRow) for _, key, value in bed.read("settings")}
    assert last == settled_rows()
    history = {(key, value) for _, key, value in bed.read("settings.history")}
    held = {(key, value) for _, key, value in bed.read("settings")}
    assert held <= history


def test_votes_are_those_of_the_model_each_at_least_once(bed: Bed) -> None:
    votes = {value for _, _, value in bed.read("votes")}
    embedded = model()
    expected = {
        encoder().encode(vote)
        for report in reports()
        for vote in attribute(report, embedded.view, embedded.policies, embedded.keys)
    }
    assert votes == expected
    assert all(isinstance(msgspec.json.decode(v, type=Vote), Vote) for v in votes)


def test_findings_are_those_of_the_model_and_what_is_beyond_them_was_withdrawn(bed: Bed) -> None:
    """Votes of several epochs may arrive in any order: a finding that no longer follows is withdrawn under its id."""
    found = [msgspec.json.decode(v, type=Finding) for _, _, v in bed.read("findings")]
    withdrawn = {f.releases for f in found if f.releases is not None}
    said = {f.finding_id: (f.subject, f.step, f.from_ms) for f in found if f.releases is None}
    held = {f.finding_id: (f.subject, f.step, f.from_ms) for f in model().findings}
    assert held.items() <= said.items()
    assert said.keys() - held.keys() <= withdrawn


def test_tables_rebuilt_on_an_empty_disk_say_the_same(bed: Bed) -> None:
    before = {key: value for _, key, value in bed.read("sanctions")}
    at = AT + 60_000 * REPORTERS
    late = msgspec.structs.replace(
        reports()[0], report_id="r-late", reporter="821055599999", reported_at_ms=at, ingested_at_ms=at
    )
    bed.send("reports", [(late.report_id, late)])
    bed.settle("empty")
    # One more vote on a line that is under sanction already: its row stays, and the others' do too.
    assert {key: value for _, key, value in bed.read("sanctions")} == before
