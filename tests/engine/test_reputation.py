"""Sanctions at the message: which touch it, the strictest of each subject, and what they do."""

from typing import Any

import msgspec
import pytest

from streams.contracts.messages import Message
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.engine.fingerprint import fingerprint
from streams.engine.pseudonym import state_pseudonym
from streams.engine.reputation import LABELLED
from streams.engine.subjects import campaign_subject
from tests.engine.kit import BANK, HOUR, KEYS, MINUTE, PHONE, T, a2p, decide, message, number, sanction, sender, view

HERE = f"sender:kr:{BANK}#0"
TEXT = "win 500 at lucky.example"
CAMPAIGN = campaign_subject("relay-7", fingerprint(TEXT) or "")
PERSON = f"sender:{state_pseudonym(KEYS, 'kr:' + PHONE)}"


def answer(sent: Message, *held: SanctionRow, bound: bool = False) -> str:
    rows = [sender(relays=("relay-7",))] if bound else []
    found = decide(sent, view(*rows, sanctions=held))
    return f"{found.verdict} {found.won}"


ALLOWED, SANCTION, DIRECTIVE = "ALLOW default", "BLOCK sanction", "BLOCK directive"
STEPS = [("OBSERVE", ALLOWED), ("WARN", ALLOWED), ("THROTTLE", SANCTION), ("TEMP_BLOCK", SANCTION), ("BLOCK", SANCTION)]


@pytest.mark.parametrize(("step", "expected"), STEPS)
def test_what_a_step_does(step: str, expected: str) -> None:
    assert answer(a2p(), sanction(HERE, step)) == expected


TIMES: list[tuple[str, dict[str, Any], str]] = [
    ("begun", {"from_ms": T}, SANCTION),
    ("not begun", {"from_ms": T + 1}, ALLOWED),
    ("not ended", {"to_ms": T + 1}, SANCTION),
    ("ended", {"to_ms": T}, ALLOWED),
    ("written down later", {"recorded_at_ms": T + 1}, ALLOWED),
    ("on this leg", {"scope": {"legs": ["termination"]}}, SANCTION),
    ("on the other leg", {"scope": {"legs": ["origination"]}}, ALLOWED),
    ("on this channel", {"scope": {"channels": ["mt"]}}, SANCTION),
    ("on another channel", {"scope": {"channels": ["rcs"]}}, ALLOWED),
    ("by the regulator", {"authority": "regulator"}, DIRECTIVE),
    ("a warning by the regulator", {"authority": "regulator", "step": "WARN"}, ALLOWED),
]


@pytest.mark.parametrize(("what", "over", "expected"), TIMES, ids=[c[0] for c in TIMES])
def test_when_and_where_it_counts(what: str, over: dict[str, Any], expected: str) -> None:
    fields = {"sanction_id": "s1", "step": "TEMP_BLOCK", "from_ms": T - HOUR, "reason": "R"} | over
    row = SanctionRow(subject=HERE, timeline=(msgspec.convert(fields, SanctionEntry),))
    assert answer(a2p(), row) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (HERE, SANCTION),
        ("account:acct-1", SANCTION),
        ("reseller:rs-1", SANCTION),
        ("reseller:rs-2", SANCTION),
        ("relay:relay-7", SANCTION),
        (CAMPAIGN, SANCTION),
        (campaign_subject("relay-8", fingerprint(TEXT) or ""), ALLOWED),
        (f"sender:kr:{BANK}#1", ALLOWED),
        ("account:acct-2", ALLOWED),
    ],
)
def test_whom_it_touches(subject: str, expected: str) -> None:
    sent = a2p(text=TEXT, route={"account_id": "acct-1", "chain": ("rs-1", "rs-2")})
    assert answer(sent, sanction(subject)) == expected


def test_a_campaign_sanction_never_touches_a_proved_route() -> None:
    copied = a2p(text=TEXT)
    assert answer(copied, sanction(CAMPAIGN), bound=True) == ALLOWED
    assert answer(copied, sanction(CAMPAIGN), bound=False) == SANCTION
    assert answer(a2p(text=TEXT), sanction(CAMPAIGN, authority="regulator"), bound=True) == ALLOWED


def test_the_strictest_wins() -> None:
    def entry(name: str, step: str) -> SanctionEntry:
        return sanction(HERE, step, sanction_id=name, reason=step).timeline[0]

    entries = [entry("a", "WARN"), entry("b", "BLOCK"), entry("c", "TEMP_BLOCK"), entry("d", "THROTTLE")]
    for timeline in (entries, entries[::-1]):
        found = decide(a2p(), view(sanctions=[SanctionRow(subject=HERE, timeline=tuple(timeline))]))
        assert [r.code for r in found.reasons] == ["BLOCK"]


def test_a_directive_outranks_and_does_not_hide_a_sanction() -> None:
    one = sanction(HERE, "BLOCK", sanction_id="a", reason="CARRIER").timeline[0]
    two = sanction(HERE, "TEMP_BLOCK", sanction_id="b", reason="ORDER", authority="regulator").timeline[0]
    found = decide(a2p(), view(sanctions=[SanctionRow(subject=HERE, timeline=(one, two))]))
    assert [r.code for r in found.reasons] == ["ORDER", "CARRIER"]
    assert found.won == "directive"


def test_a_reissued_number_does_not_inherit() -> None:
    rows = view(number("active", owner_epoch=3), sanctions=[sanction(f"{PERSON}#2")])
    assert decide(message(), rows).verdict == "ALLOW"
    rows = view(number("active", owner_epoch=2), sanctions=[sanction(f"{PERSON}#2")])
    assert decide(message(), rows).verdict == "BLOCK"


