"""Rows of a registry file, each checked as the registrar will check it, and against the others of the import."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

import msgspec

from streams.cli.imports.source import Cells, Csv, Reject, RowError, is_csv, reject
from streams.cli.shell import instant
from streams.contracts.feeds import Heartbeat, Manifest
from streams.contracts.registry import BlockRow, ConsentRow, Row, TimelineRow
from streams.engine.pack import Grammar
from streams.engine.registry import RowRefused, merge
from streams.engine.senders import classify
from streams.errors import InputError
from streams.replay.lines import read_lines
from streams.replay.records import registry_value

#: Version of an entry from a CSV file without versions: the plan numbers it after those that are held.
UNNUMBERED = 0
_LISTS = {
    "legs", "channels", "classes", "names", "accounts", "networks", "links", "routes", "routes.relays",
    "routes.resellers", "routes.accounts", "owner_keys", "purposes",
}  # fmt: skip
_TIMES = {"from": "from_ms", "to": "to_ms", "recorded_at": "recorded_at_ms"}
_KINDS: dict[str, Any] = {str(r.__struct_config__.tag): r for r in get_args(TimelineRow)}
Hide = Callable[[str], str]
_BY_SENDER = ("sender", "dno", "allow")


@dataclass(slots=True)
class Parsed:
    """What the files hold. rows: by key, in order; unnumbered: keys whose entries have no versions of their own."""

    rows: dict[str, Row] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    unnumbered: set[str] = field(default_factory=set)
    rejects: list[Reject] = field(default_factory=list)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)


def parse_rows(
    files: list[str], grammar: Grammar, as_of_ms: int, each: Callable[[], None], hide: Hide | None = None
) -> Parsed:  # fmt: skip
    """Read all files. `each` is called for every row. hide: makes a recipient's number the pseudonym that consents are
    kept under; without it they must come as such. Raises InputError when a file can't be read."""
    parsed = Parsed()
    for name in files:
        if is_csv(name):
            _csv(name, parsed, grammar, as_of_ms, each, hide)
        else:
            _ndjson(name, parsed, grammar, each, hide)
    return parsed


def _ndjson(name: str, parsed: Parsed, grammar: Grammar, each: Callable[[], None], hide: Hide | None) -> None:
    for place, value in read_lines(name):
        each()
        parsed.digest.update(value + b"\n")
        try:
            row = _hidden(_decoded(value), hide)
            _take(parsed, row, place, grammar)
        except RowError as error:
            parsed.rejects.append(reject(place, error, value.decode("utf-8", "replace")))


def _hidden(row: Row, hide: Hide | None) -> Row:
    """A consent with its recipient as a pseudonym; `consent:org:1>01055509999` is how it is written down."""
    owner, mark, person = row.key.rpartition(">")
    if not isinstance(row, ConsentRow) or person.startswith("~"):
        return row
    if hide is None or not mark or not person:
        raise RowError("RECIPIENT_IN_CLEAR", f"{owner}>…: write owner>number, and configure the keys of the pseudonyms")
    return msgspec.structs.replace(row, key=f"{owner}>{hide(person)}")


