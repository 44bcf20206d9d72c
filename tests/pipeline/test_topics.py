"""A broker that says nothing: a sentence, not a traceback."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from streams.pipeline import topics
from streams.pipeline.errors import TopicError
from streams.pipeline.settings import Connection


class Silent(Future[Any]):
    """An answer that does not come."""

    def result(self, timeout: float | None = None) -> Any:
        raise TimeoutError


class Admin:
    """An admin client whose broker is too busy to answer."""

    def __init__(self, config: object) -> None:
        pass

    def list_topics(self, timeout: float) -> Any:
        return SimpleNamespace(topics={})

    def create_topics(self, new: list[Any], operation_timeout: float) -> dict[str, Silent]:
        return {one.topic: Silent() for one in new}

    def describe_topics(self, asked: object, request_timeout: float) -> dict[str, Silent]:
        return {"x.registry.v1": Silent()}


def test_a_broker_that_does_not_answer_in_time_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "AdminClient", Admin)
    connection = Connection("127.0.0.1:1", "x.")
    with pytest.raises(TopicError, match="could not be created: Kafka did not answer in time; try again"):
        topics.create_topics(connection)
    with pytest.raises(TopicError, match="can't be read: Kafka did not answer in time; try again"):
        topics.describe(connection, ("registry",))
