"""Attribution: against whom does a report count? The owner of a spoofed number is a victim, never charged."""

from typing import Any

import pytest

from streams.contracts.feeds import RegistryValue
from streams.contracts.registry import PermissionEntry, PermissionRow
from streams.contracts.reputation import Vote
from streams.engine.attribution import ReportRefused, attribute
from streams.engine.fingerprint import fingerprint
from streams.engine.pseudonym import person_key, state_pseudonym
from tests.engine.kit import BANK, DAY, HOUR, KEYS, MINUTE, PHONE, T, alive, number, policies, report, sender, view

TEXT = "win 500 at lucky.example"
MARK = fingerprint(TEXT)
PERSON = f"sender:{state_pseudonym(KEYS, 'kr:' + PHONE)}#0"
BOUND = sender(relays=("relay-7",))
OVER = {"relay_id": "relay-7"}
WEB = {"displayed_sender": BANK, "route": OVER, "text": TEXT}
HANDSET = {"channel": "mo", "origin_number": PHONE, "text": TEXT}
CAMPAIGN = (f"campaign:relay-7×{MARK}", "count")


def votes(rows: list[RegistryValue], **over: Any) -> tuple[Vote, ...]:
    return attribute(report(**over), view(*rows), policies(), KEYS)


def charged(rows: list[RegistryValue], **over: Any) -> list[tuple[str, str]]:
    return [(v.subject, v.basis) for v in votes(rows, **over)]


CASES: list[tuple[str, list[RegistryValue], dict[str, Any], list[tuple[str, str]]]] = [
    ("route binding PASS: the sender, by rate, never a campaign", [BOUND], WEB, [(f"sender:kr:{BANK}#0", "rate")]),
    ("… and the account, if named", [BOUND], WEB | {"route": OVER | {"account_id": "a1"}},
     [(f"sender:kr:{BANK}#0", "rate"), ("account:a1", "rate")]),
    ("origin = display: sender and campaign, by count", [], HANDSET,
     [(PERSON, "count"), (f"campaign:-×{MARK}", "count")]),
    ("… over a relay", [], HANDSET | {"route": OVER}, [(PERSON, "count"), CAMPAIGN]),
    ("spoofed on the handset's channel", [], HANDSET | {"origin_number": "01055502222"},
     [(f"campaign:-×{MARK}", "count")]),
    ("spoofed over the web: campaign and the relay's ledger", [], WEB | {"displayed_sender": PHONE},
     [CAMPAIGN, ("relay:relay-7", "count")]),
    ("a bank's number over a wrong route", [BOUND], WEB | {"route": {"relay_id": "relay-8"}},
     [(f"campaign:relay-8×{MARK}", "count"), ("relay:relay-8", "count")]),
    ("a route that is UNKNOWN proves nobody", [sender()], WEB, [CAMPAIGN, ("relay:relay-7", "count")]),
    ("a shared sender proves nobody", [sender(relays=("relay-7",), shared=True)], WEB,
     [CAMPAIGN, ("relay:relay-7", "count")]),
    ("one FAIL is enough: not genuine", [number("suspended"), *alive()], HANDSET,
     [(f"campaign:-×{MARK}", "count")]),
    ("… also where the route binding is PASS", [BOUND, number("suspended", f"kr:{BANK}"), *alive()], WEB,
     [CAMPAIGN, ("relay:relay-7", "count")]),
    ("no text: the relay's ledger alone", [], {"displayed_sender": BANK, "route": OVER}, [("relay:relay-7", "count")]),
    ("nothing to hold on to", [], {}, []),
    ("not spam is no vote", [], HANDSET | {"category": "not_spam"}, []),
    ("a permission authenticates", [PermissionRow(key=f"permission:kr:{PHONE}>kr:{BANK}",
     timeline=(PermissionEntry(),))], HANDSET | {"displayed_sender": BANK},
     [(f"sender:kr:{BANK}#0", "count"), (f"campaign:-×{MARK}", "count")]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "rows", "over", "expected"), CASES, ids=[c[0] for c in CASES])
