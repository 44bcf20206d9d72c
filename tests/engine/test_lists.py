"""Content lists: checked whole, named by hash, searched as one; what is not here or has run out is UNKNOWN."""

import time
import zlib
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from streams.contracts.lists import ContentList, ListItem, ListPart, ListRow
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.engine.lists import (
    Compiled,
    ListRefused,
    hash_of,
    key_of_list,
    listed_form,
    missing_lists,
    pack_list,
    unpack_list,
)
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica
from tests.engine.kit import DAY, T, a2p, decide, sender, view


def items(*texts: str, prefix: str = "p") -> tuple[ListItem, ...]:
    return tuple(ListItem(id=f"{prefix}{n}", text=text) for n, text in enumerate(texts))


def made(name: str = "gambling", *phrases: str, **over: Any) -> ContentList:
    fields: dict[str, Any] = {
        "name": name, "category": "gambling", "owner": "content desk", "expires_ms": T + DAY,
        "phrases": items(*phrases),
    }  # fmt: skip
    return ContentList(**(fields | over))


SLOTS = made("gambling", "slot casino", "카지노", "무료 체험")
CASH = made("loans", category="fraud", patterns=items(r"\d+ ?만원 (즉시|당일) 대출", prefix="r"))

TEXTS: list[tuple[str, list[str]]] = [
    ("Slot  CASINO tonight", ["p0"]),
    ("slot casinos tonight", []),
    ("myslot casino", []),
    ("slot\u200b casino", ["p0"]),
    ("ｓｌｏｔ casino", ["p0"]),
    ("오늘 카지노 입장", ["p1"]),
    ("오늘 카 지 노 입장", ["p1"]),
    ("카\u200b지\u2060노", ["p1"]),
    ("무료체험 신청", ["p2"]),
    ("무료 체 험 신청", ["p2"]),
    ("카페 지노", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "entries"), TEXTS)
def test_phrases_are_found_as_people_read_them(text: str, entries: list[str]) -> None:
    assert [f.entry for f in Compiled((SLOTS,), ()).find(text, T)] == entries


def test_several_lists_are_searched_as_one_and_each_is_named_once() -> None:
    found = Compiled((SLOTS, CASH), ()).find("카지노 slot casino 300만원 당일 대출", T)
    assert [(f.name, f.category, f.entry) for f in found] == [("gambling", "gambling", "p1"), ("loans", "fraud", "r0")]


def test_a_list_counts_until_it_expires() -> None:
    both = Compiled((SLOTS,), ())
    assert both.find("카지노", T + DAY - 1) and not both.find("카지노", T + DAY)
    assert both.expired(T + DAY) == ("gambling",) and both.expired(T + DAY - 1) == ()


def test_no_text_and_no_pattern_takes_long() -> None:
    evil = made("evil", patterns=items(r"(a*)*b", r"(a|aa)+$", r"^(([a-z])+.)+[A-Z]([a-z])+$"))
    compiled = Compiled((evil, made("x", *[f"{'a' * n}b" for n in range(2, 200)])), ())
    began = time.process_time()
    compiled.find("a" * 100_000, T)
    assert time.process_time() - began < 2, "linear in the text"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("nothing in it", {"phrases": ()}, "neither phrases nor patterns"),
    ("an id twice", {"phrases": (*items("ab"), *items("cd"))}, "p0 is the id of two"),
    ("a phrase of one letter", {"phrases": items("a ")}, "fewer than 2"),
    ("a phrase of nothing visible", {"phrases": items("\u200b\u200b\u200b")}, "fewer than 2"),
    ("a pattern that is none", {"patterns": items("(", prefix="r")}, "no regular expression"),
    ("a look-ahead", {"patterns": items("a(?=b)", prefix="r")}, "no regular expression"),
    ("a pattern that fits everything", {"patterns": items("a*", prefix="r")}, "fits every text"),
]


@pytest.mark.parametrize(("what", "over", "said"), REFUSED, ids=[c[0] for c in REFUSED])
def test_a_list_is_refused_whole(what: str, over: dict[str, Any], said: str) -> None:
    with pytest.raises(ListRefused, match=said):
        pack_list(made("gambling", "카지노", **over), T)


def test_a_list_that_is_too_large_is_refused() -> None:
    many = tuple(ListItem(id=f"{n}", text=hash_of(str(n).encode())) for n in range(60_000))
    with pytest.raises(ListRefused, match="split it"):
        pack_list(made("gambling", phrases=many), T)


def test_a_list_comes_back_as_it_was() -> None:
    part = pack_list(SLOTS, T)
    assert unpack_list(part) == SLOTS
    assert part.hash == pack_list(SLOTS, T + 1).hash and len(part.hash) <= 32


def _forged(raw: bytes, said: str = "") -> ListPart:
    return ListPart(hash=said or hash_of(raw), published_ms=T, data=b64encode(zlib.compress(raw)).decode())


