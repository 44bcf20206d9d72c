"""Local time of an event: a function of its milliseconds and the pack's zone, never of the machine's."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = 60_000
#: Beyond 1000 years from 1970 no calendar is asked; times go on in UTC.
CALENDAR_MS = 1000 * 365 * 86_400_000
_1970 = datetime(1970, 1, 1).toordinal()


def minute_of_day(at_ms: int, time_zone: str) -> int:
    """Minutes since local midnight, 0 to 1439; the minute that the millisecond lies in."""
    return _minute(at_ms // MINUTE, time_zone)


@lru_cache(maxsize=1 << 14)
def _minute(minute: int, time_zone: str) -> int:
    if abs(minute * MINUTE) > CALENDAR_MS:
        return minute % 1440
    local = datetime.fromtimestamp(minute * 60, UTC).astimezone(ZoneInfo(time_zone))
    return local.hour * 60 + local.minute


def minute_named(clock: str) -> int:
    """`21:00` → 1260. Raises ValueError when it is no time of day."""
    hours, colon, minutes = clock.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal() and hours < "24"):
        raise ValueError(f"{clock!r} is no time of day: write HH:MM")
    if minutes > "59":
        raise ValueError(f"{clock!r} is no time of day: write HH:MM")
    return int(hours) * 60 + int(minutes)


def within(minute: int, begin: int, end: int) -> bool:
    """Whether a minute of the day lies in `[begin, end)`, also over midnight. An empty span holds nothing."""
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def end_of_day(day: int, time_zone: str) -> int:
    """The first millisecond after a local day, in ms. `day` as of `tally.bucket_of(at_ms, "d", time_zone)`."""
    if not 0 < day - _1970 < CALENDAR_MS // (1440 * MINUTE):
        return (day - _1970 + 1) * 1440 * MINUTE
    midnight = datetime.fromordinal(day + 1).replace(tzinfo=ZoneInfo(time_zone))
    return int(midnight.timestamp()) * 1000
