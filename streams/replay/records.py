"""Control records from lines: registry values, reports, directives and policies, each with the time it is taken at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from streams.contracts.appeals import Appeal
from streams.contracts.base import read
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import Heartbeat, Manifest, RegistryValue
from streams.contracts.jobs import JobSubmission
from streams.contracts.lists import ListRow
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import BlockRow, Row
from streams.contracts.releases import Release
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import Finding
from streams.contracts.settings import SettingsRequest
from streams.replay.drive import Control, Raw, Refused, Timed

Kind = Literal[
    "registry", "reports", "directives", "orders", "appeals", "releases", "settings", "jobs", "blacklists", "policy"
]  # fmt: skip

#: No single control record is anywhere near this; a line beyond it is no record.
MAX_BYTES = 8 << 20


class _Shape(msgspec.Struct):
    """What tells values apart. Registry: rows have a kind, heartbeats beats, manifests neither. Policy: lists have a
    current version, policies have not. Blacklists: manifests name an issuer."""

    kind: str | None = None
    issuer: str | None = None
    beats: msgspec.Raw = msgspec.Raw(b"")
    current: msgspec.Raw = msgspec.Raw(b"")


_LISTED = msgspec.json.Decoder(BlacklistRow)
_MANIFEST_OF_LIST = msgspec.json.Decoder(BlacklistManifest)
_SHAPE = msgspec.json.Decoder(_Shape)
_ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
_HEARTBEAT = msgspec.json.Decoder(Heartbeat)
_MANIFEST = msgspec.json.Decoder(Manifest)
_REPORT = msgspec.json.Decoder(Report)
_DIRECTIVE = msgspec.json.Decoder(Directive)
_SETTINGS = msgspec.json.Decoder(SettingsRequest)
_JOB = msgspec.json.Decoder(JobSubmission)
_ORDER = msgspec.json.Decoder(Finding)
_APPEAL = msgspec.json.Decoder(Appeal)
_RELEASE = msgspec.json.Decoder(Release)
_POLICY = msgspec.json.Decoder(PolicyRow)
_LIST = msgspec.json.Decoder(ListRow)


def registry_value(line: bytes) -> RegistryValue:
    """A line of a registry file. Raises ValueError."""
    shape = read(_SHAPE, line)
    if shape.kind is not None:
        return read(_ROW, line)
    return read(_HEARTBEAT, line) if bytes(shape.beats) else read(_MANIFEST, line)


def blacklist_value(line: bytes) -> BlacklistRow | BlacklistManifest:
    """A line of a file of lists as they stand on `blacklists`. Raises ValueError."""
    return read(_LISTED, line) if read(_SHAPE, line).issuer is None else read(_MANIFEST_OF_LIST, line)


def policy_value(line: bytes) -> PolicyRow | ListRow:
    """A line of a policy file. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _LIST.decode(line) if bytes(_SHAPE.decode(line).current) else _POLICY.decode(line)


_DECODE: dict[Kind, Callable[[bytes], Control]] = {
    "registry": registry_value,
    "reports": _REPORT.decode,
    "directives": _DIRECTIVE.decode,
    "settings": _SETTINGS.decode,
    "jobs": _JOB.decode,
    "blacklists": blacklist_value,
    "orders": _ORDER.decode,
    "appeals": _APPEAL.decode,
    "releases": _RELEASE.decode,
    "policy": policy_value,
}


def taken_at(record: Control) -> int:
    """When a record enters a replay, in ms: when the first thing that it says was written down.

    Readers look by event time, so a change that is there too early is not seen too early; one that comes late is lost.
    """
    if isinstance(record, Report):
        return record.ingested_at_ms
    if isinstance(record, Directive | Finding | Appeal | Release | SettingsRequest | JobSubmission):
        return record.recorded_at_ms
    if isinstance(record, BlacklistManifest):
        return record.recorded_at_ms
    if isinstance(record, ListRow):
        return record.current.published_ms
    if isinstance(record, Manifest):
        return record.from_ms
    if isinstance(record, BlockRow):
        return (record.previous or record.current).as_of_ms
    if isinstance(record, Heartbeat):
        return min((beat.recorded_at_ms for beat in record.beats), default=0)
    return min((entry.recorded_at_ms for entry in record.timeline), default=0)


def read_control(kind: Kind, lines: Iterable[Raw], refused: Callable[[Refused], None]) -> Iterator[Timed]:
    """The records of a file, in its order; lines that are none go to `refused`."""
    decode = _DECODE[kind]
    for place, value in lines:
        if len(value) > MAX_BYTES:
            refused(Refused(place, "TOO_LARGE", value))
            continue
        try:
            record = decode(value)
        except msgspec.ValidationError:
            refused(Refused(place, f"NOT_A_RECORD_OF_{kind.upper()}", value))
        except (ValueError, RecursionError):
            refused(Refused(place, "NOT_JSON", value))
        else:
            yield Timed(taken_at(record), record, place, value)
