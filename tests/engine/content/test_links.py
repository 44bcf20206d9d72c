"""links: hosts by public suffix; a warned host is labelled, a shared one is never a subject."""

from typing import Any

import pytest

from streams.contracts.reports import Directive
from streams.engine.attribution import attribute
from streams.engine.directing import direct
from streams.engine.hosts import host_subjects, hosts
from tests.engine.kit import KEYS, PHONE, T, a2p, decide, policies, report, sanction, sender, view

HOSTS: list[tuple[str, tuple[str, ...]]] = [
    ("see http://a.b.shop.co.kr/x and bit.ly/z", ("shop.co.kr", "bit.ly")),
    ("www.shop.co.kr.", ("shop.co.kr",)),
    ("http://name.github.io/x", ("name.github.io",)),
    ("http://co.kr/ http://github.io/", ()),
    ("http://1.2.3.4:80/x http://[2001:db8::1]/", ("1.2.3.4", "2001:db8::1")),
    ("http://bank.example@lucky.example/x", ("lucky.example",)),
    ("http://lucky.example\\@bank.example/", ("lucky.example",)),
    ("http://LUCKY.example/ https://lucky.example:8080", ("lucky.example",)),
    ("지금 클릭bit.ly/abc", ("bit.ly",)),
    ("http://ｌｕｃｋｙ。example/", ("lucky.example",)),
    ("http://행운.kr/", ("xn--zo5b74y.kr",)),
    ("thanks.see you", ()),
    ("http://x/ http://.../ http://", ()),
    ("a.io b.io c.io d.io e.io", ("a.io", "b.io", "c.io", "d.io")),
    ("no link", ()),
]


@pytest.mark.parametrize(("text", "expected"), HOSTS, ids=[c[0][:20] for c in HOSTS])
def test_hosts_are_what_somebody_registered(text: str, expected: tuple[str, ...]) -> None:
    assert hosts(text) == expected


def test_a_shared_host_is_never_a_subject() -> None:
    assert host_subjects("http://lucky.example bit.ly/a", ("bit.ly",)) == ("host:lucky.example",)


LURE = "win at http://a.lucky.example/x"
HOST = "host:lucky.example"


def test_a_report_is_charged_to_the_host() -> None:
    over = {"displayed_sender": "15881234", "route": {"relay_id": "relay-7"}, "text": LURE}
    assert HOST in [v.subject for v in attribute(report(**over), view(), policies(), KEYS)]


def test_a_proved_senders_host_is_not_charged() -> None:
    proved = view(sender(relays=("relay-7",)))
    over = {"displayed_sender": "15881234", "route": {"relay_id": "relay-7"}, "text": LURE}
    assert HOST not in [v.subject for v in attribute(report(**over), proved, policies(), KEYS)]


def test_a_report_of_a_shared_host_charges_none() -> None:
    over = {"displayed_sender": PHONE, "route": {"relay_id": "relay-7"}, "text": "win at bit.ly/x"}
    found = [v.subject for v in attribute(report(**over), view(), policies(), KEYS)]
    assert not [s for s in found if s.startswith("host:")]


def answer(step: str, *, bound: bool = False, text: str = LURE, **over: Any) -> tuple[str, str, list[str]]:
    rows = [sender(relays=("relay-7",))] if bound else []
    found = decide(a2p(text=text), view(*rows, sanctions=[sanction(HOST, step, **over)]))
    return found.verdict, found.action, [r.code for r in found.reasons]


def test_a_warned_host_is_labelled() -> None:
    assert answer("WARN") == ("ALLOW", "LABEL", ["HOST_REPORTED"])


def test_the_evidence_names_host_and_sanction() -> None:
    found = decide(a2p(text=LURE), view(sanctions=[sanction(HOST, "WARN")]))
    (record,) = [c for c in found.checks if c.check == "links"]
    assert record.evidence == {"host": "lucky.example", "sanction_id": "s1"}


@pytest.mark.parametrize(
    ("what", "over"),
    [
        ("another host", {"text": "win at http://unlucky.example/x"}),
        ("a proved route", {"bound": True}),
        ("not begun", {"from_ms": T + 1}),
        ("ended", {"to_ms": T}),
    ],
)
def test_what_a_warning_does_not_touch(what: str, over: dict[str, Any]) -> None:
    assert answer("WARN", **over) == ("ALLOW", "DELIVER", [])


def test_a_persons_block_of_a_host_blocks() -> None:
    verdict, action, codes = answer("BLOCK")
    assert (verdict, action) == ("BLOCK", "REJECT")
    assert codes[0] == "R"


def order(subject: str) -> Directive:
    return Directive(reference="r-1", subject=subject, act="block", from_ms=T, recorded_at_ms=T)


def test_an_order_on_a_shared_host_is_refused() -> None:
    assert direct(order(HOST), view(), policies(), KEYS).subject == HOST
    with pytest.raises(ValueError, match="SHARED_HOST"):
        direct(order("host:bit.ly"), view(), policies(), KEYS)
