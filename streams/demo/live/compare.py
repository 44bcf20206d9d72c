"""Two runs, message for message: everything but `observed` must be the same bytes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision


def by_event(decisions: Iterable[Decision]) -> dict[str, bytes]:
    """Canonical bytes of each decision without `observed`, by event id."""
    encode = encoder().encode
    return {d.event_id: encode(msgspec.structs.replace(d, observed=None)) for d in decisions}


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Event ids whose decisions differ or are missing on one side, sorted."""
    return sorted(event for event in one.keys() | other.keys() if one.get(event) != other.get(event))