def test_registering_a_number_shakes_nothing_off() -> None:
    registered = sender(f"kr:{PHONE}", relays=("relay-7",))
    rows = view(registered, sanctions=[sanction(f"{PERSON}#0")])
    assert decide(a2p(PHONE), rows).verdict == "BLOCK"


def throttled(share: int, at: int = T, **over: Any) -> list[str]:
    rows = view(sanctions=[sanction(HERE, "THROTTLE", share_permille=share)])
    sent = [a2p(event_id=f"e{n}", event_time_ms=at, ingested_at_ms=at, **over) for n in range(400)]
    return [decide(s, rows).action for s in sent]


@pytest.mark.parametrize("share", [0, 250, 1000])
def test_a_throttle_stops_its_share(share: int) -> None:
    stopped = throttled(share).count("THROTTLE")
    assert abs(stopped - 400 * share // 1000) <= (0 if share in (0, 1000) else 40)


def test_a_retry_keeps_its_first_id_and_has_a_new_chance_in_the_next_epoch() -> None:
    assert len(set(throttled(500, retry_of="first"))) == 1, "within an epoch all tries fare alike"
    first = [throttled(500, at=T + n * MINUTE, retry_of="first")[0] for n in range(12)]
    assert set(first) == {"THROTTLE", "DELIVER"}


def test_a_throttle_says_try_later() -> None:
    found = decide(a2p(), view(sanctions=[sanction(HERE, "THROTTLE", share_permille=1000)]))
    assert (found.verdict, found.action) == ("BLOCK", "THROTTLE")


AD, LABELS = {"scope": {"purpose": "advertising"}}, "ALLOW default LABEL"
STAMPED: list[tuple[str, dict[str, Any], str]] = [
    ("stamped so", {"purpose": "advertising"}, "BLOCK sanction REJECT"),
    ("stamped as something else", {"purpose": "transactional"}, "ALLOW default DELIVER"),
    ("nobody said", {}, LABELS),
    ("labelled", {"text": "(광고) 가을 할인"}, "BLOCK sanction REJECT"),
    ("labelled, whatever is stamped", {"text": "(광고) 가을", "purpose": "personal"}, "BLOCK sanction REJECT"),
    ("a text seen labelled", {"text": TEXT}, "BLOCK sanction REJECT"),
    ("a text seen labelled, stamped as something else", {"text": TEXT, "purpose": "transactional"},
     "BLOCK sanction REJECT"),
    ("another text", {"text": "your code is 1234"}, LABELS),
]  # fmt: skip


@pytest.mark.parametrize(("what", "over", "expected"), STAMPED, ids=[c[0] for c in STAMPED])
def test_advertising_only(what: str, over: dict[str, Any], expected: str) -> None:
    seen = sanction(LABELLED + (fingerprint(TEXT) or ""), "OBSERVE")
    found = decide(a2p(**over), view(sanctions=(row_of(AD), seen)))
    assert f"{found.verdict} {found.won} {found.action}" == expected


def row_of(*entries: dict[str, Any]) -> SanctionRow:
    every = [
        {"sanction_id": f"s{n}", "step": "TEMP_BLOCK", "from_ms": T - HOUR, "reason": "R"} | over
        for n, over in enumerate(entries)
    ]
    return SanctionRow(subject=HERE, timeline=tuple(msgspec.convert(e, SanctionEntry) for e in every))


def test_a_text_that_was_labelled_later_was_not_seen_yet() -> None:
    seen = sanction(LABELLED + (fingerprint(TEXT) or ""), "OBSERVE", from_ms=T + 1)
    assert decide(a2p(text=TEXT), view(sanctions=(row_of(AD), seen))).action == "LABEL"


def test_what_may_be_covered_hides_nothing_that_is() -> None:
    throttle = {"step": "THROTTLE", "share_permille": 1000}
    assert decide(a2p(), view(sanctions=(row_of(AD, throttle),))).action == "THROTTLE"


def test_the_purpose_of_no_sanction_is_not_asked() -> None:
    read = decide(a2p(text=TEXT), view(sanctions=(row_of({}),))).versions.read
    assert read == decide(a2p(text=TEXT, purpose="advertising"), view(sanctions=(row_of({}),))).versions.read


def test_a_labelled_text_is_named_by_the_rest_of_it() -> None:
    assert decide(a2p(text=f"(광고) {TEXT}"), view()).advertised == fingerprint(TEXT)
    assert decide(a2p(text=TEXT), view()).advertised is None


@pytest.mark.parametrize(("from_ms", "to_ms", "expected"), [
    (T, None, ALLOWED), (T, T + 1, ALLOWED), (T + 1, None, SANCTION), (T - 1, T, SANCTION), (None, None, SANCTION),
])  # fmt: skip
def test_what_an_appeal_suspends_does_not_count(from_ms: int | None, to_ms: int | None, expected: str) -> None:
    state = {
        "appeal_id": "a1", "filed_at_ms": T - HOUR, "decide_by_ms": T, "paused_from_ms": from_ms, "paused_to_ms": to_ms,
    }  # fmt: skip
    assert answer(a2p(), row_of({"appeals": [state]})) == expected


def test_every_order_in_force_shows() -> None:
    fields = {"step": "TEMP_BLOCK", "from_ms": T - HOUR, "authority": "regulator", "reason": "DIRECTIVE_SUSPEND"}
    entries = [
        msgspec.convert({"sanction_id": f"s{n}", "reference": f"KCC-{n}"} | fields, SanctionEntry) for n in (1, 2)
    ]
    found = decide(a2p(), view(sanctions=[SanctionRow(subject=HERE, timeline=tuple(entries))]))
    assert [check.evidence["reference"] for check in found.checks if check.check == "sanctions"] == ["KCC-1", "KCC-2"]
    assert [reason.code for reason in found.reasons] == ["DIRECTIVE_SUSPEND"] * 2
