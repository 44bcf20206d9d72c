"""Replay of files: what is decided from what, in which order, and that it is the same every time."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streams.config import DEMO_KEYS
from streams.engine.pseudonym import Keys
from streams.errors import InputError
from streams.replay.files import Inputs, replay
from streams.replay.outputs import FILES
from tests.replay.small import MINUTE, POLICY, REGISTRY, T, lines, message, read, report

KEYS = Keys(*DEMO_KEYS)


def run(out: Path, **names: str | list[str]) -> dict[str, Any]:
    inputs = Inputs(**{k: (v,) if isinstance(v, str) else tuple(v) for k, v in names.items()})
    return replay(inputs, out, jurisdiction="kr", keys=KEYS)


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """The small carrier's registry and policy, as files."""
    return {
        "registry": lines(tmp_path / "registry.ndjson", *REGISTRY),
        "policy": lines(tmp_path / "policy.ndjson", POLICY),
    }


def codes(decision: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in decision.get("reasons", ())]


def test_messages_are_decided_by_registry_and_policy(tmp_path: Path, base: dict[str, str]) -> None:
    sent = lines(
        tmp_path / "m.ndjson",
        message(1),
        message(2, relay="relay-9"),
        message(3, sender="15889999", relay="relay-9"),
    )
    summary = run(tmp_path / "out", messages=sent, **base)
    one, two, three = read(tmp_path / "out" / "decisions.ndjson")
    assert (one["verdict"], one["action"], codes(one)) == ("ALLOW", "DELIVER", [])
    assert (two["verdict"], codes(two)) == ("BLOCK", ["SENDER_WRONG_ROUTE"])
    assert (three["verdict"], codes(three)) == ("BLOCK", ["SENDER_NOT_REGISTERED"])
    assert (summary["messages"], summary["decisions"], summary["actions"]) == (3, 3, {"REJECT": 2, "DELIVER": 1})
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(FILES)


def test_without_a_policy_all_is_allowed_and_observed(tmp_path: Path, base: dict[str, str]) -> None:
    sent = lines(tmp_path / "m.ndjson", message(1, relay="relay-9"))
    run(tmp_path / "out", messages=sent, registry=base["registry"])
    (one,) = read(tmp_path / "out" / "decisions.ndjson")
    assert (one["verdict"], one["reasons"][0]["mode"], one["shadow"]["verdict"]) == ("ALLOW", "OBSERVE", "BLOCK")


def test_a_report_takes_its_place_among_the_messages(tmp_path: Path, base: dict[str, str]) -> None:
    """Ten people report a campaign in minute 0; it is blocked from two epochs later, not before."""
    reports = lines(tmp_path / "r.ndjson", *(report(n, T + n) for n in range(10)))
    row = {**REGISTRY[0], "key": "sender:kr:15889999"}
    open_row = {**row, "timeline": [{"version": 1, "owner": "org:2", "routes": {"mode": "open"}}]}
    registry = lines(tmp_path / "more.ndjson", open_row)
    sent = [
        message(n, sender="15889999", relay="relay-9", at=T + n * MINUTE, content={"text": "win a prize"})
        for n in range(4)
    ]
    names = lines(tmp_path / "m.ndjson", *sent)
    base_files = {**base, "registry": [base["registry"], registry]}
    summary = run(tmp_path / "out", messages=names, reports=reports, **base_files)
    verdicts = [d["verdict"] for d in read(tmp_path / "out" / "decisions.ndjson")]
    assert verdicts == ["ALLOW", "ALLOW", "BLOCK", "BLOCK"]
    held = read(tmp_path / "out" / "sanctions.ndjson")
    assert "TEMP_BLOCK" in {entry["step"] for row in held for entry in row["timeline"]}
    assert (summary["sanctions"], summary["late_enforcement"]) == (sum(len(row["timeline"]) for row in held), 0)


def test_a_directive_is_carried_out(tmp_path: Path, base: dict[str, str]) -> None:
    order = {
        "reference": "K-1", "subject": "relay:relay-7", "act": "block", "from_ms": T, "recorded_at_ms": T - MINUTE,
        "authority": "carrier",
    }  # fmt: skip
    sent = lines(tmp_path / "m.ndjson", message(1, at=T - MINUTE), message(2, at=T + MINUTE))
    run(tmp_path / "out", messages=sent, directives=lines(tmp_path / "d.ndjson", order), **base)
    assert [d["verdict"] for d in read(tmp_path / "out" / "decisions.ndjson")] == ["ALLOW", "BLOCK"]


