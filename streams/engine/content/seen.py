"""What the content checks of one message know beside the case."""

from __future__ import annotations

from typing import NamedTuple

from streams.engine.lists import Compiled, Found
from streams.engine.pseudonym import Keys


class Seen(NamedTuple):
    """route_passes: the route binding proves the sender. found: the lists that the text is on. linked: `host:` subjects
    of the text. advertised: it is known to be an advertisement."""

    keys: Keys
    route_passes: bool
    lists: Compiled
    found: list[Found]
    linked: tuple[str, ...]
    advertised: bool
