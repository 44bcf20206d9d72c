"""`dualblock backtest`: from files, from a lake, from the topic; and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.contracts.feeds import key_of
from streams.replay.records import registry_value
from tests.cli.tool import Said, cluster, dualblock
from tests.lake.kit import fill, lake, records
from tests.pipeline.toy import produce
from tests.replay.proposals import NOW, SENT, sender
from tests.replay.small import POLICY, REGISTRY, T, lines, message

NEW = sender(relays=("relay-9",), version=2, from_ms=NOW, recorded_at_ms=NOW)
WRONG = {"registered": True, "sender": "kr:15881234", "reason": "SENDER_WRONG_ROUTE"}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small carrier with a new row for its one sender, and a policy that labels wrong routes."""
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "registry.ndjson", *REGISTRY)
    lines(tmp_path / "policy.ndjson", POLICY)
    lines(tmp_path / "messages.ndjson", *SENT)
    lines(tmp_path / "new.ndjson", NEW)
    (tmp_path / "label.toml").write_text("[modes]\nSENDER_WRONG_ROUTE = 'LABEL'\n")
    return tmp_path


def tried(*words: str) -> Said:
    today = ("--today-registry", "registry.ndjson", "--today-policy", "policy.ndjson", "--messages", "messages.ndjson")
    return dualblock("backtest", "--from", "files", *today, *words)


def test_a_rise_over_the_bound_is_no(files: Path) -> None:
    said = tried("--registry", "new.ndjson")
    assert said.code == 1
    assert said.err.endswith("The registered senders' block rate would rise by more than 0.1%.\n")
    assert "Registered senders: 8 messages, blocked today 2 (250,000 ppm), by the new rules 6 (750,000 ppm)" in said.out
    first = next(line for line in said.out.splitlines() if "kr:15881234" in line)
    assert first.split() == ["yes", "kr:15881234", "relay-7", "SENDER_WRONG_ROUTE", "6"]


def test_a_rise_within_the_bound_is_good(files: Path) -> None:
    said = tried("--registry", "new.ndjson", "--bound", "50%", "--json")
    held = json.loads(said.out)
    assert (said.code, held["ok"], held["bound_ppm"]) == (0, True, 500_000)
    assert held["would_block"] == [{**WRONG, "relay": "relay-7", "messages": 6}]
    assert held["no_longer_blocked"] == [{**WRONG, "relay": "relay-9", "messages": 2}]