def test_attribution(
    what: str, rows: list[RegistryValue], over: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert charged(rows, **over) == expected


def test_the_number_on_the_display_is_charged_only_when_it_is_proved() -> None:
    for _, rows, over, expected in CASES:
        senders = [subject for subject, _ in charged(rows, **over) if subject.startswith("sender:")]
        assert senders == [subject for subject, _ in expected if subject.startswith("sender:")]


def test_the_rows_of_the_messages_time_judge() -> None:
    later = [sender(relays=("relay-7",), from_ms=T + 1), *alive()]
    assert charged(later, **WEB) == [CAMPAIGN, ("relay:relay-7", "count")]
    ended_since: list[RegistryValue] = [sender(relays=("relay-7",), to_ms=T + MINUTE)]
    assert charged(ended_since, **WEB) == [(f"sender:kr:{BANK}#0", "rate")]


def test_a_vote_carries_what_the_tally_needs() -> None:
    (vote, *_) = votes([], **HANDSET, reporter="+821055509999", reporter_group="family-1", category="gambling")
    assert vote.reporter == person_key(KEYS, "821055509999")
    assert (vote.group, vote.category, vote.report_id, vote.leg) == ("family-1", "gambling", "r0", "termination")
    assert (vote.message_at_ms, vote.reported_at_ms, vote.ingested_at_ms) == (T, T + HOUR, T + HOUR)


TIMES = [
    ("reported as it was ingested", T, T + HOUR, T + HOUR, ""),
    ("a clock five minutes ahead", T, T + HOUR, T + HOUR - 5 * MINUTE, ""),
    ("reported after it was ingested", T, T + HOUR, T + HOUR - 5 * MINUTE - 1, "REPORT_FROM_THE_FUTURE"),
    ("reported before the message came", T, T - 5 * MINUTE - 1, T + HOUR, "REPORT_FROM_THE_FUTURE"),
    ("seven days late", T, T + HOUR, T + HOUR + 7 * DAY, ""),
    ("later than that", T, T + HOUR, T + HOUR + 7 * DAY + 1, "REPORT_TOO_LATE"),
    ("a century ahead", T + 36_525 * DAY, T, T, "REPORT_FROM_THE_FUTURE"),
    ("about a message of a century ago", T - 36_525 * DAY, T, T, ""),
    ("all of it a century ago", T - 36_525 * DAY, T - 36_525 * DAY, T - 36_525 * DAY, ""),
]


@pytest.mark.parametrize(("what", "sent", "reported", "ingested", "reason"), TIMES, ids=[c[0] for c in TIMES])
def test_times(what: str, sent: int, reported: int, ingested: int, reason: str) -> None:
    over = HANDSET | {"message_at_ms": sent, "reported_at_ms": reported, "ingested_at_ms": ingested}
    if not reason:
        assert votes([], **over)
        return
    with pytest.raises(ReportRefused) as refused:
        votes([], **over)
    assert refused.value.reason == reason


def test_one_person_is_one_voter_however_the_number_is_written() -> None:
    spellings = ("01055509999", "821055509999", "+82 10-5550-9999", "00821055509999")
    assert len({vote.reporter for r in spellings for vote in votes([], **HANDSET, reporter=r)}) == 1


def test_who_did_not_receive_it_weighs_a_tenth_at_most() -> None:
    def weigh(**over: Any) -> int:
        return votes([], **HANDSET, **over)[0].weight_permille

    assert weigh() == 1000
    assert weigh(received=True) == 1000
    assert weigh(received=None) == 1000, "not known changes nothing"
    assert weigh(received=False) == 100
    assert weigh(received=False, weight_permille=40) == 40
    assert weigh(weight_permille=500, source="kisa") == 500


def test_a_vote_names_its_source() -> None:
    assert votes([], **HANDSET, source="kisa")[0].source == "kisa"


def test_without_a_text_the_delivered_one_names_the_campaign() -> None:
    assert charged([], **(HANDSET | {"text": None}), fingerprint=MARK)[1] == (f"campaign:-×{MARK}", "count")
