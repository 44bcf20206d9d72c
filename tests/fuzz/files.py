"""Targets: files that people hand in. Settings, policies, lines of a replay, registry imports, journals, decisions."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn

import msgspec

from streams.cli import explain as explain_command
from streams.cli.imports import numbers, plan, rows
from streams.cli.imports.journal import Journal
from streams.cli.policy import _build, _entry
from streams.cli.shell import duration_ms, instant, iso
from streams.config import load, problems_of, shown
from streams.contracts.base import encoder
from streams.contracts.evidence import Evidence
from streams.contracts.feeds import decode_registry
from streams.engine.pseudonym import Keys
from streams.errors import ConfigError, InputError
from streams.replay.drive import Drive, Raw, Refused
from streams.replay.evidence.verify import contents
from streams.replay.files import gate
from streams.replay.lines import merged, read_lines
from streams.replay.records import Kind, read_control
from tests.engine.kit import KEYS, T, alive, message, number, policies, relay, view
from tests.engine.properties import ROWS
from tests.fuzz.promise import DEEP, LONG, Target, examples, lines, with_field
from tests.replay.bundles import Carrier

_encode = encoder().encode


@cache
def _scratch() -> Path:
    """Of this process. Small files, written over and over."""
    return Path(tempfile.mkdtemp(prefix="dualblock-fuzz-"))


def _file(name: str, raw: bytes) -> Path:
    path = _scratch() / name
    path.write_bytes(raw)
    return path


@contextmanager
def _no_environment() -> Iterator[None]:
    held = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("DUALBLOCK_")}
    try:
        yield
    finally:
        os.environ.update(held)


def _settings(raw: bytes) -> None:
    with _no_environment():
        try:
            settings = load(_file("dualblock.toml", raw))
        except ConfigError as error:
            assert str(error)
            return
        assert load(_file("dualblock.toml", raw)) == settings
        problems_of(settings)
        shown(settings)


def _policy_file(raw: bytes) -> None:
    for place in ("kr", "generic"):
        try:
            _build(place, _entry(_file("policy.toml", raw), "enforce"))
        except InputError as error:
            assert str(error)


def _lines(raw: bytes) -> None:
    for value in (raw, gzip.compress(raw, 1), gzip.compress(raw, 1)[:-5], b"\x1f\x8b" + raw):
        name = str(_file("lines.ndjson", value))
        try:
            found = list(read_lines(name))
        except InputError:
            continue
        assert all(line.value.strip() and b"\n" not in line.value for line in found)
        assert sorted(line.value for line in merged([name, name])) == sorted(2 * [line.value for line in found])


def _replayed(kind: Kind | None) -> Callable[[bytes], None]:
    """One line among good ones of every kind, through a whole embedded run: each line is refused or has its effect."""

    def check(raw: bytes) -> None:
        refused: list[Refused] = []
        embedded = gate("kr", Keys(*KEYS))
        kinds: tuple[Kind, ...] = ("policy", "registry", "directives", "reports")
        control = [
            timed
            for one in kinds
            for timed in read_control(one, [*_good(one), *([Raw("x:1", raw)] if one == kind else [])], refused.append)
        ]
        decided: list[bytes] = []
        messages = [*_good("messages"), *([Raw("x:1", raw)] if kind is None else []), *_good("messages")]
        Drive(embedded, lambda decision: decided.append(_encode(decision)), refused.append, control).run(messages)
        assert len(decided) + sum(r.value == raw for r in refused) >= len(messages)
        assert all(r.reason.replace("_", "").isupper() for r in refused if r.value == raw), refused
        for row in embedded.sanctions():
            _encode(row)

    return check


@cache
def _good(entity: str) -> tuple[Raw, ...]:
    topic = {"registry": "feeds"}.get(entity, entity)
    return tuple(Raw(f"{entity}:{n}", raw) for n, raw in enumerate(examples(topic)))


def _rows_file(name: str) -> Callable[[bytes], None]:
    def check(raw: bytes) -> None:
        pack, held = policies().default.pack, view(*ROWS)
        try:
            parsed = rows.parse_rows([str(_file(name, raw))], pack.grammar, T, lambda: None)
        except InputError:
            return
        spec = plan.Import(feed="kr-sender-registry", generation="g1", as_of_ms=T, complete_for=("kr:sender",))
        made = plan.make(parsed, [row for row in ROWS if hasattr(row, "key")], held, spec, pack)
        _written(made, parsed)

    return check


def _numbers_file(raw: bytes) -> None:
    pack, held = policies().default.pack, view(*ROWS)
    try:
        parsed = numbers.parse_numbers([str(_file("numbers.csv", raw))], pack, held, T, lambda: None)
    except InputError:
        return
    complete = ("kr:mobile",)
    numbers.build(parsed, held, "g1", T, complete)
    spec = plan.Import(feed="kr-number-status", generation="g1", as_of_ms=T, complete_for=complete)
    _written(plan.make(parsed, [], held, spec, pack), parsed)


def _written(made: plan.Plan, parsed: rows.Parsed) -> None:
    """What is published can be read; what is not is a reject that can be written."""
    for row in (*made.rows, *made.ended):
        assert decode_registry(row.key, _encode(row)) == row
    for one in parsed.rejects:
        _encode(one)
        assert one.reason.replace("_", "").isupper()


def _journal(raw: bytes) -> None:
    journal = Journal(_scratch(), "feed", "2025-12-17")
    journal.path.parent.mkdir(exist_ok=True)
    journal.path.write_bytes(raw)
    try:
        noted = journal.read()
    except InputError:
        return
    assert noted is not None
    journal.write(noted)
    assert journal.read() == noted


class _NoneThere(Exception):
    """Instead of the command's exit."""


