"""A target that breaks its promise, to see that the fuzzers notice: anything but JSON ends it with the wrong error."""

from __future__ import annotations

import json

from tests.fuzz.promise import Target


def _check(raw: bytes) -> None:
    try:
        json.loads(raw)
    except ValueError as error:
        raise KeyError("not what was promised") from error


TARGETS: tuple[Target, ...] = (Target("planted", _check, (b'{"a":1}',)),)
