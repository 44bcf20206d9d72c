"""HTTP: who may ask, what comes back, and that nothing is answered that is not written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from streams.api.server import Pace
from streams.contracts.registry import Routes, SenderEntry, SenderRow
from streams.contracts.verify import MAX_QUESTIONS, Answer, Question
from streams.engine.verifying import verify
from tests.api.live import Live, live
from tests.engine.kit import BANK, KEYS, PHONE, T, account, alive, number, policies, relay, reseller, view

ROUTES = Routes(mode="exclusive", relays=("relay-7",), accounts=("acct-1",))
ROWS = view(
    *alive(), SenderRow(key=f"sender:kr:{BANK}", timeline=(SenderEntry(routes=ROUTES),)), relay(), relay("relay-8"),
    number("active", f"kr:{BANK}"), account(reseller="reseller-1"), reseller(parent="relay-7"),
)  # fmt: skip


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("api"), ROWS) as running:
        yield running


def post(api: Live, body: Any, relay: str = "relay-7", **over: Any) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return requests.post(f"{api.url}/v1/verify", data, headers=api.bearer(relay) | over, timeout=10)


def get(api: Live, path: str, relay: str = "relay-7") -> requests.Response:
    return requests.get(f"{api.url}{path}", headers=api.bearer(relay), timeout=10)


def test_one_question_and_many_get_what_the_engine_says(api: Live) -> None:
    question = {"sender": BANK, "account": "acct-1", "chain": ["reseller-1"]}
    expected = verify(msgspec.convert(question, Question), "relay-7", ROWS, policies(), KEYS, T)
    assert expected.standing == "valid"
    assert msgspec.json.decode(post(api, question).content, type=Answer) == expected
    many = post(api, [question, {"sender": "15990000"}, {"account": "acct-9", "at_ms": 0}])
    answers = msgspec.json.decode(many.content, type=list[Answer])
    assert answers[0] == expected
    assert [a.standing for a in answers] == ["valid", "invalid", "unknown"]
    assert many.headers["Content-Type"].startswith("application/json")


REFUSED = [
    ("no JSON", b"{", 400, "Not understood"),
    ("not UTF-8", b'{"sender":"\xff"}', 400, "Not understood"),
    ("nested too deep", b'{"chain":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "Not understood"),
    ("a misspelt field", {"sendr": BANK}, 400, "sendr"),
    ("another type", {"sender": 15881234}, 400, "Not understood"),
    ("none", [], 400, "1 to 1000"),
    ("too many", [{}] * (MAX_QUESTIONS + 1), 400, "1 to 1000"),
    ("too large", b" " * (2 << 20), 413, "larger"),
]


@pytest.mark.parametrize(("what", "body", "status", "word"), REFUSED, ids=[c[0] for c in REFUSED])
def test_bad_input_is_told_what_to_change(api: Live, what: str, body: Any, status: int, word: str) -> None:
    before = len(api.audit.records)
    answer = post(api, body)
    assert (answer.status_code, word in answer.json()["error"]) == (status, True), answer.text
    assert len(api.audit.records) == before


def test_who_has_no_key_is_told_nothing(tmp_path: Path) -> None:
    with live(tmp_path, ROWS) as api:
        for headers in (
            {},
            {"Authorization": "Bearer nobody"},
            {"Authorization": f"Basic {api.secrets['relay-7'][0]}"},
        ):
            answer = requests.post(f"{api.url}/v1/verify", "{}", headers=headers, timeout=10)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        for path in ("/v1/senders/15881234", "/v1/accounts/acct-1"):
            assert requests.get(api.url + path, timeout=10).status_code == 401
        said = [requests.get(f"{api.url}/v1/accounts/a", timeout=10) for _ in range(20)]
        assert said[-1].status_code == 429 and int(said[-1].headers["Retry-After"]) >= 1
        assert post(api, {"sender": BANK}).status_code == 200, "a key that is right still opens"


def test_a_key_of_another_relay_sees_nothing_of_this_one(api: Live) -> None:
    assert post(api, {"sender": BANK, "relay": "relay-7"}, "relay-8").json() == {
        "standing": "valid", "at_ms": T, "reasons": [], "doubts": [], "passed": [], "policy": None, "read": None,
    }  # fmt: skip
    assert post(api, {"sender": BANK}, "relay-8").json()["reasons"][0]["code"] == "SENDER_WRONG_ROUTE"
    assert get(api, f"/v1/senders/{BANK}").json()["accounts"] == ["acct-1"]
    assert get(api, f"/v1/senders/{BANK}", "relay-8").json()["mode"] is None
    assert get(api, "/v1/accounts/acct-1").json()["chain"] == ["reseller-1"]
    other = get(api, "/v1/accounts/acct-1", "relay-8")
    assert (other.status_code, other.json()) == (404, get(api, "/v1/accounts/none", "relay-8").json())


def test_every_answer_is_written_down_first_and_people_as_pseudonyms(api: Live) -> None:
    post(
        api, [{"sender": BANK, "account": "acct-1", "chain": ["reseller-1"]}, {"sender": PHONE, "traffic_class": "p2p"}]
    )
    record = api.audit.records[-1]
    assert (record.key_id, record.relay, record.path, record.remote) == ("relay-7-a", "relay-7", "verify", "127.0.0.1")
    bank, person = record.asked
    assert (bank.sender, bank.standing) == (f"kr:{BANK}", "valid")
    assert person.sender is not None and person.sender.startswith("~") and PHONE[1:] not in repr(record)
    get(api, f"/v1/senders/{BANK}")
    assert (api.audit.records[-1].path, api.audit.records[-1].asked[0].sender) == ("senders", f"kr:{BANK}")


def test_what_can_not_be_written_down_is_not_answered(tmp_path: Path) -> None:
    with live(tmp_path, ROWS) as api:
        api.audit.failing = True
        for answer in (post(api, {"sender": BANK}), get(api, f"/v1/senders/{BANK}"), get(api, "/v1/accounts/acct-1")):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert set(answer.json()) == {"error"}


def test_before_the_rows_are_read_nothing_is_answered(tmp_path: Path) -> None:
    with live(tmp_path, ROWS) as api:
        assert requests.get(f"{api.url}/healthz", timeout=10).json() == {"ready": True}
        api.rows.caught_up = False
        assert post(api, {"sender": BANK}).status_code == 503
        assert requests.get(f"{api.url}/healthz", timeout=10).status_code == 503
        assert api.audit.records == []


def test_a_key_may_ask_so_many_questions_a_second(tmp_path: Path) -> None:
    with live(tmp_path, ROWS, pace=Pace(0.001, 10)) as api:
        assert post(api, [{}] * 9).status_code == 200
        assert post(api, {}).status_code == 200
        late = post(api, {})
        assert (late.status_code, int(late.headers["Retry-After"]) > 1) == (429, True)
        assert post(api, {}, "relay-8").status_code == 200, "each key has its own share"
        assert len(api.audit.records) == 3


def test_other_methods_and_paths(api: Live) -> None:
    wrong = requests.get(f"{api.url}/v1/verify", headers=api.bearer(), timeout=10)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")
    assert requests.get(f"{api.url}/v2", timeout=10).json() == {"error": "Not Found."}


def test_keys_change_without_a_restart_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    from streams.errors import ConfigError

    with live(tmp_path, ROWS) as api:
        api.key_path.write_text("[[key]]\nid = 7\n")
        with pytest.raises(ConfigError, match="key 1: id"):
            api.key_file.refresh()
        assert post(api, {}).status_code == 200
        api.key_path.write_text("")
        assert api.key_file.refresh() is True
        assert post(api, {}).status_code == 401
