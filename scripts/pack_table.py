"""The tables of docs/jurisdictions.md, made of the packs: `.venv/bin/python scripts/pack_table.py --write`."""

from __future__ import annotations

import sys
from pathlib import Path

from streams.engine.pack import CODES, Pack
from streams.engine.policy import build
from streams.packs import JURISDICTIONS, shipped

PAGE = Path(__file__).resolve().parents[1] / "docs" / "jurisdictions.md"
BEGIN, END = "<!-- packs: written by scripts/pack_table.py --write -->", "<!-- end of packs -->"
NONE = "–"


def tables() -> str:
    """Rules by pack, what they rest on, and what authorities call our codes."""
    packs = [build(shipped()[name, "enforce"]).pack for name in JURISDICTIONS]
    rules = ["| | " + " | ".join(f"`{p.jurisdiction}`" for p in packs) + " |", "|---" * (len(packs) + 1) + "|"]
    rules += [f"| {what} | " + " | ".join(cell(p) for p in packs) + " |" for what, cell in ROWS]
    sources = ["| pack | what | rests on |", "|---|---|---|"]
    sources += [f"| `{p.jurisdiction}` | {what} | {said} |" for p in packs for what, said in p.sources.items()]
    codes = ["| ours | theirs |", "|---|---|"]
    codes += [f"| `{code}` | `{p.jurisdiction}`: {p.codes[code]} |" for p in packs for code in CODES if code in p.codes]
    return "\n\n".join("\n".join(lines) for lines in (rules, sources, codes))


def _names(pack: Pack) -> str:
    allowed = pack.grammar.allowed.get("mt")
    if allowed is not None and "alphanumeric" not in allowed:
        return f"no ({_mode(pack, 'SENDER_KIND_NOT_ALLOWED')})"
    return f"`{pack.grammar.alphanumeric}`" if pack.grammar.alphanumeric else "any"


def _mode(pack: Pack, code: str) -> str:
    return pack.enforce.get(code, pack.default_mode)


def _registered(pack: Pack) -> str:
    kinds = pack.registration.get("termination", ())
    if not kinds:
        return NONE
    return f"{'names' if kinds == ('alphanumeric',) else 'all that may send'} ({_mode(pack, 'SENDER_NOT_REGISTERED')})"


def _hours(pack: Pack) -> str:
    rules = pack.advertising
    return f"{rules.quiet_from}–{rules.quiet_to}" if rules.quiet_from else NONE


def _labels(pack: Pack) -> str:
    words = ", ".join(f"`{label}`" for label in pack.advertising.labels)
    return f"{words} ({_mode(pack, 'AD_LABEL_MISSING')})" if words else NONE


def _threshold(pack: Pack) -> str:
    window = pack.thresholds["sender"].count["10d"]
    return f"{window.warn}, {window.critical}"


ROWS = (
    ("local time", lambda p: p.time_zone),
    ("names as SMS senders", _names),
    ("must be registered", _registered),
    ("wrong route", lambda p: _mode(p, "SENDER_WRONG_ROUTE")),
    ("unallocated number", lambda p: _mode(p, "NUMBER_UNALLOCATED")),
    ("label of an advertisement", _labels),
    ("a way to opt out", lambda p: ", ".join(f"`{line}`" for line in p.advertising.opt_out) or NONE),
    ("no advertisements", _hours),
    ("consent register", lambda p: f"`{p.advertising.consent}`" if p.advertising.consent else NONE),
    ("reporters in 10 days: warn, block", _threshold),
    ("feeds trusted to be complete", lambda p: ", ".join(f"`{word}`" for word in p.feeds) or NONE),
)


def replaced(page: str) -> str:
    """The page with the tables between its marks. Raises ValueError when the marks are not there."""
    head, begun, rest = page.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"docs/jurisdictions.md has no place for the tables: put back the lines {BEGIN} and {END}.")
    return f"{head}{BEGIN}\n{tables()}\n{END}{tail}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(tables())