def _decisions_file(raw: bytes) -> None:
    def no(said: str) -> NoReturn:
        raise _NoneThere(said)

    held, explain_command.no = explain_command.no, no
    try:
        explain_command._find(str(_file("decisions.ndjson", raw)), None)
    except (InputError, _NoneThere):
        pass
    finally:
        explain_command.no = held


def _times(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    for read in (instant, duration_ms):
        try:
            iso(read(text))
        except InputError as error:
            assert str(error)


SETTINGS = (
    b'bootstrap = "kafka-1:9092"\nstate_dir = "/tmp/x"\nlog_level = "info"\n[partitions]\nmessages = 24\n',
    b'allow_demo_keys = true\nmetrics_port = 9100\nreplication = 3\n[security]\n"security.protocol" = "SSL"\n',
    b'publication_key_id = "k"\npublication_key_hex = "' + b"ab" * 32 + b'"\nstate_key_file = "/nowhere"\n',
    b'"self" = 1\nmodel_config = 1\n', b"bootstrap = 1979-05-27",
)  # fmt: skip
STEERING = b'_env_file = "/etc/passwd"\n_cli_parse_args = true\n'
NUL_PATHS = (
    b'state_dir = "\\u0000"\nstate_key_file = "\\u0000"\n',
    b'publication_key_id = "k"\npublication_key_file = "\\u0000"\nstate_key_file = "a\\u0000"\n',
)
UNREADABLE = (b"replication = " + LONG, b"x = " + b"[" * 3000)
POLICIES = (
    b'label = "x"\n[modes]\nSANCTION = "LABEL"\n', b"skew_ms = 1979-05-27T07:32:00Z", b"epoch_ms = inf",
    b"[grammar]\npatterns = [['(a)\\1', \"mobile\"]]\n",
)  # fmt: skip
ROWS_CSV = (
    b"kind,key,routes.relays,routes.mode,from,to,owner,version\nsender,1588-1234,relay-7|relay-9,exclusive,0,,org:1,\n"
    b"sender,kr:alnum:my bank,,listed,2025-12-17T09:00+09:00,,org:2,3\nrelay,relay-7,,,,,,\nallow,1588-1234,,,,,d,\n",
    b"kind,key,networks,reseller\naccount,acct-1,203.0.113.0/24|::1,reseller-1\naccount,acct-1,x,\n",
    b'kind,key\n"sender\n',
)
ROWS_FOUND = (
    b"kind,key,routes,routes.relays\nsender,15881234,relay-7,relay-9\n", b"kind,key,state,state.x\nsender,1,active,1\n",
    b'"' + b"x" * 140_000 + b'"\n', b"kind,key,from\nsender,15881234,--5\n", b"kind,key,from\nsender,1,\xc2\xb2\n",
    b"kind,key,to\nsender,15881234," + LONG + b"\n", b"\xff,kind,key\nx,sender,1588\n",
)  # fmt: skip
NUMBERS_CSV = (
    b"number,status,since\n+821055501111,terminated,2025-12-17T09:00+09:00\n010-5550-1112,active,\n1588-1234,active,\n",
    b"number,status\n+821055501111,active\n+821055501111,active\n+82105550x111,active\nx,y\n",
    b"number,status\n114,active\n*1#,active\n+12025550123,active\n+8210555011,terminated\n",
)
NUMBERS_FOUND = (
    b"number,status,since\n01055501111,terminated,-" + b"9" * 30 + b"\n",
    b"number,status,since\n01055501112,terminated,\xc2\xb2\n",
)
TIMES = (
    "2025-12-17T09:00+09:00", "1765944000000", "-5", "90s", "10m", "1e5d", "-s", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
)  # fmt: skip
TIMES_FOUND = ("--5", "²", "²s", "٣s", "9" * 5000, "9" * 5000 + "s")
NOTED = json.dumps({"as_of_ms": T, "sha256": "x", "done": True}).encode()
DEEP_DECISION = with_field(examples("decisions")[0], DEEP)


@cache
def _bundle() -> Evidence:
    made = Carrier().put(*alive(), relay(), number("terminated"))
    return made.bundle(message(channel="mt", origin_number=None, route={"relay_id": "relay-7"}))


def _evidence(raw: bytes) -> None:
    """A payload: judged in words, never passed by an error. Its packs are left out of the seed: they are many."""
    assert all(line.sentence for line in contents(raw))


def _evidence_row(raw: bytes) -> None:
    """A row within a bundle."""
    found = _bundle()
    rows = [
        msgspec.structs.replace(row, excerpt=raw.decode("utf-8", "replace")) if row.excerpt else row
        for row in found.reads
    ]
    _evidence(_encode(msgspec.structs.replace(found, reads=tuple(rows))))


TARGETS: tuple[Target, ...] = (
    Target("evidence", _evidence, (_encode(msgspec.structs.replace(_bundle(), packs={})),)),
    Target(
        "evidence-row", _evidence_row, tuple((row.excerpt or "").encode() for row in _bundle().reads if row.excerpt)
    ),
    Target("settings", _settings, SETTINGS, json=False, found=(STEERING, *NUL_PATHS, *UNREADABLE)),
    Target("policy-file", _policy_file, POLICIES, json=False, found=UNREADABLE),
    Target("replay-lines", _lines, (lines("messages"), b"\xef\xbb\xbf{}\r\n\r\n{}", b""), json=False),
    Target("replay-messages", _replayed(None), examples("messages")),
    Target("replay-registry", _replayed("registry"), examples("feeds")),
    Target("replay-reports", _replayed("reports"), examples("reports")),
    Target("replay-directives", _replayed("directives"), examples("directives")),
    Target("replay-policy", _replayed("policy"), examples("policy")),
    Target("import-rows-csv", _rows_file("rows.csv"), ROWS_CSV, json=False, found=ROWS_FOUND),
    Target("import-rows-ndjson", _rows_file("rows.ndjson"), tuple(r for r in examples("feeds") if b'"timeline"' in r)),
    Target("import-numbers-csv", _numbers_file, NUMBERS_CSV, json=False, found=NUMBERS_FOUND),
    Target("import-journal", _journal, (NOTED,), found=(with_field(NOTED, DEEP),)),
    Target("explain-decisions", _decisions_file, examples("decisions"), found=(DEEP_DECISION,)),
    Target("times", _times, tuple(t.encode() for t in TIMES), json=False, found=tuple(t.encode() for t in TIMES_FOUND)),
)
