"""decide: one message, the rows as of its time, one policy → one decision."""

from typing import Any

import msgspec
import pytest

from streams.contracts.decisions import Decision
from streams.contracts.feeds import RegistryValue
from streams.contracts.messages import Message, Upstream
from streams.contracts.reputation import SanctionRow
from streams.engine import checks
from streams.engine.case import Case
from streams.engine.decide import Decider, decision_id
from streams.engine.outcome import Check
from streams.engine.policy import Policies
from streams.engine.subjects import clear_subjects
from streams.packs import shipped
from tests.engine.kit import (
    BANK,
    DAY,
    HOUR,
    KEYS,
    MINUTE,
    PHONE,
    T,
    a2p,
    account,
    alive,
    allow,
    decide,
    message,
    number,
    plain,
    policies,
    published,
    raw,
    relay,
    sanction,
    sender,
    view,
)

BOUND = sender(relays=("relay-7", "relay-9"))
STOPPED = [*alive(), number("suspended")]
HERE = f"sender:kr:{BANK}#0"


def codes(decision: Decision) -> list[str]:
    return [r.code for r in decision.reasons]


def test_nothing_known_is_allowed() -> None:
    found = decide(message(), view())
    assert (found.verdict, found.action, found.won) == ("ALLOW", "DELIVER", "default")
    assert found.passed == ("format", "origin")
    assert {c.check: c.outcome for c in found.checks} == {"allocation": "UNKNOWN", "status": "UNKNOWN"}


def test_a_forged_number_is_blocked_with_its_evidence() -> None:
    found = decide(message(), view(*STOPPED))
    assert (found.verdict, found.action, found.won) == ("BLOCK", "REJECT", "forgery")
    assert plain(found.reasons) == [{"code": "NUMBER_SUSPENDED", "gate": "forgery", "mode": "BLOCK"}]
    assert plain(found.checks) == [
        {"check": "status", "outcome": "FAIL", "evidence": {"state": "suspended", "from_ms": 0}}
    ]


def test_no_policy_published_allows_and_says_what_enforce_would_do() -> None:
    sent = message()
    found = Decider(Policies(shipped(), "kr"), KEYS).decide(sent, msgspec.json.encode(sent), view(*STOPPED))
    assert (found.verdict, found.action) == ("ALLOW", "DELIVER")
    assert plain(found.reasons) == [{"code": "NUMBER_SUSPENDED", "gate": "forgery", "mode": "OBSERVE"}]
    assert plain(found.shadow) == {"verdict": "BLOCK", "action": "REJECT", "codes": ["NUMBER_SUSPENDED"]}


def test_a_published_policy_counts_from_its_time_on() -> None:
    decider, rows = Decider(Policies(shipped(), "kr"), KEYS), view(*STOPPED, published=published())
    assert decider.decide(message(), b"", rows).verdict == "BLOCK"
    later = msgspec.structs.replace(published().timeline[0], from_ms=T + 1)
    rows = view(*STOPPED, published=msgspec.structs.replace(published(), timeline=(later,)))
    assert decider.decide(message(), b"", rows).verdict == "ALLOW"


def test_under_enforce_there_is_no_shadow() -> None:
    assert decide(message(), view(*STOPPED)).shadow is None


def test_the_shadow_keeps_a_checks_cap_and_shows_a_label() -> None:
    rows = view(sender(relays=("relay-7",), mode="listed"))
    sent = a2p(relay="relay-8")
    enforced = decide(sent, rows)
    assert (enforced.verdict, enforced.action, enforced.label) == ("ALLOW", "LABEL", "[스팸의심] suspected spam")
    observed = decide(sent, rows, {"modes": {"SENDER_WRONG_ROUTE": "OBSERVE"}})
    assert plain(observed.shadow) == {"verdict": "ALLOW", "action": "LABEL", "codes": []}
    exclusive = decide(sent, view(sender(relays=("relay-7",))), {"modes": {"SENDER_WRONG_ROUTE": "OBSERVE"}})
    assert plain(exclusive.shadow) == {"verdict": "BLOCK", "action": "REJECT", "codes": ["SENDER_WRONG_ROUTE"]}


@pytest.mark.parametrize(
    ("mode", "verdict", "action", "label"),
    [
        ("OBSERVE", "ALLOW", "DELIVER", None),
        ("LABEL", "ALLOW", "LABEL", "look out"),
        ("BLOCK", "BLOCK", "REJECT", None),
    ],
)
def test_rules_go_from_observe_over_label_to_block(mode: str, verdict: str, action: str, label: str | None) -> None:
    found = decide(message(), view(*STOPPED), {"label": "look out", "modes": {"NUMBER_SUSPENDED": mode}})
    assert (found.verdict, found.action, found.label) == (verdict, action, label)
    assert codes(found) == ["NUMBER_SUSPENDED"]


def test_an_action_of_the_packs() -> None:
    assert decide(message(), view(*STOPPED), {"actions": {"NUMBER_SUSPENDED": "DROP"}}).action == "DROP"


