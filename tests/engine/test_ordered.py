"""What an order stops: paths on shared hosts, parts of the service, until it is withdrawn, released or over."""

from typing import Any

import pytest

from streams.contracts.reports import Directive
from streams.contracts.reputation import SanctionRow
from streams.engine.directing import direct
from streams.engine.hosts import path_subjects
from streams.engine.sanctioning import impose
from tests.engine.kit import HOUR, KEYS, MINUTE, PHONE, T, a2p, decide, message, policies, view

SHARED = ("bit.ly", "han.gl")


def order(subject: str, act: Any = "block", **over: Any) -> Directive:
    fields = {"reference": "KCC-1", "from_ms": T - HOUR, "recorded_at_ms": T - HOUR} | over
    return Directive(subject=subject, act=act, **fields)


def under(*orders: Directive) -> SanctionRow:
    row: SanctionRow | None = None
    for one in orders:
        row = impose(row, direct(one, view(), policies(), KEYS))
    assert row is not None
    return row


PATHS: list[tuple[str, tuple[str, ...]]] = [
    ("https://bit.ly/AbC", ("host:bit.ly/AbC",)),
    ("see bit.ly/AbC.", ("host:bit.ly/AbC",)),
    ("BIT.LY/AbC?utm=1#top", ("host:bit.ly/AbC",)),
    ("https://me@www.bit.ly:443/AbC)", ("host:bit.ly/AbC",)),
    ("ｂｉｔ．ｌｙ/AbC", ("host:bit.ly/AbC",)),
    ("bit.ly/a/b/c/d/e", ("host:bit.ly/a", "host:bit.ly/a/b", "host:bit.ly/a/b/c", "host:bit.ly/a/b/c/d")),
    ("bit.ly//AbC//", ("host:bit.ly/AbC",)),
    ("bit.ly and bit.ly/", ()),
    ("shop.example.com/AbC", ()),
    ("notbit.ly/AbC", ()),
    ("no link at all", ()),
    ("bit.ly/x han.gl/y", ("host:bit.ly/x", "host:han.gl/y")),
]


@pytest.mark.parametrize(("text", "found"), PATHS, ids=[p[0] for p in PATHS])
def test_paths_on_shared_hosts(text: str, found: tuple[str, ...]) -> None:
    assert path_subjects(text, SHARED) == found


def test_paths_are_bounded() -> None:
    many = " ".join(f"bit.ly/{n}" for n in range(1000))
    assert len(path_subjects(many, SHARED)) == 4


HOSTS: list[tuple[str, str, str]] = [
    ("a host", "host:lucky.example.com", "NO_SUCH_HOST"),  # registered is example.com
    ("a registered name", "host:example.com", ""),
    ("a shared host", "host:bit.ly", "SHARED_HOST"),
    ("a shared host and nothing behind it", "host:bit.ly/", "SHARED_HOST"),
    ("a path on it", "host:bit.ly/AbC", ""),
    ("a path on one owner's host", "host:example.com/AbC", "PATH_OF_ONE_OWNER"),
    ("no name", "host:com", "NO_SUCH_HOST"),
    ("capitals, which no link has", "host:Example.com", "NO_SUCH_HOST"),
]


@pytest.mark.parametrize(("what", "subject", "reason"), HOSTS, ids=[h[0] for h in HOSTS])
def test_which_hosts_an_order_may_name(what: str, subject: str, reason: str) -> None:
    if not reason:
        assert direct(order(subject), view(), policies(), KEYS).subject == subject
        return
    with pytest.raises(ValueError, match=reason):
        direct(order(subject), view(), policies(), KEYS)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("go to bit.ly/AbC", "BLOCK"), ("go to bit.ly/abc", "ALLOW"), ("go to bit.ly/Abd", "ALLOW"), ("bit.ly", "ALLOW")],
)
def test_an_order_on_a_path_leaves_its_neighbours_alone(text: str, verdict: str) -> None:
    assert decide(message(PHONE, text=text), view(sanctions=[under(order("host:bit.ly/AbC"))])).verdict == verdict


LIVES: list[tuple[str, tuple[Directive, ...], str]] = [
    ("in force", (order("account:acct-1"),), "BLOCK"),
    ("over", (order("account:acct-1", to_ms=T),), "ALLOW"),
    ("over right after", (order("account:acct-1", to_ms=T + 1),), "BLOCK"),
    ("not begun", (order("account:acct-1", from_ms=T + 1),), "ALLOW"),
    ("withdrawn a minute before", (
        order("account:acct-1"),
        order("account:acct-1", "withdraw", version=2, from_ms=T - MINUTE, recorded_at_ms=T - MINUTE),
    ), "ALLOW"),
    ("to be withdrawn in a minute", (
        order("account:acct-1"),
        order("account:acct-1", "withdraw", version=2, from_ms=T + MINUTE, recorded_at_ms=T - MINUTE),
    ), "BLOCK"),
    ("the withdrawal came first", (
        order("account:acct-1", "withdraw", version=2, from_ms=T - MINUTE, recorded_at_ms=T - MINUTE),
        order("account:acct-1"),
    ), "ALLOW"),
    ("given again later", (
        order("account:acct-1"),
        order("account:acct-1", "withdraw", version=2, from_ms=T - 2 * MINUTE, recorded_at_ms=T - 2 * MINUTE),
        order("account:acct-1", version=3, from_ms=T - MINUTE, recorded_at_ms=T - MINUTE),
    ), "BLOCK"),
    ("released by another order", (
        order("account:acct-1"),
        order("account:acct-1", "release", reference="KCC-2", releases="KCC-1", from_ms=T, recorded_at_ms=T),
    ), "ALLOW"),
    ("another one released", (
        order("account:acct-1"),
        order("account:acct-1", "release", reference="KCC-2", releases="KCC-9", from_ms=T, recorded_at_ms=T),
    ), "BLOCK"),
    ("shortened by a later version", (
        order("account:acct-1", to_ms=T + HOUR),
        order("account:acct-1", version=2, from_ms=T - MINUTE, recorded_at_ms=T - MINUTE, to_ms=T),
    ), "ALLOW"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "orders", "verdict"), LIVES, ids=[c[0] for c in LIVES])
def test_when_an_order_counts(what: str, orders: tuple[Directive, ...], verdict: str) -> None:
    found = decide(a2p(route={"account_id": "acct-1"}), view(sanctions=[under(*orders)]))
    assert found.verdict == verdict
    if verdict == "BLOCK":
        assert [c.evidence["reference"] for c in found.checks if c.check == "sanctions"] == ["KCC-1"]
