"""Bands: an edited copy is the same campaign; a text that shares one band with it is not."""

import time

import pytest

from streams.contracts.reputation import SanctionRow
from streams.engine.fingerprint import BAND_PREFIX, bands, fingerprint
from streams.engine.policy import Policy
from streams.engine.subjects import campaign_subject, campaign_subjects
from tests.engine.kit import a2p, decide, policy, sanction, sender, view

LURE = (
    "Your parcel could not be delivered today, pay the customs fee of 3 200 won at http://parcel-9.example/pay now or "
    "it will be returned to the sender by the end of this week"
)
KOREAN = (
    "고객님의 택배가 반송 처리되었습니다 주소를 확인하시고 관세 3,200원을 오늘 안에 납부해 주세요 http://p-1.example"
)

PINNED = ("b1.0.7800348a5ffc", "b1.1.d4c0acb40d75", "b1.2.d60c80c70124", "b1.3.675c6ce0e0c8")

EDITS = [
    ("as it was", LURE, LURE),
    ("digits", LURE, LURE.replace("3 200", "4 990")),
    ("link", LURE, LURE.replace("parcel-9.example/pay", "p4y.example/z")),
    ("case", LURE, LURE.upper()),
    ("invisible signs", LURE, LURE.replace("customs", "cus\u200btoms").replace("parcel ", "par\u2060cel ")),
    ("letters that look alike", LURE, LURE.replace("o", "\u043e").replace("a", "\u0430")),
    ("full width", LURE, LURE.replace("fee", "\uff46\uff45\uff45")),
    ("spaces", LURE, LURE.replace("customs fee", "cus toms fe e")),
    ("a typo", LURE, LURE.replace("delivered", "delivred")),
    ("a greeting with a name", LURE, "Hi Haneul, " + LURE),
    ("a greeting with a name, in Korean", KOREAN, "김하늘 고객님 안녕하세요 " + KOREAN),
    ("spaces, in Korean", KOREAN, KOREAN.replace("반송 처리", "반 송처 리")),
    ("another word, in Korean", KOREAN, KOREAN.replace("오늘", "내일")),
]


@pytest.mark.parametrize(("what", "text", "edited"), EDITS, ids=[c[0] for c in EDITS])
def test_a_small_edit_leaves_most_bands(what: str, text: str, edited: str) -> None:
    assert len(set(bands(text)) & set(bands(edited))) >= 2


def test_keys_say_version_and_band() -> None:
    found = bands(LURE)
    assert [key.rpartition(".")[0] for key in found] == [f"{BAND_PREFIX}{n}" for n in range(4)]
    assert all(len(key.rpartition(".")[2]) == 12 for key in found)
    assert found == PINNED, "another key needs another version: what stands on topics would be lost unnoticed"


@pytest.mark.parametrize("text", ["", "ok, see you", "0105550111", "http://a.example/b", "네 알겠습니다", "!!!???"])
def test_a_short_text_is_no_campaign(text: str) -> None:
    assert bands(text) == ()


def test_other_texts_share_none() -> None:
    other = "Choir practice moved to the small hall behind the library, bring your own music stand and a pencil please"
    assert not set(bands(LURE)) & set(bands(other))


@pytest.mark.parametrize("part", ["a", "가", "a b ", "\ud800", "\u0430\u200b", "한 글", "🏦", "\u1100\u1161"])
def test_no_text_takes_long(part: str) -> None:
    began = time.process_time()
    bands((part * 100_000)[:100_000])
    assert time.process_time() - began < 2, "only the first letters count"


def test_a_report_is_charged_to_the_template_and_each_band() -> None:
    named = campaign_subjects("relay-7", LURE)
    assert named == tuple(f"campaign:relay-7×{key}" for key in (fingerprint(LURE), *bands(LURE)))
    assert campaign_subjects(None, "hi") == (f"campaign:-×{fingerprint('hi')}",)
    assert campaign_subjects(None, " ") == ()