def test_files_are_merged_by_ingest_time(tmp_path: Path, base: dict[str, str]) -> None:
    one = lines(tmp_path / "a.ndjson", message(1, at=T), message(4, at=T + 3000))
    two = lines(tmp_path / "b.ndjson", message(2, at=T + 1000), b"broken", message(3, at=T + 2000))
    run(tmp_path / "out", messages=[one, two], **base)
    assert [d["event_id"] for d in read(tmp_path / "out" / "decisions.ndjson")] == ["e1", "e2", "e3", "e4"]


def test_a_line_out_of_order_is_decided_where_it_stands(tmp_path: Path, base: dict[str, str]) -> None:
    one = lines(tmp_path / "a.ndjson", message(1, at=T + 5 * MINUTE), message(2, at=T))
    two = lines(tmp_path / "b.ndjson", message(3, at=T + MINUTE))
    run(tmp_path / "out", messages=[one, two], **base)
    decisions = read(tmp_path / "out" / "decisions.ndjson")
    assert [d["event_id"] for d in decisions] == ["e3", "e1", "e2"]
    assert decisions[2]["event_time_ms"] == T


def test_an_exported_row_is_there_from_the_first_of_its_entries(tmp_path: Path) -> None:
    """A row as the registry holds it carries old and new entries in one line; the old one must not come late."""
    row = {"key": "sender:kr:15881234", "kind": "sender", "timeline": [
        {"version": 1, "recorded_at_ms": T - 9 * MINUTE, "routes": {"mode": "exclusive", "relays": ["relay-7"]}},
        {"version": 2, "recorded_at_ms": T + 9 * MINUTE, "from_ms": T + 9 * MINUTE,
         "routes": {"mode": "exclusive", "relays": ["relay-9"]}}]}  # fmt: skip
    sent = lines(tmp_path / "m.ndjson", message(1, at=T), message(2, at=T + 10 * MINUTE))
    run(
        tmp_path / "out", messages=sent, registry=lines(tmp_path / "r.ndjson", row),
        policy=lines(tmp_path / "p.ndjson", POLICY),
    )  # fmt: skip
    assert [d["verdict"] for d in read(tmp_path / "out" / "decisions.ndjson")] == ["ALLOW", "BLOCK"]


def test_gzip_is_read_as_it_is(tmp_path: Path, base: dict[str, str]) -> None:
    plain = lines(tmp_path / "m.ndjson", message(1), message(2))
    packed = tmp_path / "m.gz"
    packed.write_bytes(gzip.compress(Path(plain).read_bytes()))
    run(tmp_path / "a", messages=plain, **base)
    run(tmp_path / "b", messages=str(packed), **base)
    assert (tmp_path / "a/decisions.ndjson").read_bytes() == (tmp_path / "b/decisions.ndjson").read_bytes()


def test_line_ends_and_a_byte_order_mark_are_no_part_of_an_event(tmp_path: Path, base: dict[str, str]) -> None:
    plain = lines(tmp_path / "m.ndjson", message(1), message(2))
    windows = tmp_path / "w.ndjson"
    windows.write_bytes(b"\xef\xbb\xbf" + Path(plain).read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    run(tmp_path / "a", messages=plain, **base)
    run(tmp_path / "b", messages=str(windows), **base)
    assert (tmp_path / "a/decisions.ndjson").read_bytes() == (tmp_path / "b/decisions.ndjson").read_bytes()


def test_the_same_files_give_the_same_bytes_in_every_process(tmp_path: Path, base: dict[str, str]) -> None:
    sent = lines(tmp_path / "m.ndjson", *(message(n, relay=f"relay-{7 + n % 3}") for n in range(60)), b"{]")
    reports = lines(tmp_path / "r.ndjson", *(report(n, T + n) for n in range(12)))
    program = (
        "import sys; from pathlib import Path; from tests.replay.test_files import run; m, r, g, p, o = sys.argv[1:];"
        "run(Path(o), messages=m, reports=r, registry=g, policy=p)"
    )
    for seed in ("1", "2"):
        arguments = [sent, reports, base["registry"], base["policy"], str(tmp_path / seed)]
        subprocess.run(
            [sys.executable, "-c", program, *arguments],
            check=True, timeout=60, cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
    for name in FILES:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_a_missing_file_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.ndjson is not a file: name an existing one"):
        run(tmp_path / "out", messages=str(tmp_path / "nowhere.ndjson"))
    assert not (tmp_path / "out").exists()


def test_stdin_can_be_named_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can be read only once"):
        run(tmp_path / "out", messages="-", reports="-")


def test_an_interrupted_run_leaves_no_finished_files(tmp_path: Path, base: dict[str, str]) -> None:
    packed = gzip.compress(b"".join(b"%s\n" % str(n).encode() for n in range(9000)))
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=r"cut.gz breaks off after line \d+ .*: fetch it again"):
        run(tmp_path / "out", messages=str(tmp_path / "cut.gz"), **base)
    assert not [p for p in (tmp_path / "out").iterdir() if p.name in FILES]
