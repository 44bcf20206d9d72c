"""Commands that need no broker: replay, explain, schemas, policy check, demo."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from streams.packs import JURISDICTIONS
from tests.cli.tool import dualblock
from tests.replay.small import POLICY, REGISTRY, lines, message, read

WARNING = "warning: demo keys are in use: these pseudonyms hide nobody. Configure keys for real numbers.\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The small carrier, two messages of which the second takes a wrong route."""
    monkeypatch.chdir(tmp_path)
    return {
        "registry": lines(tmp_path / "registry.ndjson", *REGISTRY),
        "policy": lines(tmp_path / "policy.ndjson", POLICY),
        "messages": lines(tmp_path / "messages.ndjson", message(1), message(2, relay="relay-9")),
    }


def options(files: dict[str, str]) -> list[str]:
    return [word for name, file in files.items() for word in (f"--{name}", file)]


def test_replay_writes_its_files_and_says_so(files: dict[str, str]) -> None:
    said = dualblock("replay", *options(files), "--out", "out")
    assert said.code == 0
    assert said.err.startswith(WARNING) and "2 decisions in" in said.err and said.err.endswith("Results: out\n")
    assert "SENDER_WRONG_ROUTE (BLOCK)" in said.out
    assert [d["verdict"] for d in read(Path("out/decisions.ndjson"))] == ["ALLOW", "BLOCK"]


def test_replay_prints_one_object(files: dict[str, str]) -> None:
    said = dualblock("replay", *options(files), "--out", "out", "--json")
    assert json.loads(said.out) == json.loads(Path("out/summary.json").read_text())


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_replay_reads_stdin(files: dict[str, str], pack: Any) -> None:
    given = pack(Path(files.pop("messages")).read_bytes())
    said = dualblock("replay", *options(files), "--messages", "-", "--out", "out", given=given)
    assert said.code == 0
    assert len(read(Path("out/decisions.ndjson"))) == 2


def test_replay_uses_the_configured_keys(files: dict[str, str]) -> None:
    env = {
        "DUALBLOCK_PUBLICATION_KEY_ID": "mine", "DUALBLOCK_PUBLICATION_KEY_HEX": "ab" * 32,
        "DUALBLOCK_STATE_KEY_HEX": "cd" * 32,
    }  # fmt: skip
    said = dualblock("replay", *options(files), "--out", "out", env=env)
    assert WARNING not in said.err
    assert read(Path("out/decisions.ndjson"))[0]["recipient"].startswith("~mine.")