WINS: list[tuple[str, Message, list[RegistryValue], list[Any], str, str]] = [
    ("a directive over a protected allow", a2p(), [BOUND, allow()], [sanction(HERE, authority="regulator")],
     "BLOCK", "directive"),
    ("a directive over an emergency allow", a2p(), [BOUND, allow("emergency", routes=("relay-7",))],
     [sanction(HERE, authority="regulator")], "BLOCK", "directive"),
    ("an emergency allow over forgery", a2p(relay="relay-8"), [BOUND, allow("emergency", routes=("relay-8",))], [],
     "ALLOW", "emergency_allow"),
    ("forgery over a protected allow", a2p(relay="relay-8"), [BOUND, allow()], [], "BLOCK", "forgery"),
    ("a protected allow over standing", a2p(route={"account_id": "a"}),
     [BOUND, allow(), account("a", state="suspended")], [], "ALLOW", "protected_allow"),
    ("a protected allow over a sanction", a2p(), [BOUND, allow()], [sanction(HERE)], "ALLOW", "protected_allow"),
    ("no protected allow where nothing is proved", a2p(), [sender(), allow()], [sanction(HERE)], "BLOCK", "sanction"),
    ("standing over a sanction", a2p(), [BOUND, relay(state="suspended")], [sanction(HERE)], "BLOCK", "standing"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "sent", "rows", "held", "verdict", "won"), WINS, ids=[c[0] for c in WINS])
def test_who_wins(what: str, sent: Message, rows: list[RegistryValue], held: list[Any], verdict: str, won: str) -> None:
    found = decide(sent, view(*rows, sanctions=held))
    assert (found.verdict, found.won) == (verdict, won)


def test_a_sanction_names_itself() -> None:
    found = decide(a2p(), view(BOUND, sanctions=[sanction(HERE, reason="REPORTS_CRITICAL_10D")]))
    assert codes(found) == ["REPORTS_CRITICAL_10D"]
    assert plain(found.checks[-1]) == {
        "check": "sanctions", "outcome": "FAIL",
        "evidence": {"on": "sender", "sanction_id": "s1", "step": "TEMP_BLOCK"},
    }  # fmt: skip


def explode(case: Case) -> Check:
    raise ZeroDivisionError("a bug of ours")


def test_a_check_that_explodes_is_named_and_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECKS", (("status", explode),))
    found = decide(message(), view(*STOPPED), {"modes": {"CHECK_FAILED": "BLOCK"}})
    assert (found.verdict, codes(found)) == ("ALLOW", ["CHECK_FAILED"])
    assert found.reasons[0].gate == "own"
    assert found.checks[0].evidence == {"why": "ZeroDivisionError"}


def no_answer(subject: str) -> SanctionRow | None:
    raise ZeroDivisionError("a bug of ours")


def test_an_error_outside_the_checks_blocks_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    held = view(*STOPPED)
    monkeypatch.setattr(held, "sanctions", no_answer)
    found = decide(message(), held)
    assert (found.verdict, codes(found)) == ("ALLOW", ["CHECK_FAILED"])
    assert found.decision_id == decision_id("smsc1", "termination", "e1")


def test_one_event_one_id() -> None:
    one, again = decide(message(), view()), decide(message(), view())
    assert raw(one) == raw(again)
    ids = {
        decision_id(*parts)
        for parts in (("p", "termination", "e"), ("p", "origination", "e"), ("p2", "termination", "e"))
    }
    assert len(ids) == 3
    assert decide(message(), view(*STOPPED)).decision_id == one.decision_id


def test_the_policy_and_the_rows_read_are_named() -> None:
    found = decide(a2p(), view(BOUND, relay(version=7)))
    assert found.versions.policy == policies().default.version
    assert found.versions.read.split(",").count("7") == 1
    assert found.versions.input == decide(a2p(), view()).versions.input
    assert found.versions.input != decide(a2p(text="x"), view()).versions.input


@pytest.mark.parametrize(
    ("what", "event", "ingested", "used", "flag"),
    [
        ("as the event says", T, T, T, False),
        ("within five minutes", T, T + 5 * MINUTE, T, False),
        ("beyond: ingest time decides", T, T + 5 * MINUTE + 1, T + 5 * MINUTE + 1, True),
        ("from the future", T + HOUR, T, T, True),
        ("a century ago", T - 100 * 365 * DAY, T, T, True),
        ("a century ahead", T + 100 * 365 * DAY, T, T, True),
        ("both a century ahead", T + 100 * 365 * DAY, T + 100 * 365 * DAY, T + 100 * 365 * DAY, False),
    ],
)
def test_time(what: str, event: int, ingested: int, used: int, flag: bool) -> None:
    found = decide(message(event_time_ms=event, ingested_at_ms=ingested), view())
    assert found.event_time_ms == used
    assert ("time_from_ingest" in found.flags) is flag