def _decoded(value: bytes) -> Row:
    try:
        row = registry_value(value)
    except msgspec.ValidationError as error:
        raise RowError("NOT_A_ROW", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise RowError("NOT_JSON", str(error)) from error
    if isinstance(row, Heartbeat | Manifest):
        raise RowError("NOT_A_ROW", "an import writes its heartbeat and manifests itself")
    return row


def _csv(
    name: str, parsed: Parsed, grammar: Grammar, as_of_ms: int, each: Callable[[], None], hide: Hide | None
) -> None:
    source = Csv(name, parsed.digest, required=("kind", "key"))
    for found in source.rows():
        each()
        if isinstance(found, Reject):
            parsed.rejects.append(found)
            continue
        try:
            row = _hidden(_from_cells(found, grammar, as_of_ms), hide)
            if "version" not in found.cells:
                _append(parsed, row, found.place, grammar)
            else:
                _take(parsed, row, found.place, grammar)
        except RowError as error:
            parsed.rejects.append(reject(found.place, error, found.text))


def _from_cells(found: Cells, grammar: Grammar, as_of_ms: int) -> Row:
    cells = dict(found.cells)
    kind, key = cells.pop("kind", ""), cells.pop("key", "")
    row_type = _KINDS.get(kind)
    if row_type is None:
        raise RowError("NO_SUCH_KIND", f"{kind!r} is none of {', '.join(_KINDS)}")
    entry: dict[str, Any] = {"recorded_at_ms": as_of_ms, "from_ms": as_of_ms, "version": UNNUMBERED}
    fields = _fields(row_type)
    for column, cell in cells.items():
        name = _TIMES.get(column, column)
        head, _, tail = name.partition(".")
        if head not in fields:
            raise RowError("NO_SUCH_COLUMN", f"{kind} rows have no {column}: they have {', '.join(sorted(fields))}")
        value = _value(name, cell)
        if not tail:
            entry[name] = value
        elif isinstance(inner := entry.setdefault(head, {}), dict):
            inner[tail] = value
        else:
            raise RowError("COLUMN_TWICE", f"{column} is a part of {head}, which has a column of its own: give one")
    try:
        named = {"kind": kind, "key": _full_key(kind, key, grammar), "timeline": [entry]}
        row: Row = msgspec.convert(named, row_type, strict=False)
    except msgspec.ValidationError as error:
        raise RowError("NOT_A_ROW", str(error)) from error
    return row


def _fields(row_type: Any) -> set[str]:
    (entry,) = (f for f in msgspec.structs.fields(row_type) if f.name == "timeline")
    return {f.encode_name for f in msgspec.structs.fields(get_args(entry.type)[0])}


def _value(name: str, cell: str) -> Any:
    if name in _LISTS:
        return [part.strip() for part in cell.split("|") if part.strip()]
    if name.endswith("_ms"):
        try:
            return instant(cell)
        except InputError as error:
            raise RowError("NO_TIME", str(error)) from error
    return cell


def _full_key(kind: str, key: str, grammar: Grammar) -> str:
    """`sender:kr:15881234` as it is, or made of an address as people write it (`1588-1234`)."""
    if key.startswith(f"{kind}:"):
        return key
    if kind in _BY_SENDER and not key.startswith((f"{grammar.country}:", "+")):
        return f"{kind}:{classify(key, None, grammar).key}"
    if kind == "number":
        return f"number:{classify(key, None, grammar).number or key}"
    return f"{kind}:{key}"


def _append(parsed: Parsed, row: Row, place: str, grammar: Grammar) -> None:
    """A line without a version: one more entry of its key."""
    held = parsed.rows.get(row.key)
    if held is None:
        _check(row, grammar)
        parsed.rows[row.key], parsed.places[row.key] = row, place
        parsed.unnumbered.add(row.key)
        return
    if type(held) is not type(row) or isinstance(held, BlockRow) or isinstance(row, BlockRow):
        raise RowError("KIND_CHANGED", f"{row.key} is another kind above")
    if row.key not in parsed.unnumbered:
        raise RowError("VERSION_MISSING", f"{row.key} has a version above: give this line one, too")
    timeline: Any = (*held.timeline, *row.timeline)
    parsed.rows[row.key] = msgspec.structs.replace(held, timeline=timeline)


def _take(parsed: Parsed, row: Row, place: str, grammar: Grammar) -> None:
    _check(row, grammar)
    if row.key in parsed.unnumbered:
        raise RowError("VERSION_MISSING", f"{row.key} has no version above: give that line one, too")
    try:
        merged = merge(parsed.rows.get(row.key), row)
    except RowRefused as error:
        raise RowError(error.reason, error.detail) from error
    parsed.places.setdefault(row.key, place)
    if merged is not None and not isinstance(merged, Heartbeat | Manifest):
        parsed.rows[row.key] = merged


def _check(row: Row, grammar: Grammar) -> None:
    if isinstance(row, BlockRow):
        return
    kind = str(row.__struct_config__.tag)
    if not row.timeline:
        raise RowError("EMPTY_TIMELINE", f"{row.key} has no entry: to end one, give it to_ms")
    if not row.key.startswith(f"{kind}:"):
        raise RowError("WRONG_KEY", f"a {kind} row under {row.key}: its key begins with {kind}:")
    if any(e.to_ms is not None and e.to_ms < e.from_ms for e in row.timeline):
        raise RowError("ENDS_BEFORE_IT_BEGINS", f"{row.key}: to_ms is before from_ms")
    wanted = _canonical(kind, row.key.partition(":")[2], grammar)
    if wanted is not None and f"{kind}:{wanted}" != row.key:
        raise RowError("KEY_NOT_CANONICAL", f"{row.key} would never be found: write {kind}:{wanted}")


def _canonical(kind: str, name: str, grammar: Grammar) -> str | None:
    """The key under which gates look for a sender or number; None where any key will do."""
    country = f"{grammar.country}:"
    if kind not in (*_BY_SENDER, "number") or not name.startswith((country, "+")):
        return None if kind not in (*_BY_SENDER, "number") or ":" in name else classify(name, None, grammar).key
    address = name.removeprefix(country).removeprefix("alnum:").removeprefix("code:")
    found = classify(address, None, grammar)
    return (found.number if kind == "number" else found.key) if found.kind != "malformed" else None