REPLAY_REFUSED = {
    "a missing file": (
        ["--messages", "nowhere"], "error: nowhere is not a file: name an existing one, or - for standard input.\n",
    ),
    "stdin twice": (
        ["--messages", "-", "--registry", "-"],
        "error: Standard input (-) can be read only once: name files for the other inputs.\n",
    ),
    "no such pack": (
        ["--messages", "m", "--jurisdiction", "xx"],
        f"error: There is no pack for 'xx': choose {' or '.join(JURISDICTIONS)}.\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REPLAY_REFUSED)
def test_replay_refuses_with_a_sentence(name: str, files: dict[str, str]) -> None:
    words, sentence = REPLAY_REFUSED[name]
    said = dualblock("replay", *words, "--out", "out")
    assert (said.code, said.err.removeprefix(WARNING)) == (2, sentence)


def test_replay_into_a_file_is_refused(files: dict[str, str]) -> None:
    said = dualblock("replay", *options(files), "--out", files["policy"])
    assert said.code == 2
    assert "can't be written (File exists): name another --out." in said.err


def test_replay_without_messages_is_refused() -> None:
    assert dualblock("replay", "--out", "out").code == 2


@pytest.fixture
def decided(files: dict[str, str]) -> dict[str, str]:
    assert dualblock("replay", *options(files), "--out", "out").code == 0
    return files


def test_explain_takes_a_decision_from_its_file(decided: dict[str, str]) -> None:
    said = dualblock("explain", "--decision", "out/decisions.ndjson", "--event-id", "e2")
    assert said.code == 0
    assert said.out.startswith("Message e2 from kr:15881234 (representative) was blocked on the termination leg")
    assert "Why: BLOCK won by a forged caller ID" in said.out
    assert "What would have changed it: SENDER_WRONG_ROUTE would not stand if" in said.out
    assert "Policy sha256:" in said.out


def test_explain_reads_stdin_and_prints_json(decided: dict[str, str]) -> None:
    given = Path("out/decisions.ndjson").read_bytes()
    said = dualblock("explain", "--decision", "-", "--json", given=given)
    held = json.loads(said.out)
    assert {"verdict", "checks", "why", "changed", "notes", "versions", "differs"} == held.keys()
    assert {line["check"]: line["outcome"] for line in held["checks"]}["route"] == "PASS"


def test_explain_says_whether_a_decision_recomputes(decided: dict[str, str]) -> None:
    words = ("explain", "--decision", "out/decisions.ndjson", "--event-id", "e2", *options(decided))
    assert dualblock(*words).code == 0
    lines(Path(decided["registry"]), *REGISTRY[1:])
    said = dualblock(*words)
    assert said.code == 1
    assert "The decision does not recompute: " in said.err and "versions" in said.err


def test_explain_decides_from_the_messages_alone(files: dict[str, str]) -> None:
    said = dualblock("explain", *options(files), "--event-id", "e2")
    assert said.code == 0
    assert "Message e2" in said.out


def test_explain_answers_no_when_there_is_no_such_event(decided: dict[str, str]) -> None:
    said = dualblock("explain", "--decision", "out/decisions.ndjson", "--event-id", "e9")
    assert (said.code, said.err) == (1, "out/decisions.ndjson holds no decision on e9.\n")
    said = dualblock("explain", *options(decided), "--event-id", "e9")
    assert said.code == 1 and "No event e9 was decided" in said.err


def test_explain_needs_something_to_explain(decided: dict[str, str]) -> None:
    assert "Name a decision to explain" in dualblock("explain").err
    said = dualblock("explain", "--decision", decided["policy"])
    assert said.code == 2
    assert "policy.ndjson:1 is no decision" in said.err


def test_schemas_are_written_and_checked(tmp_path: Path) -> None:
    where = str(tmp_path / "schemas")
    assert dualblock("schemas", "--check", "--out", where).code == 1
    assert dualblock("schemas", "--out", where).code == 0
    assert dualblock("schemas", "--check", "--out", where).code == 0
    (tmp_path / "schemas" / "votes.v1.json").write_text("{}")
    said = dualblock("schemas", "--check", "--out", where)
    assert said.code == 1
    assert said.err == f"{where} is out of step with the contracts (votes.v1.json): run `dualblock schemas`.\n"


def test_the_schemas_of_the_checkout_are_in_step() -> None:
    where = Path(__file__).parents[2] / "schemas"
    assert dualblock("schemas", "--check", "--out", str(where)).code == 0


def test_policy_check_builds_the_policy(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text("epoch_ms = 30000\n[modes]\nNUMBER_TERMINATED = 'LABEL'\n")
    plain, mine = dualblock("policy", "check"), dualblock("policy", "check", str(overlay))
    assert (plain.code, mine.code) == (0, 0)
    assert plain.out.split()[0] != mine.out.split()[0]
    assert "kr, profile enforce" in mine.out and "epoch 30000 ms" in mine.out


POLICY_REFUSED = {
    "epoch_ms = 7": "epoch_ms must divide a day",
    "[ranks]\nforgery = 1": "ranks must be unique integers",
    "colour = 1": "the pack is not valid: Object contains unknown field `colour`",
    "[modes]\nNUMBER_TERMINATED = 'MAYBE'": "the pack is not valid: Invalid enum value 'MAYBE'",
    "x = ": "is no TOML",
}


@pytest.mark.parametrize("text", POLICY_REFUSED)
def test_policy_check_refuses_with_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(text)
    said = dualblock("policy", "check", str(tmp_path / "p.toml"))
    assert (said.code, said.out) == (2, "")
    assert POLICY_REFUSED[text] in said.err
    assert len(said.err.splitlines()) == 1


#: What a demo writes and a replay reads, each under its own option.
REPLAYED = (
    "registry",
    "policy",
    "settings",
    "blacklists",
    "directives",
    "orders",
    "appeals",
    "jobs",
    "reports",
    "messages",
)


def test_the_demo_ends_well_and_can_be_replayed(tmp_path: Path) -> None:
    out, again = tmp_path / "demo", tmp_path / "again"
    said = dualblock("demo", "--messages", "28000", "--seed", "7", "--out", str(out), "--json")
    summary = json.loads(said.out)
    assert said.code == 0
    assert (summary["seed"], summary["messages"], summary["decisions"]) == (7, 28_000, 28_000)
    assert all(a["injected"] >= 100 for a in summary["attacks"])
    assert sum(t["falsely_blocked"] for t in summary["twins"]) == summary["late_enforcement"] == 0
    words = [w for n in REPLAYED for w in (f"--{n}", str(out / f"{n}.ndjson"))]
    assert dualblock("replay", *words, "--out", str(again)).code == 0
    for name in ("decisions.ndjson", "sanctions.ndjson", "dead.ndjson"):
        assert (out / name).read_bytes() == (again / name).read_bytes(), name


DEMO_REFUSED = {
    ("--messages", "10"): "the demo needs between",
    ("--bootstrap", "127.0.0.1:1"): "--bootstrap goes with --kafka",
}


@pytest.mark.parametrize("words", DEMO_REFUSED)
def test_the_demo_refuses_with_a_sentence(words: tuple[str, ...], tmp_path: Path) -> None:
    said = dualblock("demo", *words, "--out", str(tmp_path / "demo"))
    assert said.code == 2
    assert DEMO_REFUSED[words] in said.err
