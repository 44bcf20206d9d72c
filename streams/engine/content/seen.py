"""What the content checks of one message know beside the case."""

from __future__ import annotations

from typing import NamedTuple

from streams.engine.pseudonym import Keys


class Seen(NamedTuple):
    """route_passes: the route binding proves the sender. categories: of the lists that the text is found in."""

    keys: Keys
    route_passes: bool
    categories: tuple[str, ...] = ()