@pytest.mark.parametrize("name", ["label.toml", "overlay.json", "row.json"])
def test_a_policy_is_tried_as_toml_overlay_or_row(name: str, files: Path) -> None:
    pack = {"modes": {"SENDER_WRONG_ROUTE": "LABEL"}}
    (files / "overlay.json").write_text(json.dumps(pack))
    row = {"jurisdiction": "kr", "timeline": [{"profile": "enforce", "pack": pack, "from_ms": 2**52}]}
    (files / "row.json").write_text(json.dumps(row))
    held = json.loads(tried("--policy", name, "--json").out)
    assert held["actions"] == [{"today": "REJECT", "new": "LABEL", "messages": 2}]
    observed = json.loads(tried("--policy", name, "--profile", "observe", "--json").out)
    assert observed["registered"]["blocked_new"] == 0


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing new": ((), "Name something new to try"),
    "no such policy": (("--policy", "nowhere.toml"), "nowhere.toml can't be read"),
    "no such rows": (("--registry", "nowhere"), "nowhere is not a file"),
    "rows that are none": (("--registry", "messages.ndjson"), "messages.ndjson:1 is no row of a registry"),
    "a policy that does not build": (("--policy", "bad.toml"), "This policy does not build: epoch_ms"),
    "no TOML": (("--policy", "registry.ndjson"), "registry.ndjson is no TOML"),
    "no JSON": (("--policy", "bad.json"), "bad.json is no policy"),
    "no rate": (("--registry", "new.ndjson", "--bound", "much"), "'much' is no rate: write 0.1% or 1000ppm."),
    "no time": (("--registry", "new.ndjson", "--as-of", "today"), "'today' is no time"),
    "a window of files": (("--registry", "new.ndjson", "--since", "0"), "cut the files instead"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_ends_with_two_and_a_sentence(name: str, files: Path) -> None:
    (files / "bad.toml").write_text("epoch_ms = 7")
    (files / "bad.json").write_text("[1]")
    words, sentence = REFUSED[name]
    said = tried(*words)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


def test_files_go_with_files(files: Path) -> None:
    said = dualblock("backtest", "--from", "topic", "--registry", "new.ndjson", "--messages", "messages.ndjson")
    assert (said.code, "go with --from files" in said.err) == (2, True)
    said = dualblock("backtest", "--from", "files", "--registry", "new.ndjson")
    assert (said.code, "Name the messages" in said.err) == (2, True)


@pytest.fixture
def recorded(files: Path) -> str:
    """A lake of what the small carrier decided, a p2p sender among it, under its published policy."""
    people = [message(n, sender="01055501111", traffic_class="p2p", channel="mo") for n in (20, 21)]
    lines(files / "all.ndjson", *SENT, *people)
    words = ("--registry", "registry.ndjson", "--policy", "policy.ndjson", "--messages", "all.ndjson")
    assert dualblock("replay", *words, "--out", "out").code == 0
    decided = (files / "out" / "decisions.ndjson").read_bytes().splitlines()
    with lake(files / "lake") as held:
        history = records("policy.history", [json.dumps(POLICY).encode()])
        fill(held, [*records("decisions", decided), *history])
    return str(files / "lake")


def over(directory: str, *words: str) -> Said:
    return dualblock("backtest", "--from", "lake", "--lake", directory, "--json", *words)


def test_a_policy_is_tried_on_a_lake_and_says_what_files_say(recorded: str, files: Path) -> None:
    held = json.loads(over(recorded, "--policy", "label.toml").out)
    same = json.loads(tried("--policy", "label.toml", "--json").out)
    assert held["registered"] == same["registered"] and held["no_longer_blocked"] == same["no_longer_blocked"]
    assert held["not_judgeable"] == [] and held["others"]["messages"] == 2


def test_what_pseudonyms_hide_is_counted(recorded: str, files: Path) -> None:
    lines(files / "people.ndjson", sender("kr:01055502222"))
    said = over(recorded, "--registry", "people.ndjson")
    assert said.code == 0
    (hidden,) = json.loads(said.out)["not_judgeable"]
    assert (hidden["registered"], hidden["messages"]) == (False, 2) and "pseudonym" in hidden["why"]


def test_a_new_registration_is_tried_on_a_lake_and_says_what_files_say(recorded: str, files: Path) -> None:
    said = over(recorded, "--registry", "new.ndjson")
    same = json.loads(tried("--registry", "new.ndjson", "--json").out)
    assert said.code == 1
    assert {name: json.loads(said.out)[name] for name in ("registered", "would_block")} == {
        name: same[name] for name in ("registered", "would_block")
    }


def test_a_lake_that_can_judge_nothing_of_registered_senders_is_no(recorded: str, files: Path) -> None:
    lines(files / "dno.ndjson", {"key": "dno:kr:15881234", "kind": "dno", "timeline": [{"version": 1}]})
    said = over(recorded, "--registry", "dno.ndjson")
    assert said.code == 1 and "Nothing of registered senders could be judged" in said.err
    assert json.loads(said.out)["registered"]["messages"] == 0


def test_a_lake_without_policies_asks_for_today_s(recorded: str, files: Path) -> None:
    decided = (files / "out" / "decisions.ndjson").read_bytes().splitlines()
    with lake(files / "bare") as held:
        fill(held, records("decisions", decided))
    said = over("bare", "--policy", "label.toml")
    assert (said.code, "bare holds no policy of kr: name today's with --today-policy FILE." in said.err) == (2, True)
    named = over("bare", "--policy", "label.toml", "--today-policy", "policy.ndjson")
    assert json.loads(named.out) == json.loads(over(recorded, "--policy", "label.toml").out)


def test_a_window_of_a_lake(recorded: str, files: Path) -> None:
    held = json.loads(over(recorded, "--policy", "label.toml", "--since", str(T), "--until", str(T)).out)
    assert held["registered"]["messages"] == 0


def test_from_the_topic_by_what_stands_there_now(kafka: str, topics: str, files: Path) -> None:
    made = cluster(kafka, topics, str(files / "state"))
    made.env["DUALBLOCK_ALLOW_DEMO_KEYS"] = "true"
    connection = made.connection

    def put(entity: str, items: list[tuple[str, Any]]) -> None:
        produce(kafka, connection.topic(entity), [(0, key, msgspec.json.encode(value)) for key, value in items])

    rows = [registry_value(json.dumps(row).encode()) for row in REGISTRY]
    put("registry", [(key_of(row), row) for row in rows])
    put("policy", [("kr", POLICY)])
    put("messages", [("k", m) for m in SENT])
    produce(kafka, connection.topic("messages"), [(1, "k", b"{")])
    words = ("backtest", "--from", "topic", "--registry", "new.ndjson", "--json")
    said = made(*words)
    assert said.code == 1, said.err
    held = json.loads(said.out)
    assert held["would_block"] == [{**WRONG, "relay": "relay-7", "messages": 6}] and held["unreadable"] == 1
    same = json.loads(tried("--registry", "new.ndjson", "--json").out)
    assert held["registered"] == same["registered"]
    later = json.loads(made(*words, "--since", str(SENT[0]["ingested_at_ms"] + 1)).out)
    assert later["registered"]["messages"] == 0
