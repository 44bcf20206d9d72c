"""Fixtures of all rooms: a broker for the session, names of its own for a test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.broker import LocalBroker, missing

_BOUND_S = 3600.0
_KAFKA_FIXTURES = {"kafka", "kafka_install"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what asks for a broker, so that `-m "not kafka"` never starts one."""
    for item in items:
        if _KAFKA_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def kafka_install() -> None:
    """For a test that starts brokers of its own: skips if this machine can't, and fails in CI, where it has to."""
    if lack := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(lack, pytrace=False)
        pytest.skip(lack)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of the session's broker: $DUALBLOCK_TEST_BOOTSTRAP, or one started here and stopped at the end.

    All tests share it: name topics, groups and transactional ids by the fixture `topics`.
    """
    if given := os.environ.get("DUALBLOCK_TEST_BOOTSTRAP"):
        yield given
        return
    request.getfixturevalue("kafka_install")
    data: Path = tmp_path_factory.mktemp("kafka")
    with LocalBroker(data_dir=data, max_seconds=_BOUND_S) as broker:
        yield broker.bootstrap


@pytest.fixture
def topics() -> str:
    """A prefix that no other test has, for topics, groups and transactional ids (no dot at its end)."""
    return f"test-{uuid.uuid4().hex[:12]}"