@pytest.mark.parametrize(
    "part",
    [
        _forged(msgspec.json.encode(SLOTS), "sha256:other"),
        _forged(b"{}"),
        _forged(b"\xff"),
        ListPart(hash="sha256:x", published_ms=T, data="no base64!"),
        ListPart(hash="sha256:x", published_ms=T, data=b64encode(b"no zlib").decode()),
        ListPart(hash="sha256:x", published_ms=T, data=b64encode(zlib.compress(b"x" * 100)[:-6]).decode()),
        _forged(b" " * (33 << 20)),
    ],
)
def test_a_part_that_is_not_what_it_says_is_refused(part: ListPart) -> None:
    with pytest.raises(ListRefused):
        unpack_list(part)


def holding(
    *contents: ContentList, at: MemoryReplica | None = None, previous: ContentList | None = None
) -> MemoryReplica:
    replica = at or view()
    for n, content in enumerate(contents):
        old = None if previous is None else pack_list(previous, T)
        row = ListRow(key=key_of_list("kr", content.name), current=pack_list(content, T), previous=old)
        replica.apply([Change("policy", 0, 100 + n, row.key, msgspec.json.encode(row))])
    assert not replica.bad
    return replica


def named(*contents: ContentList) -> dict[str, Any]:
    return {"lists": {content.name: pack_list(content, T).hash for content in contents}}


def test_a_text_on_a_list_goes_to_the_spam_box_and_the_evidence_names_no_text() -> None:
    found = decide(a2p(text="오늘 카 지 노 무료 체험"), holding(SLOTS), named(SLOTS))
    assert (found.verdict, found.action) == ("ALLOW", "SPAM_BOX")
    named_first = found.reasons[0]
    assert (named_first.code, named_first.gate, named_first.mode) == ("CONTENT_GAMBLING", "content", "LABEL")
    (record,) = [c for c in found.checks if c.check == "categories"]
    assert record.evidence == {"found": ("gambling/p1",)}
    assert "카지노" not in str(found)


def test_a_pack_may_block() -> None:
    over = named(SLOTS) | {"modes": {"CONTENT_GAMBLING": "BLOCK"}}
    found = decide(a2p(text="카지노"), holding(SLOTS), over)
    assert (found.verdict, found.action, found.won) == ("BLOCK", "REJECT", "content")


def unknown(contents: tuple[ContentList, ...], over: dict[str, Any], text: str = "카지노") -> str:
    found = decide(a2p(text=text), holding(*contents), over)
    assert found.verdict == "ALLOW" and not [r for r in found.reasons if r.code.startswith("CONTENT_")]
    return str(next((c.evidence["why"] for c in found.checks if c.check == "categories"), ""))


def test_a_list_that_is_not_here_or_has_run_out_is_unknown() -> None:
    assert unknown((), named(SLOTS)) == "list gambling is not here"
    assert unknown((SLOTS,), {"lists": {"gambling": "sha256:another"}}) == "list gambling is not here"
    old = made("gambling", "카지노", expires_ms=T)
    assert unknown((old,), named(old)) == "list gambling has expired"
    assert unknown((SLOTS,), named(SLOTS), text="안녕하세요") == ""
    assert unknown((SLOTS,), {}) == ""


def test_the_version_before_serves_the_policy_that_names_it() -> None:
    newer = made("gambling", "포커")
    replica = holding(newer, previous=SLOTS)
    assert decide(a2p(text="카지노"), replica, named(SLOTS)).action == "SPAM_BOX"
    assert decide(a2p(text="카지노"), replica, named(newer)).action == "DELIVER"
    assert decide(a2p(text="포커"), replica, named(newer)).action == "SPAM_BOX"


@pytest.mark.parametrize(("category", "action"), [("phishing", "DELIVER"), ("gambling", "SPAM_BOX")])
def test_a_proved_sender_is_not_called_a_phisher(category: str, action: str) -> None:
    content = made("some", "카지노", category=category)
    replica = holding(content, at=view(sender(relays=("relay-7",))))
    found = decide(a2p(text="카지노"), replica, named(content))
    assert found.action == action
    assert decide(a2p("15889999", text="카지노"), replica, named(content)).action == "SPAM_BOX"


def published(*entries: tuple[int, ContentList]) -> PolicyRow:
    return PolicyRow(
        jurisdiction="kr",
        timeline=tuple(PolicyEntry(version=v, profile="enforce", pack=named(content)) for v, content in entries),
    )


def test_what_the_two_newest_policies_name_must_be_here() -> None:
    newer, oldest = made("gambling", "포커"), made("gambling", "바카라")
    row = published((1, oldest), (2, SLOTS), (3, newer))
    at = view(published=row)
    assert missing_lists(at, _both()) == ("gambling",)
    assert missing_lists(holding(newer, at=view(published=row)), _both()) == ("gambling",)
    assert missing_lists(holding(newer, at=view(published=row), previous=SLOTS), _both()) == ()
    assert missing_lists(view(), _both()) == ()


def test_another_jurisdictions_lists_must_be_here_too() -> None:
    row = PolicyRow(jurisdiction="sg", timeline=(PolicyEntry(profile="enforce", pack=named(SLOTS)),))
    assert missing_lists(view(published=row), Policies(shipped(), "kr")) == (SLOTS.name,)


def _both() -> Policies:
    return Policies(shipped(), "kr")


def test_one_form_for_phrase_and_text() -> None:
    assert listed_form(" 카 지\n노  Casino  NOW 지금 당장") == "카지노 casino now 지금당장"
