"""Errors in the middle of a transaction: undone, read again, written once. And what a successor goes on from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from streams.pipeline.commit import CommitPolicy
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.loop import Loop
from streams.pipeline.settings import Config
from streams.pipeline.step import Output
from tests.pipeline.toy import Toy, create, feed, read, running, settings, until

ABORTABLE = KafkaError(KafkaError.INVALID_TXN_STATE, "injected", txn_requires_abort=True)
RETRIABLE = KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS, "injected", retriable=True)
UNKNOWN = KafkaError(KafkaError._TIMED_OUT, "injected")
FATAL = KafkaError(KafkaError._FENCED, "injected", fatal=True, retriable=True, txn_requires_abort=True)


class Faulty:
    """A producer that fails at the `at`th call of one method, before or after doing it."""

    made = 0

    def __init__(self, config: Config, method: str, error: KafkaError, at: int, after: bool) -> None:
        self._inner = Producer(config)
        self._method, self._error, self._left, self._after = method, error, at if Faulty.made == 0 else 0, after
        Faulty.made += 1

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._inner, name)
        if name != self._method:
            return inner

        def call(*args: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                self._inner.flush(10)  # so that the attempt stands on the log
                if self._after:
                    inner(*args, **more)
                raise KafkaException(self._error)
            return inner(*args, **more)

        return call


def faulty(method: str, error: KafkaError, at: int = 2, after: bool = False) -> Callable[[Config], Any]:
    Faulty.made = 0
    return lambda config: Faulty(config, method, error, at, after)


def values(kafka: str, topics: str, committed: bool = True) -> list[bytes]:
    return sorted((m.value() or b"").split(b":")[2] for m in read(kafka, f"{topics}.out.v1", committed))


@pytest.mark.parametrize(
    ("method", "error", "after", "undone"),
    [
        ("commit_transaction", ABORTABLE, False, True),
        ("send_offsets_to_transaction", ABORTABLE, False, True),
        ("send_offsets_to_transaction", RETRIABLE, False, False),
        ("commit_transaction", RETRIABLE, False, False),
        ("commit_transaction", UNKNOWN, False, True),  # it was not committed …
        ("commit_transaction", UNKNOWN, True, True),  # … and here it was, but nobody said so
        ("produce", ABORTABLE, False, True),
    ],
)
def test_an_error_is_mended_by_a_replay(
    kafka: str, topics: str, method: str, error: KafkaError, after: bool, undone: bool
) -> None:
    create(kafka, topics, **{"in": 2, "out": 2, "in_dead": 2})
    sent = [(n % 2, b"%04d" % n) for n in range(600)]
    feed(kafka, f"{topics}.in.v1", sent)
    step = Toy()
    loop = Loop(
        step,
        settings(kafka, topics, batch=100),
        policy=CommitPolicy(max_records=100),
        make_producer=faulty(method, error, at=150 if method == "produce" else 2, after=after),
    )
    with running(loop) as raised:
        until(lambda: len(values(kafka, topics)) >= 600)
    assert not raised
    assert values(kafka, topics) == [v for _, v in sent]
    assert ("aborted" in step.calls) == undone
    assert step.sum == (600 if not after else 500), "what was committed behind our back is not counted again"
    if undone and not after:
        assert len(values(kafka, topics, committed=False)) > 600


@pytest.mark.parametrize("call", ["commit_transaction", "poll"])  # the second one by no documentation
def test_a_fatal_error_ends_the_loop_for_a_restart(kafka: str, topics: str, call: str) -> None:
    create(kafka, topics, **{"in": 2, "out": 2, "in_dead": 2})
    feed(kafka, f"{topics}.in.v1", [(n % 2, b"%04d" % n) for n in range(300)])
    loop = Loop(Toy(), settings(kafka, topics), make_producer=faulty(call, FATAL, at=1))
    with pytest.raises(RestartNeeded):
        loop.run()
    with running(Loop(Toy(), settings(kafka, topics))):
        until(lambda: len(values(kafka, topics)) >= 300)
    assert values(kafka, topics) == [b"%04d" % n for n in range(300)]


def test_a_predecessor_with_the_same_id_is_fenced(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    with running(Loop(Toy(), settings(kafka, topics))) as first:
        feed(kafka, f"{topics}.in.v1", [(0, b"a")])
        until(lambda: len(values(kafka, topics)) == 1)
        with running(Loop(Toy(), settings(kafka, topics))) as second:
            feed(kafka, f"{topics}.in.v1", [(0, b"b")])
            until(lambda: len(values(kafka, topics)) == 2)
            until(lambda: first)
        assert isinstance(first[0], RestartNeeded)
    assert not second
    assert values(kafka, topics) == [b"a", b"b"]


def test_a_successor_knows_the_highest_event_time(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    feed(kafka, f"{topics}.in.v1", [(0, b"%d" % n) for n in range(5)])
    with running(Loop(Toy(), settings(kafka, topics))):
        until(lambda: len(values(kafka, topics)) == 5)
    step = Toy()
    with running(Loop(step, settings(kafka, topics))):
        until(lambda: step.seeded_ms)
    assert step.seeded_ms == {0: 1004}


def test_order_of_calls(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    feed(kafka, f"{topics}.in.v1", [(0, b"a")])
    step = Toy()
    step.speak = [Output("out", b"k", b"0:0:idle")]
    with running(Loop(step, settings(kafka, topics))):
        until(lambda: len(values(kafka, topics)) == 2)
    assert values(kafka, topics) == [b"a", b"idle"]
    assert step.calls[0] == "assigned [0]"
    assert step.calls.count("committed") == step.calls.count("flush") + 1 == 2
    assert step.calls[-2:] == ["revoked [0]", "close"]


def test_not_ready_leaves_no_transaction_open(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    step = Toy()
    loop = Loop(step, settings(kafka, topics), policy=CommitPolicy(max_ms=60_000, at_end_ms=60_000))
    with running(loop) as raised:
        until(lambda: loop.ready)
        feed(kafka, f"{topics}.in.v1", [(0, b"a")])
        until(lambda: step.handled)
        step.ready = False
        until(lambda: values(kafka, topics) == [b"a"], 5.0)
    assert not raised


def test_not_ready_consumes_nothing_and_stays_in_the_group(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    step = Toy()
    loop = Loop(step, settings(kafka, topics))
    with running(loop) as raised:
        until(lambda: loop.ready and "assigned [0]" in step.calls)
        step.ready = False
        until(lambda: not loop.ready)
        feed(kafka, f"{topics}.in.v1", [(0, b"%d" % n) for n in range(9)])
        with pytest.raises(AssertionError):
            until(lambda: step.handled, 1.0)
        step.ready = True
        until(lambda: len(values(kafka, topics)) == 9)
    assert not raised
    assert [offset for _, offset in step.handled] == list(range(9))
