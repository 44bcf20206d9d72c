"""Policies: the shipped pack, what is laid over it, what is refused, and which one holds when."""

import re
from pathlib import Path
from typing import Any

import pytest

from streams import contracts, engine
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.engine import checks, content
from streams.engine.pack import CODES, RANKS
from streams.engine.policy import Policies, build, layer
from streams.packs import JURISDICTIONS, PROFILES, shipped
from tests.engine.kit import T, policy, view

ALL = [(j, p) for j in JURISDICTIONS for p in PROFILES]


@pytest.mark.parametrize(("jurisdiction", "profile"), ALL)
def test_a_shipped_pack_builds(jurisdiction: str, profile: str) -> None:
    found = policy(profile, jurisdiction)
    assert (found.pack.jurisdiction, found.pack.profile) == (jurisdiction, profile)
    assert found.version.startswith("sha256:")
    assert found.pack.modes == (found.pack.enforce if profile == "enforce" else {})
    assert found.pack.default_mode == "OBSERVE"


def test_the_order_of_precedence_is_the_designs() -> None:
    for jurisdiction, profile in ALL:
        ranks = policy(profile, jurisdiction).pack.ranks
        assert sorted(ranks, key=ranks.__getitem__) == list(RANKS)


def test_versions_name_what_they_hash() -> None:
    versions = {policy(p, j).version for j, p in ALL}
    assert len(versions) == len(ALL)
    assert policy().version == policy().version
    assert policy(label="x").version != policy().version


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"t": {"a": 1, "b": 2}}, {"t": {"b": 3}}, {"t": {"a": 1, "b": 3}}),
        ({"t": {"u": {"a": 1}}}, {"t": {"u": {"b": 2}}}, {"t": {"u": {"a": 1, "b": 2}}}),
        ({"l": [1, 2]}, {"l": [3]}, {"l": [3]}),
        ({"t": {"a": 1}}, {"t": 5}, {"t": 5}),
        ({}, {"n": {"a": 1}}, {"n": {"a": 1}}),
    ],
)
def test_layers(base: dict[str, Any], over: dict[str, Any], result: dict[str, Any]) -> None:
    before = repr(base)
    assert layer(base, over) == result
    assert repr(base) == before, "what is shipped is never edited"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("tied ranks", {"ranks": {"sanction": 3}}, "no ties"),
    ("an unknown rank", {"ranks": {"luck": 9}}, "luck"),
    ("a misspelt table", {"thresolds": {}}, "thresolds"),
    ("a misspelt key", {"ladder": {"temp_block": 1}}, "temp_block"),
    ("a mode that does not exist", {"modes": {"NUMBER_TERMINATED": "KILL"}}, "KILL"),
    ("an action that is no block", {"actions": {"NUMBER_TERMINATED": "DELIVER"}}, "DELIVER"),
    ("an epoch that does not divide a day", {"epoch_ms": 7_000_001}, "divide a day"),
    ("an epoch too short", {"epoch_ms": 500}, "at least 1000"),
    ("a window of its own", {"thresholds": {"sender": {"count": {"3d": {"warn": 1, "critical": 2}}}}}, "3d"),
    ("critical below warn", {"thresholds": {"sender": {"count": {"24h": {"warn": 5, "critical": 4}}}}}, "warn"),
    ("warn of nothing", {"thresholds": {"sender": {"rate_ppm": {"24h": {"warn": 0, "critical": 4}}}}}, "warn"),
    ("a step that does not exist", {"ladder": {"max_step": {"relay": "WRAN"}}}, "WRAN"),
    ("a zone that does not exist", {"time_zone": "Asia/Pyeongyang2"}, "Pyeongyang2"),
    ("no regular expression", {"grammar": {"patterns": [["(", "mobile"]]}}, "regular expression"),
    ("no expression around a name", {"grammar": {"affixes": ["", "("]}}, "around a name"),
    ("ranges of no region", {"grammar": {"region": "", "ranges": True}}, "needs a region"),
    ("an authority's name for no code", {"codes": {"SENDER_NOT_REGISTERD": "620"}}, "SENDER_NOT_REGISTERD"),
    ("an authority's name that is none", {"codes": {"SENDER_NOT_REGISTERED": ""}}, "says nothing"),
    ("a wrong type", {"epoch_ms": "a minute"}, "epoch_ms"),
    (
        "a breaker epoch that does not divide a day",
        {"breaker": {"epoch_ms": 7001}},
        "breaker.epoch_ms must divide a day",
    ),
    ("a breaker share of nothing", {"breaker": {"share_permille": 0}}, "share_permille 1 to 1000"),
    ("a relief that is over before it counts", {"breaker": {"max_ms": 10_000}}, "breaker.max_ms"),
    ("a trial that is over before the breaker", {"breaker": {"trial_ms": 29_999}}, "the breaker can't take effect"),
    ("a misspelt breaker", {"breaker": {"min_fails": 5}}, "min_fails"),
    ("a ladder that ends in a relief", {"ladder": {"max_step": {"relay": "RELIEF"}}}, "not RELIEF"),
]


