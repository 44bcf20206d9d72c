"""What customers are told names what it must, in both languages alike."""

from __future__ import annotations

import json
import string
import tomllib
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import streams.packs
from streams.contracts.appeals import Notice, NoticeKind
from streams.contracts.reputation import StepName
from streams.packs.customers import Audience, Carrier, Language, clause, letter

EXAMPLES = Path(__file__).parents[1] / "contracts" / "examples"
TEXTS: dict[str, Any] = tomllib.loads((Path(streams.packs.__path__[0]) / "customers.toml").read_text(encoding="utf-8"))
CARRIER = Carrier("Example Mobile", "the app's folder Spam", "desk@carrier.example")
LANGUAGES: tuple[Language, ...] = get_args(Language)
#: Lawful messages may be filtered; they are held in the spam box; they can be released.
MUST_SAY = {"ko": ("적법한 메시지도", "스팸함", "스팸 해제"), "en": ("lawful message may be", "spam box", "release it")}


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def notice(kind: NoticeKind, **over: Any) -> Notice:
    (example,) = json.loads((EXAMPLES / "notices.json").read_text(encoding="utf-8"))
    fields = example | {"kind": kind, "appeal_id": "a-1", "decide_by_ms": 1766000000000} | over
    return msgspec.convert(fields, Notice)


def test_both_languages_have_the_same_texts_and_name_the_same_facts() -> None:
    assert TEXTS.keys() == set(LANGUAGES)
    for language in LANGUAGES:
        held = TEXTS[language]
        assert held["contract"].keys() == set(get_args(Audience))
        assert held["notice"].keys() == {*get_args(NoticeKind), "held"}
        assert held["steps"].keys() == set(get_args(StepName))
    for part in ("contract", "notice"):
        for name, text in TEXTS["ko"][part].items():
            assert names(text) == names(TEXTS["en"][part][name]), name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", get_args(Audience))
def test_a_clause_says_that_lawful_messages_may_be_filtered_and_how_to_get_them(
    audience: Audience, language: Language
) -> None:
    text = clause(audience, language, CARRIER)
    assert [word for word in (*MUST_SAY[language], *CARRIER) if word not in text] == []
    assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", get_args(NoticeKind))
def test_a_letter_names_whom_what_and_whom_to_ask(kind: NoticeKind, language: Language) -> None:
    said = notice(kind)
    text = letter(said, "acct-901", language, CARRIER, "Asia/Seoul")
    assert "{" not in text
    assert [fact for fact in ("acct-901", said.sanction_id, CARRIER.contact) if fact not in text] == []
    if kind in ("before", "after"):
        told = [*MUST_SAY[language], CARRIER.spam_box, said.reason, TEXTS[language]["steps"][said.step]]
        assert [word for word in told if word not in text] == []


def test_times_are_the_customers_and_an_open_end_is_said() -> None:
    text = letter(notice("before", from_ms=1765944000000, to_ms=None), "acct-901", "en", CARRIER, "Asia/Seoul")
    assert "from 2025-12-17 13:00 (Asia/Seoul) until it is lifted" in text
    assert letter(notice("before", from_ms=2**53), "x", "en", CARRIER, "Asia/Seoul"), "no calendar reaches there"


def test_what_a_record_holds_is_no_template() -> None:
    assert "{carrier}" in letter(notice("after", why_after="{carrier}"), "x", "en", CARRIER, "Asia/Seoul")
