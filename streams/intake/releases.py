"""A spam box's export: a JSON object for each message that a recipient took out of it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from streams.contracts.base import Id, Ms, Text
from streams.intake.base import RowRefused


class Taken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a line says. A field that is misspelt is refused: it would be missed silently.

    The text and the recipient's number go no further than the import.
    """

    id: Annotated[str, Meta(min_length=1, max_length=128, description="the spam box's own")]
    recipient: Annotated[str, Meta(min_length=1, max_length=256)]
    sender: Annotated[str, Meta(min_length=1, max_length=256, description="as it was displayed")]
    released_at_ms: Ms
    event_id: Id | None = None
    relay_id: Id | None = None
    text: Text | None = None


_DECODE = msgspec.json.Decoder(Taken).decode


def taken_of(raw: bytes) -> Taken:
    """What a line says. Raises RowRefused."""
    try:
        return _DECODE(raw)
    except (ValueError, RecursionError) as error:
        raise RowRefused("NOT_A_RELEASE", str(error)[:300]) from error