def rows(count: int, *steps: str, relay: str = "relay-7", **over: object) -> list[SanctionRow]:
    """The first bands of the lure under sanction."""
    keyed = [campaign_subject(relay, key) for key in bands(LURE)[:count]]
    said = (*steps, *["TEMP_BLOCK"] * count)
    return [sanction(s, said[n], sanction_id=f"s{n}", **over) for n, s in enumerate(keyed)]


COPY = a2p(text="Dear Mina, " + LURE)


@pytest.mark.parametrize(
    ("count", "verdict"),
    [(0, "ALLOW"), (1, "ALLOW"), (2, "BLOCK"), (3, "BLOCK"), (4, "BLOCK")],
)
def test_two_bands_make_the_campaign_and_one_does_not(count: int, verdict: str) -> None:
    assert decide(a2p(text=LURE), view(sanctions=rows(count))).verdict == verdict


def test_an_edited_copy_is_stopped_and_the_evidence_names_every_sanction() -> None:
    found = decide(COPY, view(sanctions=rows(4)))
    assert (found.verdict, [r.code for r in found.reasons]) == ("BLOCK", ["R"])
    (record,) = [c for c in found.checks if c.check == "sanctions"]
    assert record.evidence["on"] == "campaign"
    others = record.evidence["bands"]
    assert isinstance(others, tuple)
    assert {str(record.evidence["sanction_id"]), *others} <= {"s0", "s1", "s2", "s3"}
    assert len(others) >= 1


def test_a_proved_route_is_never_touched() -> None:
    held = view(sender(relays=("relay-7",)), sanctions=rows(4))
    assert decide(COPY, held).verdict == "ALLOW"
    assert decide(COPY, view(sanctions=rows(4))).verdict == "BLOCK"


def test_another_relay_is_another_campaign() -> None:
    assert decide(COPY, view(sanctions=rows(4, relay="relay-8"))).verdict == "ALLOW"


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        (("WARN", "WARN", "WARN", "WARN"), "ALLOW"),
        (("BLOCK", "WARN", "WARN", "WARN"), "ALLOW"),
        (("BLOCK", "TEMP_BLOCK", "WARN", "WARN"), "BLOCK"),
    ],
)
def test_what_holds_is_what_two_bands_have_at_least(steps: tuple[str, ...], verdict: str) -> None:
    assert decide(a2p(text=LURE), view(sanctions=rows(4, *steps))).verdict == verdict


def test_the_weaker_of_two_bands_acts() -> None:
    held = view(sanctions=rows(2, "BLOCK", "THROTTLE"))
    assert decide(a2p(text=LURE), held).action == "THROTTLE"


def test_a_regulators_and_a_carriers_band_do_not_add_up() -> None:
    one, two = rows(2)
    two = sanction(two.subject, sanction_id="s1", authority="regulator")
    assert decide(a2p(text=LURE), view(sanctions=[one, two])).verdict == "ALLOW"


def test_the_template_itself_needs_no_band() -> None:
    exact = sanction(campaign_subject("relay-7", fingerprint(LURE) or ""))
    found = decide(a2p(text=LURE), view(sanctions=[exact, *rows(4)]))
    assert [r.code for r in found.reasons] == ["R"], "named once"
    assert decide(COPY, view(sanctions=[exact])).verdict == "ALLOW"


@pytest.mark.parametrize("number", [1, 5])
def test_a_pack_cannot_ask_for_one_band(number: int) -> None:
    with pytest.raises(ValueError, match="matching_bands"):
        policy(matching_bands=number)
    assert isinstance(policy(matching_bands=3), Policy)


def test_how_many_is_the_packs() -> None:
    assert decide(a2p(text=LURE), view(sanctions=rows(2)), {"matching_bands": 3}).verdict == "ALLOW"
    assert decide(a2p(text=LURE), view(sanctions=rows(3)), {"matching_bands": 3}).verdict == "BLOCK"
