"""Worlds for the demo's tests, made once each."""

from functools import cache

import pytest

from streams.demo import World, build_world

WORLDS = ((0, 28_000), (7, 31_001), (20_251_217, 45_000))


@cache
def world_of(seed: int, messages: int) -> World:
    return build_world(seed, messages)


@pytest.fixture(params=WORLDS, ids=lambda p: f"seed{p[0]}-{p[1]}")
def world(request: pytest.FixtureRequest) -> World:
    """The promises hold for any seed and size, so every test sees several."""
    return world_of(*request.param)


@pytest.fixture
def small() -> World:
    return world_of(*WORLDS[0])
