"""Shipped packs: a jurisdiction's facts in one file, a profile's modes laid over them.

`generic` says what holds anywhere; a country's file lies over it and holds nothing but what is known of that country.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from streams.engine.policy import layer

JURISDICTIONS = ("kr", "vn", "cn", "in", "es", "sg", "nanp", "generic")
PROFILES = ("observe", "enforce")
_WHOLE = ("kr", "generic")  # the others say only what differs from `generic`


@cache
def shipped() -> dict[tuple[str, str], dict[str, Any]]:
    """Pack data by (jurisdiction, profile), ready for `streams.engine.policy.build`."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for jurisdiction in JURISDICTIONS:
        base = _read(jurisdiction) if jurisdiction in _WHOLE else layer(_read("generic"), _read(jurisdiction))
        for profile in PROFILES:
            found[jurisdiction, profile] = layer(layer(base, _read(f"profile.{profile}")), {"profile": profile})
            if profile == "enforce":
                found[jurisdiction, profile]["modes"] = dict(base["enforce"])
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))
