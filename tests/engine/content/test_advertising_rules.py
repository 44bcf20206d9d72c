"""advertising: label, opt-out line, quiet hours, consent; asked only of what is known to be an advertisement."""

from typing import Any

import pytest

from streams.contracts.feeds import Manifest, RegistryValue
from streams.contracts.registry import ConsentEntry, ConsentRow
from streams.engine.pseudonym import person_key
from tests.engine.kit import DAY, HOUR, KEYS, T, a2p, beat, decide, sender, view

GOOD = "(광고) 하늘마트 가을 할인 무료수신거부 080-870-0000"
TO = "821055509999"
PERSON = person_key(KEYS, "821055509999")
NINE_PM = T + 8 * HOUR  # T is 13:00 in Seoul
SHOP = sender(relays=("relay-7",), owner="org:1")
FEED = "kr-consent-registry"


def consent(owner: str = "org:1", person: str = PERSON, **over: Any) -> ConsentRow:
    return ConsentRow(key=f"consent:{owner}>{person}", timeline=(ConsentEntry(**over),))


def generation() -> Manifest:
    return Manifest(generation="g-1", feed=FEED, from_ms=T - DAY, partition=0, rows=0)


def complete(until: int = T + DAY) -> list[RegistryValue]:
    return [beat(FEED, T - DAY, until, ("kr:consent",)), generation()]


def said(
    rows: list[RegistryValue] | None = None, text: str = GOOD, at: int = T, purpose: str | None = None, **over: Any
) -> str:
    sent = a2p(text=text, event_time_ms=at, ingested_at_ms=at, purpose=purpose, **over)
    found = decide(sent, view(*([SHOP, consent()] if rows is None else rows)))
    if "advertising" in found.passed:
        return "PASS"
    record = next((c for c in found.checks if c.check == "advertising"), None)
    if record is None:
        return "-"
    codes = [r.code for r in found.reasons if r.gate == "content"]
    return record.outcome if record.outcome == "UNKNOWN" else "+".join(codes)


TEXTS: list[tuple[str, dict[str, Any], str]] = [
    ("as the law wants it", {}, "PASS"),
    ("nobody says that it is one", {"text": "하늘마트 가을 할인"}, "-"),
    ("stamped as something else", {"text": "하늘마트 가을 할인", "purpose": "transactional"}, "-"),
    ("stamped, without label and opt-out", {"text": "하늘마트 가을 할인", "purpose": "advertising"},
     "AD_LABEL_MISSING+AD_OPT_OUT_MISSING"),
    ("the label at the end is none", {"text": "하늘마트 무료수신거부 0808700000 (광고)", "purpose": "advertising"},
     "AD_LABEL_MISSING"),
    ("labelled, no opt-out", {"text": "(광고) 하늘마트 가을 할인"}, "AD_OPT_OUT_MISSING"),
    ("opt-out with spaces", {"text": "(광고) 하늘마트 무료 수신 거부 0808700000"}, "PASS"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "over", "expected"), TEXTS, ids=[c[0] for c in TEXTS])
def test_label_and_opt_out(what: str, over: dict[str, Any], expected: str) -> None:
    assert said(**over) == expected


HOURS = [
    ("20:59:59.999", NINE_PM - 1, "PASS"),
    ("21:00:00.000", NINE_PM, "AD_QUIET_HOURS"),
    ("midnight", NINE_PM + 3 * HOUR, "AD_QUIET_HOURS"),
    ("07:59:59.999", NINE_PM + 11 * HOUR - 1, "AD_QUIET_HOURS"),
    ("08:00:00.000", NINE_PM + 11 * HOUR, "PASS"),
]


@pytest.mark.parametrize(("what", "at", "expected"), HOURS, ids=[c[0] for c in HOURS])
def test_quiet_hours_are_exact_and_local(what: str, at: int, expected: str) -> None:
    assert said(at=at) == expected


def test_a_consent_for_the_night_covers_the_night() -> None:
    assert said([SHOP, consent(night=True)], at=NINE_PM) == "PASS"
    assert said([SHOP, consent(night=True, to_ms=NINE_PM)], at=NINE_PM) == "AD_QUIET_HOURS+AD_WITHOUT_CONSENT"


CONSENTS: list[tuple[str, list[RegistryValue], str]] = [
    ("given", [SHOP, consent(), *complete()], "PASS"),
    ("given, in a feed that is not complete", [SHOP, consent()], "PASS"),
    ("taken back", [SHOP, consent(to_ms=T)], "AD_WITHOUT_CONSENT"),
    ("taken back in a moment", [SHOP, consent(to_ms=T + 1)], "PASS"),
    ("given later", [SHOP, consent(from_ms=T + 1), *complete()], "AD_WITHOUT_CONSENT"),
    ("to somebody else", [SHOP, consent("org:2"), *complete()], "AD_WITHOUT_CONSENT"),
    ("by somebody else", [SHOP, consent(person="~0" * 10), *complete()], "AD_WITHOUT_CONSENT"),
    ("no row, feed complete and fresh", [SHOP, *complete()], "AD_WITHOUT_CONSENT"),
    ("no row, nobody vouches", [SHOP], "UNKNOWN"),
    ("no row, feed not complete", [SHOP, beat(FEED, T - DAY, T + DAY), generation()], "UNKNOWN"),
    ("no row, feed stale", [SHOP, *complete(until=T)], "UNKNOWN"),
    ("no row, generation not whole", [SHOP, beat(FEED, T - DAY, T + DAY, ("kr:consent",))], "UNKNOWN"),
    ("nobody says whose sender it is", [sender(relays=("relay-7",)), *complete()], "UNKNOWN"),
]


@pytest.mark.parametrize(("what", "rows", "expected"), CONSENTS, ids=[c[0] for c in CONSENTS])
def test_consent_is_missing_only_where_somebody_vouches(what: str, rows: list[RegistryValue], expected: str) -> None:
    assert said(rows) == expected


def test_one_person_however_the_number_is_written() -> None:
    for spelling in ("01055509999", "+82 10-5550-9999", "821055509999"):
        assert said([SHOP, consent(), *complete()], recipient=spelling) == "PASS"


def test_it_labels_or_moves_aside_and_blocks_only_where_a_pack_says_so() -> None:
    rows = view(SHOP, *complete())
    unlabelled = a2p(text="가을 할인", purpose="advertising")
    assert decide(unlabelled, view(SHOP, consent())).action == "LABEL"
    wanted = a2p(text=GOOD)
    assert (decide(wanted, rows).verdict, decide(wanted, rows).action) == ("ALLOW", "SPAM_BOX")
    strict = {"modes": {"AD_WITHOUT_CONSENT": "BLOCK"}, "actions": {"AD_WITHOUT_CONSENT": "DROP"}}
    found = decide(wanted, rows, strict)
    assert (found.verdict, found.action, found.won) == ("BLOCK", "DROP", "content")


def test_evidence_names_no_text_and_no_recipient() -> None:
    found = decide(a2p(text=GOOD), view(SHOP, *complete()))
    shown = str(found)
    assert "하늘마트" not in shown and PERSON not in shown and "0808700000" not in shown


def test_content_is_no_leak_and_no_stain_on_the_sender() -> None:
    found = decide(a2p(text="가을", purpose="advertising"), view(SHOP, consent()))
    assert found.leak is None
    assert "route" in found.passed


def test_a_minute_is_the_zones() -> None:
    found = decide(a2p(text=GOOD, event_time_ms=NINE_PM, ingested_at_ms=NINE_PM), view(SHOP, consent()),
                   {"time_zone": "UTC"})  # fmt: skip
    assert "advertising" in found.passed