def test_ingest_time_chooses_rows_and_policy_alike() -> None:
    rows = view(*alive(), number("suspended", from_ms=T))
    early = message(event_time_ms=T - HOUR, ingested_at_ms=T)
    assert decide(early, rows).verdict == "BLOCK"


def test_people_are_published_as_pseudonyms() -> None:
    found = decide(message(), view())
    assert found.sender.key.startswith("~k1.")
    assert found.recipient.startswith("~k1.")
    assert PHONE[1:] not in raw(found).decode()
    assert found.subjects == ()


@pytest.mark.parametrize("recipient", ["821055509999", "+821055509999"])
def test_a_recipient_has_one_pseudonym(recipient: str) -> None:
    assert decide(message(recipient=recipient), view()).recipient == decide(message(), view()).recipient


def test_businesses_are_published_in_clear() -> None:
    found = decide(a2p(route={"chain": ("rs",), "account_id": "a"}), view(BOUND))
    assert plain(found.sender) == {"key": f"kr:{BANK}", "kind": "representative", "registered": True}
    assert found.subjects == ("account:a", "reseller:rs")


def test_every_clear_subject_can_be_told_from_a_decision() -> None:
    found = decide(a2p(route={"chain": ("rs",), "account_id": "a"}), view(BOUND))
    assert clear_subjects(found) == (HERE, "account:a", "reseller:rs", "relay:relay-7")
    assert clear_subjects(decide(message("~Brand~", channel="rcs"), view())) == ("sender:kr:alnum:~brand~#0",)
    assert clear_subjects(decide(message(), view())) == ()
    reissued = decide(a2p(PHONE), view(sender(f"kr:{PHONE}"), number("active", owner_epoch=3)))
    assert clear_subjects(reissued)[0] == f"sender:kr:{PHONE}#3"


def test_absent_rows_at_the_end_are_not_listed() -> None:
    found = decide(a2p(), view(BOUND, relay(version=7)))
    assert found.versions.read.endswith("7")
    assert found.versions.read.startswith("-,")


def test_the_text_is_never_in_a_decision() -> None:
    found = decide(message(text="a very secret word"), view())
    assert "secret" not in raw(found).decode()
    assert found.fingerprint is not None


def test_it_is_small() -> None:
    rows = view(BOUND, relay(), *alive(complete=False), number("active", "kr:15881234"))
    assert len(raw(decide(a2p(text="code 1234"), rows))) < 1000


def upstream(at: int = T - 1000, verdict: str = "ALLOW") -> Upstream:
    return Upstream(verdict="ALLOW" if verdict == "ALLOW" else "BLOCK", event_time_ms=at)


EPOCH = MINUTE
LEAKS: list[tuple[str, Upstream | None, int, str | None]] = [
    ("long known", upstream(), T - HOUR, "SENDER_REGISTRATION_SUSPENDED"),
    ("known just an epoch before", upstream(), T - 1000 - EPOCH, "SENDER_REGISTRATION_SUSPENDED"),
    ("known less than an epoch before", upstream(), T - 1000 - EPOCH + 1, None),
    ("no verdict came with it", None, T - HOUR, "no_gate"),
    ("a verdict older than the skew", upstream(T - 5 * MINUTE - 1), T - HOUR, "no_gate"),
    ("upstream had blocked it", upstream(verdict="BLOCK"), T - HOUR, None),
]


@pytest.mark.parametrize(("what", "before", "known", "leak"), LEAKS, ids=[c[0] for c in LEAKS])
def test_leaks(what: str, before: Upstream | None, known: int, leak: str | None) -> None:
    rows = view(sender(relays=("relay-7",), state="suspended", recorded_at_ms=known))
    assert decide(a2p(upstream=before), rows).leak == leak


def test_what_had_not_begun_is_no_leak() -> None:
    rows = view(sender(relays=("relay-7",), state="suspended", recorded_at_ms=0, from_ms=T - 10))
    assert decide(a2p(upstream=upstream()), rows).leak is None


def test_what_needs_no_row_is_a_leak() -> None:
    assert decide(a2p("02-1588-1234", upstream=upstream()), view()).leak == "SENDER_MALFORMED"


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        ("nothing failed", a2p(upstream=None)),
        ("the relay's own leg", a2p("02-1588-1234", leg="origination")),
        ("no relay to book it against", message("02-1588-1234")),
    ],
)
def test_no_leak(what: str, sent: Message) -> None:
    assert decide(sent, view()).leak is None


def test_an_invalid_event_that_names_itself_is_answered() -> None:
    decider = Decider(policies(), KEYS)
    found = decider.invalid(
        b'{"event_id":"e1","leg":"termination","producer":"smsc1","ingested_at_ms":5}', "NOT_AN_EVENT"
    )
    assert found is not None
    assert (found.verdict, codes(found), found.event_time_ms) == ("ALLOW", ["EVENT_INVALID"], 5)
    assert found.decision_id == decision_id("smsc1", "termination", "e1")
    assert found.checks[0].evidence == {"why": "NOT_AN_EVENT"}
    assert decider.invalid(b"{", "NOT_JSON") is None
