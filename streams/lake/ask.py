"""Questions that analysts ask: each an SQL file beside this one, with what it asks and takes in its first lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from streams.lake.errors import LakeError
from streams.lake.views import Answer, Views

_HEADER = re.compile(r"-- (?P<asks>.+)\n(?:-- .+\n)*?-- takes: (?P<takes>[a-z, ]+)\n")
#: What a question may take, how it is named in SQL, and what stands there where it is not given; `...` = it must be.
TAKES: dict[str, tuple[str, Any]] = {
    "from": ("from_ms", -(2**53)),
    "to": ("to_ms", 2**53),
    "at": ("at_ms", ...),
    "sender": ("sender", ...),
}


class Question(NamedTuple):
    """A question: its name, what it asks in a sentence, what it takes, and its SQL."""

    name: str
    asks: str
    takes: tuple[str, ...]
    sql: str


@cache
def questions() -> dict[str, Question]:
    """All questions, by name."""
    found = {}
    folder = resources.files("streams.lake") / "questions"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            name, sql = file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")
            header = _HEADER.match(sql)
            if header is None:
                raise LakeError(f"{file.name} does not begin with what it asks and takes.")
            takes = tuple(word.strip() for word in header["takes"].split(","))
            found[name] = Question(name, header["asks"], takes, sql)
    return found


def ask(views: Views, name: str, given: Mapping[str, Any]) -> Answer:
    """The answer to a question. `given`: by the words of `TAKES`, times in ms. Raises LakeError."""
    question = questions().get(name)
    if question is None:
        raise LakeError(f"There is no question {name!r}: `dualblock lake questions` lists {', '.join(questions())}.")
    spare = [word for word in given if word not in question.takes]
    if spare:
        raise LakeError(f"{name} takes {_options(question.takes)}, not {_options(spare)}.")
    values = {}
    for word in question.takes:
        key, missing = TAKES[word]
        values[key] = given.get(word, missing)
        if values[key] is ...:
            raise LakeError(f"{name} needs {_options([word])}.")
    return views.ask(question.sql, values)


def _options(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"--{word}" for word in words)
