"""Imports as pure steps: what files come to, what is rejected and why, what an import changes and what stops it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from streams.cli.imports.numbers import Numbers, build, parse_numbers
from streams.cli.imports.plan import Import, Plan, make
from streams.cli.imports.rows import Parsed, parse_rows
from streams.cli.imports.seen import Seen
from streams.cli.kafka import Held
from streams.contracts.base import encoder
from streams.contracts.feeds import Manifest, RegistryValue, key_of
from streams.contracts.registry import BlockRow, NumberRow, SenderRow
from streams.engine.blocks import state_at
from streams.engine.policy import build as build_policy
from streams.engine.registry import merge
from streams.packs import shipped
from streams.replica.changes import Change

PACK = build_policy(shipped()["kr", "enforce"]).pack
T = 1_765_944_000_000
HOUR, DAY = 3_600_000, 86_400_000
SENDERS = ("kr:sender",)


def nothing() -> None:
    return


class World:
    """A registry that takes plans, as the registrar would."""

    def __init__(self) -> None:
        self.view = Held()
        self._offset = 0

    def take(self, values: Iterable[RegistryValue]) -> None:
        for value in values:
            key = key_of(value)
            merged = merge(self.view.held(key, 0), value)
            if merged is not None:
                self.view.apply([Change("registry", 0, self._offset, key, encoder().encode(merged))])
                self._offset += 1

    def rows(
        self, path: Path, text: str, *, at: int = T, seen: Seen = lambda keys: None, **more: Any
    ) -> tuple[Parsed, Plan]:
        path.write_text(text)
        parsed = parse_rows([str(path)], PACK.grammar, at, nothing)
        return parsed, self._plan(parsed, _spec("kr-sender-registry", at, **more), seen)

    def numbers(self, path: Path, text: str, *, at: int = T, **more: Any) -> tuple[Numbers, Plan]:
        path.write_text(text)
        spec = _spec("kr-number-status", at, **more)
        parsed = parse_numbers([str(path)], PACK, self.view, at, nothing)
        build(parsed, self.view, spec.generation, at, spec.complete_for)
        return parsed, self._plan(parsed, spec)

    def _plan(self, parsed: Parsed, spec: Import, seen: Seen = lambda keys: None) -> Plan:
        return make(parsed, self.view.rows(), self.view, spec, PACK, seen)

    def imported(self, plan: Plan, spec: Import) -> None:
        """Rows, what ended, and the manifest of a generation in one partition."""
        manifest = Manifest(
            generation=spec.manifest, feed=spec.feed, from_ms=spec.as_of_ms, partition=0, rows=len(plan.rows)
        )
        self.take([*plan.rows, *plan.ended, manifest])

    def state(self, number: str) -> str:
        row = self.view.row("block:" + number[:-4])
        assert isinstance(row, BlockRow)
        return state_at(row.current.states, int(number[-4:]))


def _spec(feed: str, at: int, *, complete: tuple[str, ...] = (), generation: str = "g1") -> Import:
    return Import(feed=feed, generation=generation, as_of_ms=at, complete_for=complete)


CSV = """kind,key,owner,routes.mode,routes.relays
sender,1588-1234,org:1,exclusive,relay-7|relay-9
sender,kr:16441111,org:2,listed,relay-7
sender,My Bank,org:3,open,
"""


def test_csv_rows_become_rows_of_the_contract(tmp_path: Path) -> None:
    parsed, plan = World().rows(tmp_path / "s.csv", CSV)
    assert (parsed.rejects, plan.refusals, plan.ended) == ([], [], [])
    assert [row.key for row in plan.rows] == ["sender:kr:15881234", "sender:kr:16441111", "sender:kr:alnum:my bank"]
    first = plan.rows[0]
    assert isinstance(first, SenderRow)
    (entry,) = first.timeline
    assert (entry.version, entry.from_ms, entry.recorded_at_ms) == (1, T, T)
    assert (entry.owner, entry.routes.mode, entry.routes.relays) == ("org:1", "exclusive", ("relay-7", "relay-9"))


def test_a_row_that_says_the_same_is_the_same_row(tmp_path: Path) -> None:
    world = World()
    _, first = world.rows(tmp_path / "s.csv", CSV)
    world.take(first.rows)
    _, second = world.rows(tmp_path / "s.csv", CSV, at=T + DAY, generation="g2")
    assert second.rows == first.rows


def test_a_row_that_says_something_new_gets_the_next_version(tmp_path: Path) -> None:
    world = World()
    _, first = world.rows(tmp_path / "s.csv", CSV)
    world.take(first.rows)
    _, second = world.rows(tmp_path / "s.csv", CSV.replace("relay-7|relay-9", "relay-8"), at=T + DAY, generation="g2")
    world.take(second.rows)
    row = world.view.row("sender:kr:15881234")
    assert isinstance(row, SenderRow)
    assert [(e.version, e.from_ms, e.routes.relays) for e in row.timeline] == [
        (1, T, ("relay-7", "relay-9")), (2, T + DAY, ("relay-8",)),
    ]  # fmt: skip


def test_a_row_that_came_back_after_its_end_counts_again(tmp_path: Path) -> None:
    world = World()
    lines = CSV.splitlines(keepends=True)
    for day, text in enumerate((CSV, "".join(lines[:3]), CSV)):
        _, plan = world.rows(tmp_path / "s.csv", text, at=T + day * DAY, complete=SENDERS, generation=f"g{day}")
        world.take([*plan.rows, *plan.ended])
    row = world.view.row("sender:kr:alnum:my bank")
    assert isinstance(row, SenderRow)
    assert [(e.version, e.from_ms, e.to_ms) for e in row.timeline] == [(1, T, T + DAY), (2, T + 2 * DAY, None)]


REJECTED = {
    "no such kind": ("planet,mars,,,", "NO_SUCH_KIND"),
    "a wrong value": ("sender,16441111,org:2,strict,", "NOT_A_ROW"),
    "too many cells": ("sender,16441111,org:2,open,,,,x", "TOO_MANY_CELLS"),
    "a key nobody would look for": ("sender,sender:kr:1644-1111,org:2,open,", "KEY_NOT_CANONICAL"),
    "a field of another kind": ("relay,relay-1,org:2,,", "NO_SUCH_COLUMN"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_csv_row_is_rejected_with_its_number_and_reason(name: str, tmp_path: Path) -> None:
    row, reason = REJECTED[name]
    parsed, plan = World().rows(tmp_path / "s.csv", CSV + row + "\n")
    (reject,) = parsed.rejects
    assert (reject.row, reject.reason, reject.text) == (5, reason, row)
    assert len(plan.rows) == 3


def test_text_in_another_encoding_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(CSV.encode() + "sender,은행,org:4,open,\n".encode("cp949"))
    parsed = parse_rows([str(path)], PACK.grammar, T, nothing)
    assert [(r.row, r.reason) for r in parsed.rejects] == [(5, "NOT_UTF8")]


def sender(key: str = "sender:kr:15881234", **entry: Any) -> str:
    return json.dumps({"key": key, "kind": "sender", "timeline": [{"version": 1, **entry}]})


NDJSON_REJECTED = {
    "no json": ("{", "NOT_JSON"),
    "no row": ('{"key": "x"}', "NOT_A_ROW"),
    "a heartbeat": ('{"feed": "f", "beats": []}', "NOT_A_ROW"),
    "no entry": ('{"key": "sender:kr:16441111", "kind": "sender", "timeline": []}', "EMPTY_TIMELINE"),
    "another kind's key": (sender("relay:relay-7"), "WRONG_KEY"),
    "ends before it begins": (sender("sender:kr:16441111", from_ms=9, to_ms=8), "ENDS_BEFORE_IT_BEGINS"),
    "twice with another content": (sender(owner="org:9"), "VERSION_REUSED"),
    "depth": ('{"key":' * 2000, "NOT_JSON"),
}


@pytest.mark.parametrize("name", NDJSON_REJECTED)
def test_an_ndjson_row_is_rejected_with_its_number_and_reason(name: str, tmp_path: Path) -> None:
    row, reason = NDJSON_REJECTED[name]
    parsed, plan = World().rows(tmp_path / "s.ndjson", f"{sender()}\n\n{row}\n")
    assert [(r.row, r.reason) for r in parsed.rejects] == [(3, reason)]
    assert [r.key for r in plan.rows] == ["sender:kr:15881234"]


def test_a_row_that_contradicts_the_registry_is_rejected(tmp_path: Path) -> None:
    world = World()
    world.take(world.rows(tmp_path / "a.ndjson", sender(owner="org:1"))[1].rows)
    parsed, plan = world.rows(tmp_path / "b.ndjson", sender(owner="org:2"), generation="g2")
    assert [(r.row, r.reason) for r in parsed.rejects] == [(1, "VERSION_REUSED")]
    assert plan.rows == []


def test_only_a_complete_import_ends_what_it_leaves_out(tmp_path: Path) -> None:
    world = World()
    world.take(world.rows(tmp_path / "s.csv", CSV)[1].rows)
    shorter = "".join(CSV.splitlines(keepends=True)[:3])
    _, part = world.rows(tmp_path / "s.csv", shorter, at=T + DAY, generation="g2")
    assert (part.ended, part.refusals) == ([], [])
    _, whole = world.rows(tmp_path / "s.csv", shorter, at=T + DAY, complete=SENDERS, generation="g2")
    (ended,) = whole.ended
    assert isinstance(ended, SenderRow)
    assert (ended.key, ended.timeline[0].to_ms) == ("sender:kr:alnum:my bank", T + DAY)
    assert ended.timeline[0].dropped_by  # what a list has lost can be told from what somebody ended
    assert whole.refusals == [
        "1 registered senders would vanish from the register and be blocked (sender:kr:alnum:my bank): put them back "
        "into the file, or use --force."
    ]


@pytest.mark.parametrize(("left", "refused"), [(10, False), (8, False), (7, True)])
def test_a_shrink_of_more_than_a_fifth_is_refused(left: int, refused: bool, tmp_path: Path) -> None:
    world = World()
    rows = [f"relay,relay-{n}" for n in range(10)]
    header = "kind,key\n"
    _, first = world.rows(tmp_path / "r.csv", header + "\n".join(rows))
    world.imported(first, Import(feed="kr-sender-registry", generation="g1", as_of_ms=T))
    _, second = world.rows(tmp_path / "r.csv", header + "\n".join(rows[:left]), at=T + DAY, generation="g2")
    assert bool(second.refusals) is refused
    if refused:
        assert second.refusals[0].startswith("kr-sender-registry would shrink by 30 % (10 to 7 rows)")


NUMBERS = """number,status,since
+821055501111,active,
+821055501112,terminated,2025-12-01T00:00:00Z
+821055501113,terminated,2025-12-17T03:00:00Z
01055501114,suspended,
1588-1234,active,
"""
MOBILE = ("kr:mobile",)


def test_numbers_become_blocks_and_the_recent_ones_rows(tmp_path: Path) -> None:
    world = World()
    parsed, plan = world.numbers(tmp_path / "n.csv", NUMBERS, complete=MOBILE)
    assert parsed.rejects == []
    world.take(plan.rows)
    assert [row.key for row in plan.rows] == ["block:+82105550", "block:kr:1588", "number:+821055501113"]
    assert world.state("+821055501111") == "active"
    assert world.state("+821055501112") == "terminated"
    assert world.state("+821055501113") == "active", "its grace is not over: the row says the rest"
    assert world.state("+821055501114") == "suspended"
    assert world.state("+821055509999") == "unallocated", "left out of a complete file"
    assert world.state("kr:15889999") == "unknown", "left out of a file that is not complete for it"
    row = world.view.row("number:+821055501113")
    assert isinstance(row, NumberRow)
    assert (row.timeline[0].from_ms, row.timeline[0].recorded_at_ms) == (1_765_940_400_000, T)


def test_the_next_import_folds_the_row_into_its_block(tmp_path: Path) -> None:
    world = World()
    world.take(world.numbers(tmp_path / "n.csv", NUMBERS)[1].rows)
    _, plan = world.numbers(tmp_path / "n.csv", NUMBERS, at=T + 2 * DAY, generation="g2")
    world.take([*plan.rows, *plan.ended])
    assert world.state("+821055501113") == "terminated"
    row = world.view.row("number:+821055501113")
    assert isinstance(row, NumberRow)
    assert row.timeline[0].to_ms == T + 2 * DAY
    block = world.view.row("block:+82105550")
    assert isinstance(block, BlockRow) and block.previous is not None
    assert (block.current.generation, block.previous.generation) == ("g2", "g1")


def test_without_since_the_grace_runs_from_the_import_that_first_says_so(tmp_path: Path) -> None:
    world = World()
    text = "number,status\n+821055501111,terminated\n+821055502222,active\n"
    _, first = world.numbers(tmp_path / "n.csv", text)
    world.take(first.rows)
    assert "number:+821055501111" in [row.key for row in first.rows]
    _, soon = world.numbers(tmp_path / "n.csv", text, at=T + HOUR, generation="g2")
    assert first.rows[-1] in soon.rows, "the same row: the grace does not start again"
    world.take([*soon.rows, *soon.ended])
    _, later = world.numbers(tmp_path / "n.csv", text, at=T + 2 * DAY, generation="g3")
    world.take([*later.rows, *later.ended])
    assert world.state("+821055501111") == "terminated"


NUMBERS_REJECTED = {
    "a word": ("hello,active,", "NO_SUCH_NUMBER"),
    "a foreign number": ("+12025550123,active,", "NO_SUCH_NUMBER"),
    "no such status": ("+821055501119,gone,", "NO_SUCH_STATUS"),
    "no time": ("+821055501119,terminated,yesterday", "NO_TIME"),
    "a time without a zone": ("+821055501119,terminated,2025-12-01T00:00", "NO_TIME"),
    "the future": ("+821055501119,terminated,2035-12-01T00:00Z", "SINCE_THE_FUTURE"),
    "twice": ("+821055501111,active,", "TWICE"),
}


@pytest.mark.parametrize("name", NUMBERS_REJECTED)
def test_a_number_is_rejected_with_its_row_and_reason(name: str, tmp_path: Path) -> None:
    row, reason = NUMBERS_REJECTED[name]
    parsed, _ = World().numbers(tmp_path / "n.csv", NUMBERS + row + "\n")
    assert [(r.row, r.reason, r.text) for r in parsed.rejects] == [(7, reason, row)]


def test_numbers_that_shrink_are_refused(tmp_path: Path) -> None:
    world = World()
    many = "number,status\n" + "".join(f"+8210555{n:05d},active\n" for n in range(10_000, 10_100))
    world.take(world.numbers(tmp_path / "n.csv", many)[1].rows)
    few = "\n".join(many.splitlines()[:50])
    _, plan = world.numbers(tmp_path / "n.csv", few, at=T + DAY, generation="g2")
    assert plan.refusals[0].startswith("kr-number-status would shrink by 51 % (100 to 49 numbers)")


def test_a_block_that_a_complete_file_no_longer_has_is_unallocated(tmp_path: Path) -> None:
    world = World()
    header, one, two = "number,status\n", "+821055501111,active\n", "+821066601111,active\n"
    world.take(world.numbers(tmp_path / "n.csv", header + one + two, complete=MOBILE)[1].rows)
    _, plan = world.numbers(tmp_path / "n.csv", header + one, at=T + DAY, complete=MOBILE, generation="g2")
    world.take(plan.ended)
    assert world.state("+821066601111") == "unallocated"
    assert len(plan.refusals) == 1
