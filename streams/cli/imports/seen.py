"""Which senders had traffic in the last day: an import that would lose one of them is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import msgspec

from streams.cli.imports.choices import SeenFrom
from streams.cli.kafka import Letter, read_to_end
from streams.pipeline.errors import TopicError
from streams.pipeline.settings import Connection

DAY_MS = 86_400_000

#: Which of these registry keys (`sender:…`) were seen; None when there is no telling.
Seen = Callable[[Collection[str]], set[str] | None]


class _Sender(msgspec.Struct):
    key: str
    registered: bool = False


class _Decision(msgspec.Struct):
    sender: _Sender


class _Pair(msgspec.Struct):
    subject: str
    passed: int = 0


_DECISION = msgspec.json.Decoder(_Decision)
_PAIR = msgspec.json.Decoder(_Pair)


def seen_from(connection: Connection, source: SeenFrom, now_ms: int) -> Seen:
    """Looks at the day before `now_ms` (the broker's time), and only when it is asked."""

    def seen(keys: Collection[str]) -> set[str] | None:
        if source is SeenFrom.NONE:
            return None
        try:
            return sought(keys, read_to_end(connection, (source.value,), now_ms - DAY_MS))
        except TopicError:
            return None

    return seen


def sought(keys: Collection[str], letters: Iterable[Letter]) -> set[str] | None:
    """Those of `keys` that the records of `decisions` or `pairs` name; None when there was no record at all.

    Ends early when all are found.
    """
    missing, found, any_ = set(keys), set[str](), False
    for letter in letters:
        any_ = True
        key = _named(letter)
        if key in missing:
            missing.discard(key)
            found.add(key)
            if not missing:
                break
    return found if any_ else None


def _named(letter: Letter) -> str:
    """The registry key of the sender that a record shows as served under its registration; empty if none."""
    try:
        if letter.entity == SeenFrom.PAIRS:
            pair = _PAIR.decode(letter.value or b"")
            return pair.subject.removeprefix("pair:").rpartition(">")[0] if pair.passed else ""
        sender = _DECISION.decode(letter.value or b"").sender
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f"sender:{sender.key}" if sender.registered else ""