@pytest.mark.parametrize(("what", "over", "said"), REFUSED, ids=[c[0] for c in REFUSED])
def test_what_is_refused(what: str, over: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        policy(**over)


def test_a_rank_too_few() -> None:
    data = dict(shipped()["kr", "enforce"])
    data["ranks"] = {k: v for k, v in data["ranks"].items() if k != "content"}
    with pytest.raises(ValueError, match="content"):
        build(data)


def entry(version: int, from_ms: int = 0, recorded: int = 0, **pack: Any) -> PolicyEntry:
    return PolicyEntry(version=version, from_ms=from_ms, recorded_at_ms=recorded, profile="enforce", pack=pack)


def at(*timeline: PolicyEntry, e_ms: int = T) -> str:
    """The label of the policy at e; each entry's label is its number."""
    found = Policies(shipped(), "kr").at(view(published=PolicyRow(jurisdiction="kr", timeline=timeline)), e_ms)
    return f"{found.pack.profile} {found.pack.label.partition(' ')[0]}"


def test_nothing_published_observes() -> None:
    found = Policies(shipped(), "kr").at(view(), T)
    assert found.pack.profile == "observe"
    assert found.pack.modes == {}


OBSERVE = "observe [스팸의심]"


@pytest.mark.parametrize(
    ("what", "timeline", "answer"),
    [
        ("published", [entry(1, label="1")], "enforce 1"),
        ("of another time", [entry(1, from_ms=T + 1, label="1")], OBSERVE),
        ("recorded later", [entry(1, recorded=T + 1, label="1")], OBSERVE),
        ("a newer one", [entry(1, label="1"), entry(2, label="2")], "enforce 2"),
        ("a newer one of later", [entry(1, label="1"), entry(2, from_ms=T + 1, label="2")], "enforce 1"),
        ("a bad one leaves the last good one", [entry(1, label="1"), entry(2, ranks={"content": 1})], "enforce 1"),
        ("only a bad one", [entry(1, ranks={"content": 1})], OBSERVE),
    ],
)
def test_which_one_holds(what: str, timeline: list[PolicyEntry], answer: str) -> None:
    assert at(*timeline) == answer


def test_a_new_timeline_is_read_anew() -> None:
    policies = Policies(shipped(), "kr")
    first = view(published=PolicyRow(jurisdiction="kr", timeline=(entry(1, label="one"),)))
    second = view(published=PolicyRow(jurisdiction="kr", timeline=(entry(1, label="two"),)))
    assert [policies.at(v, T).pack.label for v in (first, second, first)] == ["one", "two", "one"]


def test_a_misspelt_code_is_refused() -> None:
    """A mode for a code that no check gives would leave the real one observed."""
    for table in ("modes", "enforce", "actions"):
        value = "REJECT" if table == "actions" else "BLOCK"
        with pytest.raises(ValueError, match="NUMBER_TERMINATD"):
            build(layer(shipped()["kr", "enforce"], {table: {"NUMBER_TERMINATD": value}}))


#: Where else codes stand. Named, as a compiled module's file is no text.
OTHER_CODES = ((engine, "recipient.py"), (engine, "blacklist.py"), (contracts, "jobs.py"))


def test_every_code_that_a_check_gives_is_known() -> None:
    files = [path for room in (checks, content) for path in Path(room.__file__).parent.glob("*.py")]
    files += [Path(room.__file__).parent / name for room, name in OTHER_CODES]
    given = {code for path in files for code in re.findall(r'"([A-Z]+_[A-Z_]+)"', path.read_text("utf-8"))}
    assert given == set(CODES) - {"SANCTION", "DIRECTIVE"}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"quiet_from": "21:00", "quiet_to": ""}, "come together"),
        ({"quiet_from": "24:00"}, "HH:MM"),
        ({"quiet_to": "8:00"}, "HH:MM"),
        ({"quiet_to": "08:60"}, "HH:MM"),
        ({"quiet_from": "08:00"}, "none"),
        ({"labels": ["(광고)", " "]}, "empty"),
        ({"opt_out": ["\u200b"]}, "empty"),
    ],
)
def test_advertising_rules_that_mean_nothing_are_refused(rules: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build(layer(shipped()["kr", "enforce"], {"advertising": rules}))


@pytest.mark.parametrize(
    ("entries", "before"),
    [
        ([{"label": "a", "from_ms": T - 10}], "shipped"),
        ([{"label": "a"}, {"label": "b", "from_ms": T - 10}], "a"),
        ([{"label": "a"}, {"label": "b", "from_ms": T - 50, "to_ms": T - 10}], "b"),
        ([{"label": "a"}, {"label": "b", "from_ms": T + 1}], None),
        ([{"label": "a"}, {"label": "b", "from_ms": T - 100}], None),
        ([{"label": "a"}, {"label": "b", "from_ms": T - 99}], "a"),
        ([], None),
    ],
    ids=["the first", "the one before", "one that has ended", "one to come", "too old", "just not", "none published"],
)
def test_the_policy_before_the_last_change(entries: list[dict[str, Any]], before: str | None) -> None:
    timeline = tuple(
        PolicyEntry(profile="enforce", pack={"label": e.pop("label")}, version=n, **e) for n, e in enumerate(entries, 1)
    )
    row = PolicyRow(jurisdiction="kr", timeline=timeline) if timeline else None
    policies = Policies(shipped(), "kr")
    found = policies.before(view(published=row), T, 100)
    wanted = policies.default.pack.label if before == "shipped" else before
    assert (found and found.pack.label) == wanted
